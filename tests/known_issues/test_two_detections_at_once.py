"""Two runs of ``pysed detect`` or ``pysed tune`` with one output, at once, wrote into one table or one journal: rows of
both and zero bytes under the final name, and exit code 0."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.archive import Analyser

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "m")
    (tmp_path / "in").mkdir()
    for number in range(4):
        soundfile.write(f"in/{number}.wav", np.random.default_rng(number).normal(0, 0.1, 24000), 16000)
    return tmp_path


def start(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "pysed", *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    "outputs",
    [
        ["--out", "{}.tsv", "in"],
        ["--out", "{}.tsv", "in/0.wav"],
        ["--out-dir", "{}", "in"],
        ["--clips", "{}", "in/1.wav"],
    ],
)
def test_the_second_waits_for_the_first(place, monkeypatch, capfd, outputs):
    loose, strict = (["detect", "--model", "m", "--threshold", each] for each in ("0.001", "0.999"))
    assert main([*strict, *(each.format("alone") for each in outputs)]) == 0
    analyse, second = Analyser.analyse, []

    def busy(self, name, path):
        if not second:
            second.append(start(*strict, *(each.format("both") for each in outputs)))
            assert "both" in (line := second[0].stderr.readline()) and "waits until" in line, line
        return analyse(self, name, path)

    monkeypatch.setattr(Analyser, "analyse", busy)
    assert main([*loose, *(each.format("both") for each in outputs)]) == 0
    said = second[0].communicate(timeout=100)[1]
    assert ("of the clips there are of earlier runs" in said) == ("--clips" in outputs)  # the first one's
    assert said.count("\n") == ("--clips" in outputs) and second[0].returncode == 0
    tables = [path for path in place.rglob("*") if "alone" in str(path) and path.is_file() and path.suffix == ".tsv"]
    assert tables
    for alone in tables:
        assert Path(str(alone).replace("alone", "both")).read_bytes() == alone.read_bytes()
    assert not [path for path in place.rglob("*") if path.suffix in (".partial", ".journal")]


def test_a_lock_ends_with_its_process(place):
    """A run that was killed holds up nobody."""
    command = ["detect", "--model", "m", "--out", "t.tsv", "in"]
    first = start(*command)
    while not Path("t.tsv.partial").exists() and first.poll() is None:
        pass
    first.send_signal(signal.SIGKILL)
    first.communicate()
    last = start(*command)
    assert last.communicate(timeout=100)[1] == "" and last.returncode == 0 and not Path("t.tsv.partial").exists()


def test_tuning_waits_too(place, monkeypatch, capfd):
    command = ["tune", "--model", "m", "--ambience", "in", "--per-day", "1e6", "--best-effort", "--out", "d.yaml"]
    analyse, second = Analyser.analyse, []

    def busy(self, name, path):
        if not second:
            second.append(start(*command))
            assert "d.yaml" in (line := second[0].stderr.readline()) and "waits until" in line, line
        return analyse(self, name, path)

    monkeypatch.setattr(Analyser, "analyse", busy)
    assert main(command) == 0
    assert second[0].wait(100) == 0 and Path("d.yaml").is_file() and not Path("d.yaml.journal").exists()
