"""Clips of an earlier run lay beside those of the new one, which the table alone lists, without a word."""

import numpy as np
import soundfile
from small_detector import make_model

from pysed.cli import main


def test_they_are_counted(tmp_path, capsys):
    model, clips = make_model(tmp_path / "model"), tmp_path / "clips"
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(1).normal(0, 0.1, 32000), 16000)
    command = ["detect", "--model", str(model), "--clips", str(clips), str(tmp_path / "a.wav")]
    for _ in range(2):  # the same clips again
        assert main([*command, "--threshold", "0"]) == 0
        assert "WARNING" not in capsys.readouterr().err
    assert list(clips.glob("*.wav"))
    assert main([*command, "--threshold", "1"]) == 0
    assert f"{clips}: 1 of the clips there are of earlier runs; clips.tsv lists" in capsys.readouterr().err
    assert len(list(clips.glob("*.wav"))) == 1
