"""Labels of Audacity, Raven and Praat as these tools write them, by hand; faults in them are named with their line."""

import numpy as np
import pytest
import soundfile

from pysed.corpus.label_files import read_labels
from pysed.corpus.own import make_own
from pysed.errors import DataError
from pysed.events import Event

AUDACITY = "0.500000\t1.250000\tcry\n\\\t100.0\t4000.0\n3.000000\t4.000000\tshot, far\n"
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
    "1\tWaveform 1\t1\t0.5\t1.25\t0.0\t8000.0\tcry\n1\tSpectrogram 1\t1\t0.5\t1.25\t0.0\t8000.0\tcry\n"
    "2\tSpectrogram 1\t1\t3.0\t4.0\t0.0\t8000.0\tshot, far\n"
)
SEVERAL = (
    "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n"
    "1\t0.5\t1.25\ta.wav\t0.5\tcry\n2\t33.0\t34.0\tb.wav\t3.0\tshot, far\n"
)
SHORT = 'File type = "ooTextFile short"\n"TextGrid"\n\n0\n5.5\n<exists>\n2\n'
SHORT += '"IntervalTier"\n"events"\n0\n5.5\n4\n0\n0.5\n""\n0.5\n1.25\n"cry"\n1.25\n3\n" "\n3\n4\n"shot, far"\n'
SHORT += '"TextTier"\n"notes"\n0\n5.5\n1\n2.5\n"a note"\n'
SHORT = SHORT.replace("ooTextFile short", "ooTextFile")
BOTH = [Event(0.5, 1.25, "cry"), Event(3.0, 4.0, "shot, far")]


@pytest.fixture
def audio(tmp_path):
    (tmp_path / "audio/deep").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "deep/ü.flac"):
        (tmp_path / "audio" / name).touch()
    return tmp_path / "audio"


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.txt", AUDACITY), ("a.wav.txt", AUDACITY), ("a.Table.1.selections.txt", RAVEN), ("a.TextGrid", SHORT)],
)
def test_each_kind_by_the_recordings_name(tmp_path, audio, name, text):
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / name, audio) == {"a.wav": BOTH}


def test_praats_utf16_and_a_table_of_several_files(tmp_path, audio):
    (tmp_path / "ü.TextGrid").write_bytes(SHORT.replace("cry", "Schrei ü").encode("utf-16"))
    assert read_labels(tmp_path / "ü.TextGrid", audio)["deep/ü.flac"][0].label == "Schrei ü"
    (tmp_path / "all.txt").write_text(SEVERAL)
    assert read_labels(tmp_path / "all.txt", audio) == {"a.wav": BOTH[:1], "b.wav": BOTH[1:]}


def test_a_folder_of_them_and_an_event_list(tmp_path, audio):
    (tmp_path / "labels/x").mkdir(parents=True)
    (tmp_path / "labels/a.txt").write_text(AUDACITY)
    (tmp_path / "labels/b.TextGrid").write_text(SHORT)
    (tmp_path / "labels/x/ü.selections.txt").write_text(RAVEN)
    assert read_labels(tmp_path / "labels", audio) == {"a.wav": BOTH, "b.wav": BOTH, "deep/ü.flac": BOTH}
    (tmp_path / "list.tsv").write_text("a.wav\t0.5\t1.25\tcry\nb.wav\n")
    assert read_labels(tmp_path / "list.tsv", audio) == {"a.wav": BOTH[:1], "b.wav": []}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "0.5\t0.5\tcry\n", "a.txt:1: end 0.5 <= start 0.5"),
        ("a.txt", "0.5\t1.0\t\n", "a.txt:1: no label"),
        ("a.txt", "-0.5\t1.0\tcry\n", "a.txt:1: start -0.5"),
        ("c.txt", AUDACITY, "no recording c in"),
        ("a.txt", RAVEN.replace("Species", "Notes"), "a.txt:1: no columns"),
        ("a.txt", RAVEN.replace("1.25", "x"), "a.txt:2: end 'x'"),
        ("a.txt", SEVERAL.replace("\t3.0\t", "\ty\t"), "a.txt:3: start 'y'"),
        ("a.txt", SEVERAL.replace("b.wav", "z.wav"), "no recording z.wav in"),
        ("a.TextGrid", "hello", "no TextGrid"),
        ("a.TextGrid", SHORT[: len(SHORT) // 2], "ends, or goes wrong"),
        ("a.TextGrid", SHORT.replace("0.5\n1.25", "2\n1.25"), "interval 2: end 1.25 <= start 2.0"),
    ],
)
def test_faults_are_named(tmp_path, audio, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as fault:
        read_labels(tmp_path / name, audio)
    assert words in str(fault.value) and "\n" not in str(fault.value)


def test_an_own_corpus_from_label_tracks(tmp_path):
    rng = np.random.default_rng(0)
    for folder, length_s in (("audio", 6), ("places", 31)):
        (tmp_path / folder).mkdir()
        for number in range(4):
            soundfile.write(tmp_path / folder / f"{number}.wav", rng.normal(0, 0.1, length_s * 16000), 16000)
    (tmp_path / "labels").mkdir()
    for number in range(4):
        (tmp_path / f"labels/{number}.txt").write_text(AUDACITY.replace("shot, far", "shot"))
    lines = make_own(tmp_path / "audio", tmp_path / "places", tmp_path / "own", tmp_path / "labels")
    assert any(line.startswith("devtrain cry: ") and "0.75 to 0.75 s" in line for line in lines)
    assert sum(" shot: " in line for line in lines) == 2
