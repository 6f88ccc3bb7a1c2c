"""Folds trained side by side: what one after another gives, whoever is killed; nobody outlives the parent."""

import csv
import io
import multiprocessing
import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_clips import make_clips, small_config, write_data_dir_in_folds

from pysed import cli
from pysed.detector.checkpoint import load
from pysed.errors import DataError
from pysed.train import engine
from pysed.train.clips import Rows
from pysed.train.records import EpochBar

TRAIN, VALID = make_clips(12, 1), make_clips(12, 2)
NUM_FOLDS, EPOCHS = 3, 3
CONFIG = small_config(folds=NUM_FOLDS, epochs=EPOCHS)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data directory whose clips take turns in three folds."""
    return write_data_dir_in_folds(tmp_path_factory.mktemp("folds") / "data", TRAIN, VALID, NUM_FOLDS)


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    """The model of folds trained one after another."""
    out = tmp_path_factory.mktemp("unbroken")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    engine.train(engine.Task(CONFIG, "cry"), data, out)
    torch.set_num_threads(before)
    return out


def train(data, out, config=CONFIG, **options):
    return engine.train(engine.Task(config, "cry"), data, out, jobs=2, **options)


def assert_same(out, unbroken):
    one, other = (load(folder / "final.pt") for folder in (unbroken, out))
    assert one["state"].keys() == other["state"].keys()
    assert all(torch.equal(value, other["state"][name]) for name, value in one["state"].items())
    rows = []
    for folder in (unbroken, out):
        with open(folder / "metrics.csv", newline="") as stream:
            rows.append([{**row, "seconds": ""} for row in csv.DictReader(stream)])
    assert rows[0] == rows[1] and len(rows[0]) == EPOCHS
    assert not list(out.glob("fold*"))


def lines_by_fold(folder) -> dict[str, list[str]]:
    """The lines of train.log by their beginning, but for times."""
    found: dict[str, list[str]] = {}
    for line in (folder / "train.log").read_text().splitlines():
        fold, _, rest = line.partition(": ")
        found.setdefault(fold, []).append(re.sub(r"seconds \S+", "", rest))
    return found


def test_the_result_is_that_of_one_after_another(data, unbroken, tmp_path, capfd):
    assert train(data, tmp_path) == tmp_path / "final.pt"
    assert_same(tmp_path, unbroken)
    # Each line is whole and says whose it is; a fold's own stand in their order.
    lines = lines_by_fold(tmp_path)
    assert lines == lines_by_fold(unbroken)
    *folds, summary = lines
    assert sorted(folds) == ["fold 1", "fold 2", "fold 3"] and summary.startswith("3 folds, 12 clips judged by")
    assert all(len(lines[fold]) == 1 + EPOCHS + 1 for fold in folds)
    said = capfd.readouterr()
    assert said.out == (tmp_path / "train.log").read_text() and not said.err


def test_two_are_at_work_at_once(data, tmp_path, monkeypatch):
    """The first fold ends only when it has seen the second begin, and the third when one of them has ended."""
    fit = engine.fit

    def meeting(fold, train, valid, out, *rest, **options):
        if out.name != "fold3":
            (tmp_path / f"{out.name} is here").touch()
            other = tmp_path / f"fold{3 - int(out.name[-1])} is here"
            end = time.monotonic() + 20
            while not other.exists() and time.monotonic() < end:
                time.sleep(0.01)
            assert other.exists()
        assert isinstance(train.features, Rows)  # no copy of the clips
        return fit(fold, train, valid, out, *rest, **options)

    monkeypatch.setattr(engine, "fit", meeting)
    assert train(data, tmp_path / "out", small_config(folds=NUM_FOLDS, epochs=1))


def begin(folder: Path, data: Path) -> multiprocessing.Process:
    """``pysed train --jobs 2`` in a session of its own; what it says goes into ``folder/said``."""

    def run() -> None:
        os.setsid()
        with open(folder / "said", "w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")  # not pytest's
        options = ["--system", f"{folder}/conf/systems/small.yaml", "--data", str(data), "--out", f"{folder}/out"]
        code = cli.main(["train", *options, "--event", "cry", "--jobs", "2"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    root = Path(__file__).resolve().parents[2]
    (folder / "conf/systems").mkdir(parents=True)
    (folder / "conf/frontends").symlink_to(root / "conf/frontends")
    (folder / "conf/systems/small.yaml").write_text(yaml.safe_dump(CONFIG.as_dict()))
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    return process


def children_of(pid: int) -> list[int]:
    """Numbers of the processes that one has begun and that run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.002)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_killed_it_leaves_no_process_and_goes_on_to_the_same_end(data, unbroken, tmp_path, name):
    process = begin(tmp_path, data)
    out = tmp_path / "out"
    wait_until(lambda: (out / "fold2/checkpoint.pt").exists() or not process.is_alive(), "no checkpoint")
    children = children_of(process.pid)
    assert process.is_alive() and children, "it had ended before it could be killed"
    if name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
    else:
        os.kill(process.pid, getattr(signal, name))
    process.join()
    wait_until(lambda: not any(map(alive, children)), f"{children} outlive their parent")
    assert not (out / "final.pt").exists() and (out / "fold1").exists()
    said = (tmp_path / "said").read_text().splitlines()
    assert process.exitcode == (130 if name == "SIGINT" else -getattr(signal, name))
    assert [line for line in said if not line.startswith("fold ")] == ["interrupted"] * (name == "SIGINT")
    train(data, out)
    assert_same(out, unbroken)


