"""A run killed with SIGKILL, at any moment and while it writes, ends with the very weights of an unbroken one."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch
from small_clips import fit, make_clips, small_config

from pysed.detector import checkpoint

TRAIN, VALID = make_clips(10, 1, asr=True), make_clips(6, 2, asr=True)


def train(out) -> None:
    torch.set_num_threads(1)
    fit(small_config(asr=True, epochs=6), TRAIN, VALID, "cry", out, 1)


def killed(out, moment) -> bool:
    """Train in a process of its own and kill it when ``moment()`` says so; False where it had already ended."""
    process = multiprocessing.get_context("fork").Process(target=train, args=(out,))
    process.start()
    while process.is_alive() and not moment():
        time.sleep(0.001)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    torch.optim.Adam([torch.zeros(1)])  # imports much the first time: here, not in every process that is killed
    out = tmp_path_factory.mktemp("unbroken")
    started = time.monotonic()
    assert not killed(out, lambda: False)
    return checkpoint.load(out / "final.pt"), time.monotonic() - started


def ends_the_same(out, unbroken) -> bool:
    train(out)
    left = sorted(path.name for path in out.iterdir())
    assert left == ["config.yaml", "events.out.tfevents.0.pysed", "final.pt", "metrics.csv", "train.log"]
    state = checkpoint.load(out / "final.pt")["state"]
    return all(torch.equal(value, state[name]) for name, value in unbroken["state"].items())


def test_at_random_moments(tmp_path, unbroken):
    final, seconds = unbroken
    rng = np.random.default_rng()
    kills = 0
    while kills < 8:
        end = time.monotonic() + rng.uniform(0, seconds / 3)
        if not killed(tmp_path, lambda end=end: time.monotonic() > end):
            break
        kills += 1
    assert kills > 1
    assert ends_the_same(tmp_path, final)


@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.csv", "final.pt"])
def test_while_it_writes(tmp_path, unbroken, name, monkeypatch):
    """The process stops itself inside the writing of a file; then it is killed."""
    replace = os.replace

    def stopped(source, target):
        if os.path.basename(target) == name and (tmp_path / "checkpoint.pt").exists():
            (tmp_path / "reached").touch()
            time.sleep(60)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopped)
        assert killed(tmp_path, (tmp_path / "reached").exists)
    (tmp_path / "reached").unlink()
    assert any(path.suffix == ".tmp" for path in tmp_path.iterdir())
    assert ends_the_same(tmp_path, unbroken[0])
