"""``. path.sh`` at a prompt closed the terminal where something was wrong; elsewhere, it made a venv over another's."""

import os
import subprocess
import sys

import pytest


def at_a_prompt(folder, path, **environment):
    """(status of `. path.sh`, or None where the shell has ended, what it said) in an interactive shell."""
    typed = f". '{path}'\necho status=$?\n"
    given = {**os.environ, "PYSED_VENV": sys.prefix, "HISTFILE": "", **environment}
    done = subprocess.run(
        ["bash", "--norc", "-i"], cwd=folder, env=given, input=typed, capture_output=True, text=True, timeout=60
    )
    status = [line[len("status=") :] for line in done.stdout.splitlines() if line.startswith("status=")]
    said = [line for line in done.stderr.splitlines() if "path.sh: " in line]
    return (int(status[0]) if status else None), said


@pytest.mark.parametrize("fault", [{"KALDI_ROOT": "/none"}, {"PYTHON": "/bin/false", "PYSED_VENV": "no-venv"}])
def test_a_prompt_outlives_what_is_wrong(recipe, fault):
    status, said = at_a_prompt(recipe, "./path.sh", **fault)
    assert status == 2 and said
    done = subprocess.run(
        ["bash", "-c", "set -e; . ./path.sh; echo on"],
        cwd=recipe, env={**os.environ, "PYSED_VENV": sys.prefix, **fault}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and not done.stdout and "path.sh: " in done.stderr


def test_in_another_folder_nothing_is_touched(recipe, tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pyvenv.cfg").write_text("another project's\n")
    status, said = at_a_prompt(tmp_path, recipe / "path.sh", PYSED_VENV=".venv", PYTHON="/bin/false")
    assert status == 2 and len(said) == 1 and "is not the recipe's folder" in said[0]
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".venv", "pyvenv.cfg"]


def test_packages_of_the_user_do_not_go_before_the_environments(recipe, tmp_path):
    (tmp_path / "yaml.py").write_text("raise RuntimeError('of the user')\n")
    done = subprocess.run(
        ["bash", "-c", ". ./path.sh; pysed feats options conf/frontends/logmel40.yaml"],
        cwd=recipe, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYSED_VENV": sys.prefix, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0 and "--num-mel-bins" in done.stdout, done.stderr
