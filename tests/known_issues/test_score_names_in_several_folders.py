"""Two test files of the same base name in different folders could not be scored."""

import json

import pytest

from pysed.cli import main

REFERENCE = "a/x.wav\t1.0\t2.0\tcry\nb/x.wav\t7.0\t8.0\tcry\nb/y.wav\n"


@pytest.fixture
def score(tmp_path, capsys):
    """(exit code, score, stderr) of a list of detections."""

    def score(detected: str, *options: str, reference: str = REFERENCE):
        (tmp_path / "ref.tsv").write_text(reference)
        (tmp_path / "det.tsv").write_text(detected)
        paths = ["--reference", f"{tmp_path}/ref.tsv", "--detected", f"{tmp_path}/det.tsv", "--out", f"{tmp_path}/s"]
        code = main(["score", "--event", "cry", *paths, *options])
        found = json.loads((tmp_path / "s").read_text()) if code == 0 else {}
        return code, found, capsys.readouterr().err

    return score


def test_files_are_told_apart_by_their_folders(score):
    code, found, _ = score("a/x.wav\t1.1\t2.0\tcry\n./b/x.wav\t1.1\t2.0\tcry\nb/y.wav\n")
    assert code == 0 and found["num_reference"] == 2
    assert (found["num_detected"], found["insertions"], found["deletions"]) == (2, 1, 1), "one hit, one at a's place"


def test_base_names_that_say_too_little_are_refused(score):
    code, _, error = score("x.wav\t1.1\t2.0\tcry\n")
    assert code == 2 and "x.wav: in more than one folder" in error and len(error.splitlines()) == 1


def test_unique_base_names_match_whatever_the_folders(score):
    code, found, _ = score("elsewhere/x.wav\t1.1\t2.0\tcry\n", reference="a/x.wav\t1.0\t2.0\tcry\nb/y.wav\n")
    assert code == 0 and found["error_rate"] == 0


def test_pictures_lie_in_folders_and_never_outside(score, tmp_path):
    code, _, _ = score("a/x.wav\nb/x.wav\n", "--plot", f"{tmp_path}/p")
    assert code == 0 and sorted(p.relative_to(tmp_path / "p").as_posix() for p in (tmp_path / "p").rglob("*.png")) == [
        "a/x.wav.png", "b/x.wav.png", "b/y.wav.png"
    ]  # fmt: skip
    outside = "../x.wav\t1.0\t2.0\tcry\nb/x.wav\n"
    code, _, error = score(outside, "--plot", f"{tmp_path}/p", reference=outside)
    assert code == 2 and "../x.wav: leads outside" in error and not (tmp_path / "x.wav.png").exists()
