"""steps/detect.sh called an archive up to date though a recording in its list had changed since, and an interrupted run
kept the events of the earlier recording."""

import os
import subprocess

import numpy as np
import pytest
import soundfile
from small_detector import make_model


@pytest.fixture
def detect(root, tmp_path):
    """Run steps/detect.sh on a.wav and on what else is named, in two shards."""
    model = make_model(tmp_path / "model")

    def detect(other: str, end: str = "\n") -> subprocess.CompletedProcess:
        (tmp_path / "list").write_text(f"{tmp_path}/a.wav{end}{tmp_path}/{other}{end}")
        command = ["steps/detect.sh", "--nj=2", "--threshold=0.001", model, tmp_path / "list", tmp_path / "out"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run([*map(str, command)], cwd=root, env=environment, capture_output=True, text=True)

    record(tmp_path / "a.wav", 1)
    record(tmp_path / "b.wav", 1)
    return detect


def record(path, seconds):
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 16000 * seconds), 16000)


def last_end(tmp_path):
    rows = [line.split("\t") for line in (tmp_path / "out/events.tsv").read_text().splitlines()[1:]]
    return max(float(row[2]) for row in rows if row[0].endswith("a.wav"))


def test_a_changed_recording_is_detected_again(detect, tmp_path):
    assert detect("b.wav").returncode == 0 and last_end(tmp_path) <= 1
    done = detect("b.wav")
    assert "up to date" in done.stdout and done.returncode == 0
    record(tmp_path / "a.wav", 3)
    done = detect("b.wav")
    assert done.returncode == 0 and "recordings changed; made anew" in done.stdout, done.stderr
    assert last_end(tmp_path) > 2
    assert "up to date" in detect("b.wav").stdout


def test_a_list_with_lines_of_dos(detect, tmp_path):
    assert detect("b.wav", "\r\n").returncode == 0
    record(tmp_path / "a.wav", 3)
    assert detect("b.wav", "\r\n").returncode == 0 and last_end(tmp_path) > 2
    assert "up to date" in detect("b.wav", "\r\n").stdout


def test_an_interrupted_archive_does_not_keep_the_earlier_recording(detect, tmp_path):
    assert detect("gone.wav").returncode == 3 and last_end(tmp_path) <= 1
    record(tmp_path / "a.wav", 3)
    assert detect("gone.wav").returncode == 3 and last_end(tmp_path) > 2
