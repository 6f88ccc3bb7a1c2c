"""An archive with one file that stays bad was analysed whole each time that the same command was started again."""

import shutil

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.archive import Analyser


@pytest.mark.parametrize(("more", "again"), [([], ["bad.wav"]), (["--clips"], ["a.wav", "b.wav", "bad.wav"])])
def test_of_an_archive(tmp_path, monkeypatch, more, again):
    model, archive, out = make_model(tmp_path / "model"), tmp_path / "in", tmp_path / "out.tsv"
    archive.mkdir()
    soundfile.write(archive / "a.wav", np.random.default_rng(1).normal(0, 0.1, 16000), 16000)
    shutil.copy(archive / "a.wav", archive / "b.wav")
    (archive / "bad.wav").write_text("no sound")
    analysed: list[str] = []
    analyse = Analyser.analyse
    monkeypatch.setattr(
        Analyser, "analyse", lambda self, name, path: analysed.append(name) or analyse(self, name, path)
    )
    command = ["detect", "--model", str(model), "--out", str(out), *more, *[str(tmp_path / "clips")] * len(more)]
    assert main([*command, str(archive)]) == 3
    first = out.read_bytes()
    analysed.clear()
    assert main([*command, str(archive)]) == 3
    assert analysed == again and out.read_bytes() == first
    shutil.copy(archive / "a.wav", archive / "bad.wav")
    assert main([*command, str(archive)]) == 0
    assert b"bad.wav" in out.read_bytes() and not out.with_name("out.tsv.journal").exists()
