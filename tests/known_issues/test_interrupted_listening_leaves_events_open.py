"""Ctrl-C on ``... | pysed listen`` left the line of a beginning without that of its end, as did a stream that broke
off; ``--run`` of a program that is not there was noticed at the first event, which was then lost."""

import io
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_detector import make_model

from pysed.cli import main

ROOT = Path(__file__).parents[2]
SOUND = np.random.default_rng(1).normal(0, 0.1, 20 * 16000)
RAW = (SOUND * 32768).clip(-32768, 32767).astype("<i2").tobytes()


def wav(rate_hz: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    parts = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(RAW)) + RAW
    return b"RIFF" + struct.pack("<I", len(parts)) + parts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stream", ["raw", "wav"])
def test_a_signal_ends_the_sound_and_the_event(tmp_path, number, stream):
    model = make_model(tmp_path / "m", window_s=5.0)
    command = [sys.executable, "-m", "pysed", "listen", "--model", str(model), "--threshold", "0.001"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*command, *["--rate", "16000"] * (stream == "raw")], env=environment, **pipes)
    process.stdin.write(RAW if stream == "raw" else wav(16000))  # then it waits for more, or for a file that is joined
    process.stdin.flush()
    begin = json.loads(process.stdout.readline())
    process.send_signal(number)
    out = process.stdout.read()  # to its end, while nobody closes its standard input
    assert process.wait(60) == 0 and b"Traceback" not in process.stderr.read()
    end = json.loads(out)
    assert (begin["change"], end["change"]) == ("begin", "end") and begin["onset_s"] == end["onset_s"]
    assert 5 < end["offset_s"] <= 20
    process.stdin.close()


def test_a_stream_that_breaks_off_ends_its_event(tmp_path, monkeypatch, capsys):
    model = str(make_model(tmp_path / "m", window_s=5.0))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav(16000) + wav(8000))))
    assert main(["listen", "--model", model, "--threshold", "0.001"]) == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["change"] for line in out.splitlines()] == ["begin", "end"]
    assert json.loads(out.splitlines()[-1])["offset_s"] == 20 and "expected joined files" in err


@pytest.mark.parametrize("program", ["nonexist", "./nonexist -x", "/", "README"])
def test_a_program_that_is_not_there_is_refused_at_the_start(tmp_path, monkeypatch, capsys, program):
    monkeypatch.chdir(tmp_path)
    Path("README").write_text("no program")
    model = str(make_model(tmp_path / "m", window_s=5.0))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav(16000))))
    assert main(["listen", "--model", model, "--threshold", "0.001", "--run", program]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"--run {program.split()[0]}: no such program") and err.count("\n") == 1 and not out
