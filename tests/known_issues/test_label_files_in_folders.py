"""Label files were matched by their base names alone, so that one became labels of another recording, or of either; and
those of other kinds were left out without a word."""

import pytest

from pysed.corpus.label_files import read_labels
from pysed.errors import DataError
from pysed.events import Event

BELL = [Event(0.5, 1.0, "bell")]


@pytest.fixture
def place(tmp_path):
    """Write label files by their paths in ``lab``, or recordings by theirs in ``rec``."""

    def place(*names, text="0.5\t1.0\tbell\n"):
        for name in names:
            path = tmp_path / ("rec" if name.endswith((".wav", ".flac")) else "lab") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return place


def read(tmp_path):
    return read_labels(tmp_path / "lab", tmp_path / "rec")


def refused(tmp_path, path=""):
    with pytest.raises(DataError) as fault:
        read_labels(tmp_path / "lab" / path, tmp_path / "rec")
    return str(fault.value)


def test_a_label_file_belongs_to_the_recording_in_its_folder(tmp_path, place):
    names = ("s1/monday", "s2/monday", "monday", "s2/thu")
    place(*(f"{name}.wav" for name in names))
    place("s1/monday.txt", "monday.wav.txt", "s2/thu.selections.txt", "s2/monday.wav.txt")
    assert read(tmp_path) == {"s1/monday.wav": BELL, "monday.wav": BELL, "s2/thu.wav": BELL, "s2/monday.wav": BELL}


def test_one_whose_recording_is_not_there_is_named(tmp_path, place):
    place("s1/monday.wav", "s2/thu.wav")
    place("s1/monday.txt", "s2/monday.txt")
    assert "s2/monday.txt: no recording s2/monday in " in refused(tmp_path)


def test_without_such_folders_the_name_decides(tmp_path, place):
    place("s1/monday.wav", "s2/thu.wav")
    place("monday.txt", "more/thu.txt")
    assert read(tmp_path) == {"s1/monday.wav": BELL, "s2/thu.wav": BELL}


def test_labels_of_two_folders_for_one_recording_are_told(tmp_path, place, capsys):
    place("monday.wav")
    place("t1/monday.txt")
    place("t2/monday.txt", text="2\t3\tbell\n")
    assert read(tmp_path) == {"monday.wav": [*BELL, Event(2, 3, "bell")]}
    assert "monday.wav: labelled by both" in capsys.readouterr().err


def test_the_remedy_is_one(tmp_path, place):
    place("s1/monday.wav", "s2/monday.wav", "a.wav", "a.flac")
    place("monday.txt")
    assert "give a folder of labels, in which each lies in a folder of the same name" in refused(tmp_path)
    place("s1/monday.txt")
    assert "give a folder of labels" in refused(tmp_path, "s1/monday.txt"), "a file alone has no place among others"
    place("a.txt")
    assert "name it after one of them with its ending, such as a.flac.txt" in refused(tmp_path, "a.txt")


def test_what_detect_writes_into_a_folder(tmp_path, place):
    """For odd names too, which it writes escaped."""
    place("s1/mon\nday.wav", "s2/mon\nday.wav")
    place("s1/mon\\nday.wav.txt", "s2/mon\\nday.wav.selections.txt")
    assert read(tmp_path) == {"s1/mon\\nday.wav": BELL, "s2/mon\\nday.wav": BELL}


def test_a_linked_folder_of_labels_is_read(tmp_path, place):
    place("s1/a.wav", "b.wav")
    place("b.txt")
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside/a.txt").write_text("0.5\t1.0\tbell\n")
    (tmp_path / "lab/s1").symlink_to("../aside")
    assert read(tmp_path) == {"b.wav": BELL, "s1/a.wav": BELL}


def test_what_is_left_out_is_named(tmp_path, place, capsys):
    place("b1.wav", "b3.wav")
    place("b1.txt", "b3.csv", "x/notes.md", ".DS_Store", ".pysed-detect.journal")
    place("._b1.txt", text=b"\0\5\x16\7\0\2\xff")
    (tmp_path / "lab/beside.wav").touch()
    assert read(tmp_path) == {"b1.wav": BELL}
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert any("files of other kinds than .txt, .tsv, .textgrid left out: 2 (b3.csv, x/notes.md)" in x for x in lines)
    assert any("macOS keeps beside others left out: 1 (._b1.txt)" in line for line in lines)


def test_decimal_commas_are_read(tmp_path, place):
    """As Audacity reads them."""
    place("a.wav", "b.wav")
    place("a.txt", text="0,5\t1,0\tbell\n\\\t100,0\t200,0\n")
    head = "Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\n"
    place("b.selections.txt", text=f"{head}1\t0,5\t1,0\tbell\n")
    assert read(tmp_path) == {"a.wav": BELL, "b.wav": BELL}


def test_the_line_that_is_none_is_named(tmp_path, place):
    place("a.wav")
    place("a.txt", text="0.5\t1.0\tbell\n2.0 3.0 bell\n")
    assert "a.txt:2: '2.0 3.0 bell': no row of a label track" in refused(tmp_path)
    place("a.txt", text="1,234,5\t2\tbell\n")
    assert "a.txt:1: start '1,234,5'; expected seconds" in refused(tmp_path)
