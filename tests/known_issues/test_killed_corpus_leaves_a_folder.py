"""What a killed ``pysed corpus own`` had begun stayed in a hidden folder for good; and a corpus could be made inside
the folder of clips, where the next run took it for a class."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus

from pysed.cli import main
from pysed.corpus.reviewed import COLUMNS


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, length_s in (("clips/bell", 1), ("places", 31)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(length_s + index).normal(0, 0.1, length_s * 8000)
            soundfile.write(f"{folder}/{index}.wav", noise, 8000)
    return tmp_path


@pytest.fixture
def left(work):
    """Leave folders beside OUT as of a process that is gone, one that runs, and another OUT's."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    def leave(out):
        found = [work / f".{name}.{pid}.tmp" for name, pid in ((out, gone.pid), (out, os.getppid()), ("x", gone.pid))]
        for path in found:
            shutil.rmtree(path, ignore_errors=True)
            (path / "source_data").mkdir(parents=True)
        return found

    return leave


def test_it_is_cleared(work, left):
    gone, *others = left("o")
    assert make_own_corpus(work) == 0
    assert not gone.exists() and all(path.exists() for path in others)
    (work / "l.tsv").write_text("\t".join(COLUMNS) + "\naccepted\t0.wav\t5\t6\tbell\t5\t6\t0.9\n")
    gone, *others = left("e")
    assert main(["corpus", "extend", "o", "--labels", "l.tsv", "--audio", "places", "--out", "e"]) == 0
    assert not gone.exists() and all(path.exists() for path in others)


@pytest.mark.parametrize("folder", ["clips", "places", "clips/bell", "link"])
def test_a_corpus_inside_what_is_searched_is_refused(work, capsys, folder):
    (work / "link").symlink_to("clips")
    (work / f"{folder}/o").parent.mkdir(exist_ok=True)
    out = f"{folder}/o"
    assert main(["corpus", "own", "--events", "clips", "--backgrounds", "places", "--out", out]) == 2
    message = capsys.readouterr().err
    assert f"{out}: inside " in message and message.count("\n") == 1 and not (work / out).exists()
