"""steps/detect.sh marked an archive as done though files had failed, said no number, and never tried them again; a
blank line that became a shard of its own stopped all."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from small_detector import make_model


@pytest.fixture
def detect(root, tmp_path):
    """Run steps/detect.sh on a list of this text."""
    model = make_model(tmp_path / "model")
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.random.default_rng(1).normal(0, 0.1, 16000), 16000)

    def detect(text: str, jobs: int) -> subprocess.CompletedProcess:
        (tmp_path / "list").write_text(text.replace("@", f"{tmp_path}/"))
        command = ["steps/detect.sh", f"--nj={jobs}", model, tmp_path / "list", tmp_path / "out"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run([*map(str, command)], cwd=root, env=environment, capture_output=True, text=True)

    return detect


def test_failed_files_are_counted_and_tried_again(detect, tmp_path):
    for _ in range(2):
        done = detect("@a.wav\n@gone.wav\n", 2)
        assert done.returncode == 3 and "failures.txt: 1 files failed" in done.stderr.splitlines()[-1], done.stderr
        assert "gone.wav" in (tmp_path / "out/failures.txt").read_text() and not (tmp_path / "out/.done").exists()
    shutil.copy(tmp_path / "b.wav", tmp_path / "gone.wav")
    done = detect("@a.wav\n@gone.wav\n", 2)
    assert done.returncode == 0 and (tmp_path / "out/.done").exists()
    assert not (tmp_path / "out/failures.txt").read_text() and not (tmp_path / "out/shards").exists()


def test_only_shards_with_failures_are_repeated(detect, tmp_path):
    assert detect("@a.wav\n@gone.wav\n", 2).returncode == 3
    times = [(tmp_path / f"out/shards/shards.{job}.tsv").stat().st_mtime_ns for job in (1, 2)]
    assert detect("@a.wav\n@gone.wav\n", 2).returncode == 3
    again = [(tmp_path / f"out/shards/shards.{job}.tsv").stat().st_mtime_ns for job in (1, 2)]
    assert again[0] == times[0] and again[1] > times[1]


def test_blank_lines_are_no_recordings(detect, tmp_path):
    done = detect("@a.wav\n\n \t\n@b.wav\n\n\n@c.wav", 3)
    assert done.returncode == 0, done.stderr
    assert "events.tsv: 3 recordings, 0 failed" in done.stdout and (tmp_path / "out/.done").exists()
    done = detect("\n \n", 1)
    assert done.returncode == 2 and done.stderr.endswith("list: no names; expected an audio file a line\n")
    assert done.stderr.count("\n") == 1