def test_a_fold_that_is_killed_ends_the_others_in_one_line(data, unbroken, tmp_path):
    process = begin(tmp_path, data)
    out = tmp_path / "out"
    wait_until(lambda: (out / "fold2/checkpoint.pt").exists() or not process.is_alive(), "no checkpoint")
    children = children_of(process.pid)
    os.kill(min(children), signal.SIGKILL)
    process.join()
    assert process.exitcode == 1 and not any(map(alive, children))
    last = (tmp_path / "said").read_text().splitlines()[-1]
    assert re.fullmatch(
        r"pysed train: out of memory \(fold \d was ended by signal 9\); give it smaller inputs or fewer jobs", last
    )
    train(data, out)
    assert_same(out, unbroken)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "error,expected",
    [
        (DataError("small: the loss is not finite"), (DataError, "^fold 2: small: the loss is not finite$")),
        (MemoryError(), (MemoryError, "^fold 2$")),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            (MemoryError, "^fold 2$"),
        ),
        (ZeroDivisionError("a fault of ours"), (ZeroDivisionError, "^a fault of ours")),
    ],
)
def test_a_fold_that_fails_is_named(data, tmp_path, monkeypatch, jobs, error, expected):
    fit = engine.fit

    def failing(fold, train, valid, out, *rest, **options):
        if out.name == "fold2":
            raise error
        return fit(fold, train, valid, out, *rest, **options)

    monkeypatch.setattr(engine, "fit", failing)
    with pytest.raises(expected[0], match=expected[1]):
        engine.train(engine.Task(small_config(folds=NUM_FOLDS, epochs=1), "cry"), data, tmp_path, jobs=jobs)
    assert not multiprocessing.active_children()


def test_a_loss_that_is_not_finite_is_one_of_a_fold(data, tmp_path):
    with pytest.raises(DataError, match=r"^fold \d: small: .* is not finite in epoch 1, step \d; expected numbers"):
        train(data, tmp_path, small_config(folds=NUM_FOLDS, learning_rate=1e30, gradient_clip=0, warmup_steps=0))


def test_a_terminal_has_one_line_on_all_folds(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with EpochBar(3, 10) as bar:
        for number, line in ((0, "going on after epoch 4"), (1, "epoch 2 steps 20 loss 0.5"), (1, "best epoch 9: all")):
            with bar.aside(number, line):
                print(f"<{line}>", file=terminal)
    said = terminal.getvalue()
    assert "all folds:  20%" in said and "6/30" in said and "\r<best epoch 9: all>" in said  # where the bar was


def test_rows_read_like_the_copy():
    picked = np.array([3, 1, 7])
    rows, copied = Rows(TRAIN.features, picked), TRAIN.features[picked]
    assert rows.shape == copied.shape and len(rows) == 3 and rows.dtype == copied.dtype
    assert (rows[[2, 0]] == copied[[2, 0]]).all() and (rows[1:] == copied[1:]).all() and (rows[0] == copied[0]).all()
    assert all((mine == its).all() for mine, its in zip(rows, copied, strict=True))
    assert (np.asarray(rows) == copied).all()


def test_jobs_below_one_are_refused(capsys, data):
    assert cli.main(["train", "--system", "conf/systems/cbrnn.yaml", "--data", str(data), "--event", "cry",
                     "--out", "never", "--jobs", "0"]) == 2  # fmt: skip
    assert "--jobs 0; expected 1 or more" in capsys.readouterr().err
