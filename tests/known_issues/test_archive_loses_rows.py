"""steps/detect.sh lost all events in a folder with ``=`` in its name, took an archive with a failed file for finished
where the file's path begins like a summary line, and wrote a file listed twice twice."""

import os
import subprocess

import numpy as np
import pytest
import soundfile
from small_detector import make_model


@pytest.fixture
def detect(recipe, tmp_path):
    """Run steps/detect.sh in the folder ``recipe`` on a list of these names below it."""
    model = make_model(tmp_path / "model")

    def detect(names: list[str], out: str, jobs: int = 2) -> subprocess.CompletedProcess:
        (recipe / "list").write_text("".join(f"{name}\n" for name in names))
        command = ["steps/detect.sh", f"--nj={jobs}", "--threshold=0.001", str(model), "list", out]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True)

    for name in ("a", "b"):
        soundfile.write(recipe / f"{name}.wav", np.random.default_rng(1).normal(0, 0.1, 16000), 16000)
    return detect


def rows(recipe, out):
    return [line.split("\t")[0] for line in (recipe / out / "events.tsv").read_text().splitlines()[1:]]


def test_a_folder_that_looks_like_a_variable(detect, recipe):
    done = detect(["a.wav", "b.wav"], "x=1")
    assert done.returncode == 0 and sorted(set(rows(recipe, "x=1"))) == ["a.wav", "b.wav"], done.stderr


@pytest.mark.parametrize("folder", ["3 files", "WARNING: x", "2 of 3 files failed:"])
def test_a_failed_file_is_counted_whatever_its_path(detect, recipe, folder):
    (recipe / folder).mkdir()
    (recipe / folder / "x.wav").write_text("none")
    for _ in range(2):
        done = detect(["a.wav", f"{folder}/x.wav"], "out-failed")
        assert done.returncode == 3 and "failed" in done.stderr.splitlines()[-1]
        assert folder in (recipe / "out-failed/failures.txt").read_text()


def test_a_file_listed_twice(detect, recipe):
    once, twice = detect(["a.wav"], "out-once", 1), detect(["a.wav", "b.wav", "a.wav"], "out-twice", 2)
    assert once.returncode == twice.returncode == 0
    assert rows(recipe, "out-twice").count("a.wav") == rows(recipe, "out-once").count("a.wav") > 0
