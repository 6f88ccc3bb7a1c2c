"""An ``--out`` or ``--counts`` that names a folder, a table of clips as ``--out``, and folders that are files were
noticed only after the whole archive was analysed, and the journal stayed."""

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.archive import Analyser


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "m")
    for folder in ("in", "outd", "clipd/clips.tsv"):
        (tmp_path / folder).mkdir(parents=True)
    for name in "ab":
        soundfile.write(f"in/{name}.wav", np.zeros(16000), 16000)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "x.partial").write_text("in/a.wav\nin/b.wav\n")

    def never(self, name, path):
        raise AssertionError("analysed")

    monkeypatch.setattr(Analyser, "analyse", never)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--out outd in", "outd: is a folder; expected a file's name: --out"),
        ("--out . in", ".: is a folder"),
        ("--out new/ in", "new/: is a folder"),
        ("--out outd in/a.wav", "outd: is a folder"),
        ("--counts outd in", "outd: is a folder; expected a file's name: --counts"),
        ("--counts outd --out e.tsv in", "outd: is a folder"),
        ("--clips clipd in", "clipd/clips.tsv: is a folder"),
        ("--out clipz/clips.tsv --clips clipz in", "an output in the place of another"),
        ("--counts clipz/clips.tsv --clips clipz in", "an output in the place of another"),
        ("--counts e.tsv.journal --out e.tsv in", "an output in the place of another"),
        ("--out x --files-from x.partial", "x.partial: an output in the place of an input"),
        ("--out-dir file in", "file: is a file; expected a folder: --out-dir"),
        ("--plot file --out e.tsv in", "file: is a file; expected a folder: --plot"),
        ("--clips file --out e.tsv in", "file: is a file; expected a folder: --clips"),
        ("--out outd --format csv -", "outd: is a folder"),
        ("--out e.tsv --counts e.tsv -", "an output in the place of another"),
    ],
)
def test_they_are_refused_first(place, capsys, options, words):
    before = sorted(place.rglob("*"))
    assert main(["detect", "--model", "m", *options.split()]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert sorted(place.rglob("*")) == before and (place / "file").read_text() == "kept"
