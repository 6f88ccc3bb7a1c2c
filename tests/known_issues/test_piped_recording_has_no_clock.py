"""``pysed detect -`` gave events of a recording times of the clock that began when it was started."""

import io
import json
import sys
import types

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main


@pytest.mark.parametrize(("options", "clocked"), [([], False), (["--start", "2024-01-31T05:45:00"], True)])
def test_times_are_those_that_are_known(tmp_path, monkeypatch, capsys, options, clocked):
    stream = io.BytesIO()
    soundfile.write(stream, np.random.default_rng(1).normal(0, 0.1, 32000), 16000, format="WAV")
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=stream))
    assert main(["detect", "--model", str(make_model(tmp_path / "m")), "--threshold", "0.001", *options, "-"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines and all(("onset_time" in line) == clocked for line in lines)
    assert {"onset_s", "offset_s"} <= set(lines[-1])
