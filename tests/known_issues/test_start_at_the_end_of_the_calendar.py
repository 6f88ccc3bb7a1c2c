"""``--start 9999-12-31T23:59:50`` ended in a traceback where an event, or the recording, went past that year."""

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.clock import parse_start


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--counts", "counts.tsv")])
def test_one_line(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.random.default_rng(1).normal(size=12 * 16000) / 20, 16000)
    model = ["--model", str(make_model(tmp_path / "model", t_base=0.01)), "--threshold", "0.01"]
    assert main(["detect", *model, "--start", "9999-12-31T23:59:50", *options, "a.wav"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--start 9999-12-31T23:59:50; expected a year up to 9998" in error


def test_the_last_year():
    assert parse_start("9998-12-31T23:59:50").year == 9998
