"""A run_cmd that is no command, or has options as Kaldi's run.pl takes them, ended a stage with what the shell said."""

import os
import subprocess
import sys

import pytest
from hand_made import data_directory
from tiny_recipe import run_in


@pytest.mark.parametrize(
    ("run_cmd", "named"),
    [
        ("nosuch.pl --mem 4G", "nosuch.pl: no such command"),
        ("utils/run_jobs.sh --mem 4G", "--mem: unknown option"),
        ("utils/slurm.sh --partition cpu", "--partition: unknown option"),
    ],
)
def test_one_line_says_what_is_wrong(recipe, tiny_corpus, tmp_path, run_cmd, named):
    data = data_directory(tmp_path / "data", tiny_corpus)
    done = subprocess.run(
        ["steps/make_sed_feats.sh", data, "logmel40"], cwd=recipe, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYSED_VENV": sys.prefix, "run_cmd": run_cmd},
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and named in done.stderr, done.stderr


def test_no_job_at_all_is_refused(recipe, tmp_path):
    done = run_in(recipe, "utils/run_jobs.sh", "JOB=3:2", tmp_path / "JOB.log", "true")
    assert done.returncode == 2 and done.stderr.startswith("Usage: ")
