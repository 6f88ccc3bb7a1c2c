"""Kaldi's commands end with 255 where data is bad: the stage then ended with 1, as of an internal failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_recipe import run_in

SBATCH = """#!/usr/bin/env bash
for word; do [[ $word != --wrap=* ]] || wrapped=${word#--wrap=}; done
SLURM_ARRAY_TASK_ID=1 sh -c "$wrapped" || true
echo 1
"""


@pytest.mark.parametrize(("code", "expected"), [(255, 2), (2, 2), (1, 1), (134, 1), (0, 0)])
def test_on_this_machine(recipe, tmp_path, code, expected):
    done = run_in(recipe, "utils/run_jobs.sh", "JOB=1:1", tmp_path / "JOB.log", "bash", "-c", f"exit {code}")
    assert done.returncode == expected


@pytest.mark.parametrize(("code", "expected"), [(255, 2), (2, 2), (1, 1), (0, 0)])
def test_on_a_cluster(recipe, tmp_path, code, expected):
    """A stand-in for sbatch, which runs the job here."""
    (tmp_path / "sbatch").write_text(SBATCH)
    (tmp_path / "sbatch").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["utils/slurm.sh", "JOB=1:1", str(tmp_path / "JOB.log"), "bash", "-c", f"exit {code}"]
    done = subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == expected, done.stderr
