"""Score lists with commas gave "0 events" with exit 0; other spellings of a class and repeated rows counted."""

import pytest

from pysed.cli import main
from pysed.errors import DataError
from pysed.events import read_events


def score(tmp_path, reference: str, detected: str) -> int:
    (tmp_path / "r").write_text(reference)
    (tmp_path / "d").write_text(detected)
    return main(["score", "--reference", f"{tmp_path}/r", "--detected", f"{tmp_path}/d", "--event", "babycry"])


@pytest.mark.parametrize(
    "row",
    [
        "a.wav,1.0,2.0,babycry", "a.wav 1 2 babycry", "a.wav, 1.0, 2.0, babycry", "a b.wav;1;2;baby cry",
        '"a.wav","1.0","2.0","babycry"', "b.wav,,,", "filename,onset,offset,event_label", "a.wav  1.0  2.0  babycry",
        "a.wav,1e0,2.5e+0,babycry",
    ],
)  # fmt: skip
def test_other_separators_are_refused(row, tmp_path, capsys):
    assert score(tmp_path, row + "\n", row + "\n") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "/d:1: " in error and "between tabs" in error


def test_names_with_spaces_commas_and_numbers_are_names(tmp_path):
    names = ["take 1 2 final.wav", "1, 2, 3.flac", "a b.wav", "rec 2017 01 02.ogg", "1 2", "x,y.aiff"]
    (tmp_path / "r").write_text("".join(f"{name}\n" for name in names))
    assert list(read_events(tmp_path / "r")) == names


def test_another_spelling_of_the_class_is_hinted_at(tmp_path, capsys):
    assert score(tmp_path, "a.wav\t1\t2\tbabycry\n", "a.wav\t1\t2\tBabycry\n") == 0
    error = capsys.readouterr().err
    assert error == f"{tmp_path}/d: no event of the class 'babycry'; it has 'Babycry'; did you mean 'Babycry'?\n"
    assert score(tmp_path, "a.wav\t1\t2\tgunshot\n", "a.wav\t1\t2\tbabycry\n") == 0
    assert capsys.readouterr().err == f"{tmp_path}/r: no event of the class 'babycry'; it has 'gunshot'\n"


def test_a_repeated_row_is_refused(tmp_path):
    (tmp_path / "r").write_text("a.wav\t1\t2\tcry\na.wav\t1.5\t3\tcry\na.wav\t1.0\t2.0\tcry\n")
    with pytest.raises(DataError, match=r"r:3: the same event of a\.wav twice"):
        read_events(tmp_path / "r")
