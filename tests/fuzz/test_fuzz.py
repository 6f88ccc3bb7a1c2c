"""Damaged files for every reader of what comes from outside: read, or refused in one line; never a traceback or a hang.

``worker.py`` does it in a process of bounded memory, seeded: a case that it names can be repeated.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")


def fuzz(folder: Path, seed: str, count: int, *readers: str, timeout_s: float) -> dict:
    """Counts of a run; fails, naming the cases, where there was any fault."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(WORKER), str(folder), seed, str(count), *readers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    case = (folder / "case").read_text().strip() if (folder / "case").exists() else "none"
    assert done.returncode == 0, f"ended by {done.returncode} at case {case}: {done.stderr[-2000:]}"
    faults = "\n".join(f"{row['case']} ({row['file']}): {row['fault']}" for row in rows[:-1])
    assert not faults, faults
    return rows[-1]


def test_some_damaged_files(tmp_path):
    counts = fuzz(tmp_path, "0", 2500, timeout_s=300)
    assert counts["cases"] >= 2500 and counts["failures"] == 0 and counts["readers"] > 60


@pytest.mark.thorough
@pytest.mark.parametrize("seed", ["a", "b", "c", "d"])
def test_many_damaged_files(seed, tmp_path):
    counts = fuzz(tmp_path, seed, 15_000, timeout_s=3600)
    assert counts["cases"] >= 15_000 and counts["failures"] == 0


def test_faults_are_found(tmp_path):
    """The fuzzer sees what a reader does wrong: of one that parses numbers without a thought."""
    script = f"""
import sys; sys.path.insert(0, {str(WORKER.parent)!r})
import signal
from pathlib import Path
from reader import Reader
import worker
signal.signal(signal.SIGALRM, worker._hang)
worker.SECONDS = 1
folder = Path({str(tmp_path)!r})
def hang(place):
    if (place / "x").read_bytes() != b"1":
        while True: pass
readers = [Reader("careless", {{"x": b"12\\n34\\n"}}, lambda f: [int(line) for line in (f / "x").read_text().split()])]
assert worker.run(folder, "0", 60, readers)["failures"] > 10
assert worker.run(folder, "0", 1, [Reader("slow", {{"x": b"1"}}, hang)])["failures"] == 1
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ValueError" in done.stdout and "Hang" in done.stdout
