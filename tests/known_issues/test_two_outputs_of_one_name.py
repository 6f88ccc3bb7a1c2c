"""Two outputs of one name shared a temporary file: a misleading error, and a mixture of both under the name."""

import numpy as np
import pytest

from pysed.cli import main as pysed
from pysed.kaldi.__main__ import main
from pysed.kaldi.tables import TableWriter


@pytest.mark.parametrize("outputs", [["ark,scp:same,same"], ["--write-num-frames=ark,t:./same", "ark:same"]])
def test_they_are_refused(tmp_path, monkeypatch, capsys, outputs):
    monkeypatch.chdir(tmp_path)
    with TableWriter("ark:f.ark", "matrix") as table:
        table.write("u1", np.ones((3, 2), np.float32))
    (tmp_path / "same").write_text("as before")
    assert main(["copy-feats", *outputs[:-1], "ark:f.ark", outputs[-1]]) != 0
    message = capsys.readouterr().err
    assert "two outputs of one name" in message and message.count("ERROR") == 1
    assert (tmp_path / "same").read_text() == "as before" and len(list(tmp_path.iterdir())) == 2
    assert main(["copy-feats", "ark:f.ark", "ark:same"]) == 0  # one after another is no matter
    assert main(["copy-feats", "ark:f.ark", "ark:same"]) == 0


def test_memory_that_is_short_in_training_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    """It was a traceback, since torch raises RuntimeError."""
    from pysed.train import engine

    def train(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(engine, "train", train)
    command = ["train", "--system", "conf/systems/mlp.yaml", "--data", str(tmp_path), "--event", "x"]
    assert pysed([*command, "--out", str(tmp_path / "o")]) == 1
    message = capsys.readouterr().err
    assert "out of memory" in message and message.count("\n") == 1
