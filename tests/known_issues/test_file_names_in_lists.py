"""File names that are not UTF-8 ended in a traceback; a tab or line break in one made a list that nothing can read."""

import json
import os

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus
from small_detector import make_model

from pysed.audio.folders import listed_path, printable
from pysed.cli import main
from pysed.events import read_events

NAMES = {
    b"a\tb.wav": r"a\tb.wav",
    b"a\nb.wav": r"a\nb.wav",
    b"a\rb.wav": r"a\rb.wav",
    b"caf\xe9.wav": r"caf\xe9.wav",
    "a\u2028b\x85c.wav".encode(): r"a\u2028b\x85c.wav",
    b" a.wav": r"\x20a.wav",
    "straße und Glöckchen.wav".encode(): "straße und Glöckchen.wav",
    b"plain.wav": "plain.wav",
    b'it\'s $(x) `y` & "z".wav': 'it\'s $(x) `y` & "z".wav',
}


@pytest.fixture
def folder(tmp_path):
    """A folder of files of such names, and a folder in it of one."""
    made = os.fsencode(tmp_path / "in")
    inside = os.path.join(made, b"in\xff\tside")
    os.makedirs(inside)
    soundfile.write(tmp_path / "x.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    for place, names in ((made, NAMES), (inside, [b"deep.wav"])):
        for name in names:
            os.link(os.fsencode(tmp_path / "x.wav"), os.path.join(place, name))
    return tmp_path / "in"


EXPECTED = {*NAMES.values(), r"in\xff\tside/deep.wav"}


@pytest.mark.parametrize("raw", NAMES)
def test_names_as_printed(raw):
    name = os.fsdecode(raw)
    assert printable(name) == NAMES[raw]
    assert len(f"{printable(name)}\n".encode().splitlines()) == len(f"{printable(name)}\n".splitlines()) == 1


def test_lists_can_be_scored_and_their_files_found_again(tmp_path, folder, capsys):
    model = str(make_model(tmp_path / "model"))
    assert main(["detect", "--model", model, "--out", f"{tmp_path}/l.tsv", str(folder)]) == 0
    assert set(read_events(tmp_path / "l.tsv")) == EXPECTED
    for name in EXPECTED:
        assert os.path.samefile(listed_path(folder, name), tmp_path / "x.wav")
    rows = (tmp_path / "l.tsv").read_text().split("\n")
    (tmp_path / "l.tsv").write_text("\n".join(row for row in rows if "side" not in row))  # pictures: of one folder
    lists = ["--reference", f"{tmp_path}/l.tsv", "--detected", f"{tmp_path}/l.tsv"]
    assert main(["score", *lists, "--event", "cry", "--plot", f"{tmp_path}/p", "--audio", str(folder)]) == 0
    assert {path.name[:-4] for path in (tmp_path / "p").iterdir()} == set(NAMES.values())
    capsys.readouterr()
    assert main(["detect", "--model", model, "--format", "json", str(folder)]) == 0
    assert {each["filename"] for each in json.loads(capsys.readouterr().out)} == EXPECTED
    assert main(["detect", "--model", model, "--format", "audacity", "--out", f"{tmp_path}/t", str(folder)]) == 0
    assert {str(path.relative_to(tmp_path / "t"))[:-4] for path in (tmp_path / "t").rglob("*.txt")} == EXPECTED


@pytest.mark.parametrize("given", ["list", "-"])
def test_a_list_names_them(tmp_path, folder, given, monkeypatch, capsys):
    """One such name refused the whole list."""
    path = os.path.join(os.fsencode(folder), b"caf\xe9.wav")
    (tmp_path / "list").write_bytes(path + b"\n" + os.fsencode(folder) + b"/plain.wav\n")
    with open(tmp_path / "list") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        source = "-" if given == "-" else f"{tmp_path}/list"
        assert main(["detect", "--model", str(make_model(tmp_path / "model")), "--files-from", source]) == 0
    out = capsys.readouterr().out
    assert f"{folder}/caf\\xe9.wav\t" in out and f"{folder}/plain.wav\t" in out


def test_an_unreadable_one_is_one_line(tmp_path, capfd):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9\n.wav")
    with open(path, "w") as stream:
        stream.write("not audio")
    model = str(make_model(tmp_path / "model"))
    assert main(["detect", "--model", model, os.fsdecode(path)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_make_own_corpus(tmp_path, folder):
    (tmp_path / "clips").mkdir()
    folder.rename(tmp_path / "clips/bell")
    random = np.random.default_rng(1)
    for path in (tmp_path / "clips/bell").rglob("*.wav"):
        path.unlink()
        soundfile.write(os.fsencode(path), random.normal(0, 0.1, 16000), 16000, format="WAV")
    (tmp_path / "places").mkdir()
    for name in (b"p\xe9.wav", b"q\t.wav", b"r.wav"):
        soundfile.write(
            os.path.join(os.fsencode(tmp_path / "places"), name), random.normal(0, 0.1, 496000), 16000, format="WAV"
        )
    assert make_own_corpus(tmp_path) == 0
    made = [path.name for path in (tmp_path / "o").rglob("*.wav")]
    assert len(made) == len(EXPECTED) + 3 and all(name.isprintable() for name in made)
    assert main(["corpus", "classes", f"{tmp_path}/o"]) == 0
