"""The experiment of the review loop runs: a small one, from the corpus to its table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
def test_a_small_review_loop_gives_its_table(tmp_path):
    command = [sys.executable, str(ROOT / "local/review_loop.py"), "--seeds", "1", "--rounds", "1", "--files", "10"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--clips", "6", str(tmp_path / "work")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = [re.findall(r"[\d.]+", line)[1:] for line in done.stdout.splitlines() if line.startswith("| seed 1")]
    assert len(rows) == 2 and rows[0][0] == rows[1][0] and all(len(row) == 2 for row in rows)
    for name in ("by_score", "at_random"):
        labels = (tmp_path / f"work/seed1/{name}/round1/labels.tsv").read_text().splitlines()[1:]
        assert len(labels) == 6
