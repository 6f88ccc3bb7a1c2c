"""``./run.sh --help`` and mistakes in options set the environment up first, some minutes."""

import re
import shutil
import subprocess

import pytest

MISTAKES = [
    ["--stage", "08"], ["--stop-stage", "x"], ["--nj", "0"], ["--num-mixtures", "0"], ["--epochs", "1e3"],
    ["--nonsense=1"], ["--system", "*"], ["--system", ""], ["--system", ","], ["--system", "nosuch"],
    ["--system", "../cbrnn"], ["--seeds", "1,08"], ["--seeds", "0"], ["--corpus", "nowhere"], ["--corpus", ""],
    ["--corpus", "corpus;x"], ["--asr", "nowhere"], ["--asr", ""], ["--layer", "a;b"], ["--layer", "-x"],
    ["--exp", ""], ["--exp", "a\nb"], ["--exp", "a,b"], ["--download-dir", "a\tb"], ["--event", "../../PWNED"],
    ["--event", "$(touch PWNED)"], ["--event", "*"], ["--event", ""], ["--event"], ["more"],
    ["--set", "dropout"], ["--set", "=3"], ["--set", "x; touch PWNED=1"], ["--set"],
    ["--epochs", "3", "--set", "epochs=4"],
]  # fmt: skip


@pytest.fixture(scope="module")
def clone(tmp_path_factory, root):
    """The scripts and configuration alone, with an interpreter that fails: nothing can be set up."""
    copy = tmp_path_factory.mktemp("it's a (clone) & b;*|JOB#")
    for name in ("run.sh", "path.sh", "cmd.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, copy / name)
    for name in ("utils", "conf"):
        shutil.copytree(root / name, copy / name, symlinks=True)
    (copy / "models/demo").mkdir(parents=True)
    (copy / "models/demo/final.mdl").write_text("x")
    (copy / "corpus;x/source_data").mkdir(parents=True)
    (copy / "bin").mkdir()
    for name in ("python", "python3", "pip", "pysed"):
        (copy / "bin" / name).write_text("#!/bin/sh\necho reached >&2; exit 9\n")
        (copy / "bin" / name).chmod(0o755)
    return copy


def run(clone, *options):
    environment = {"PATH": f"{clone}/bin:/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(
        ["./run.sh", *options], cwd=clone, env=environment, capture_output=True, text=True, timeout=20
    )


def test_help(clone):
    done = run(clone, "--help")
    assert done.returncode == 0 and "Stages" in done.stdout and not done.stderr


@pytest.mark.parametrize("options", MISTAKES, ids=str)
def test_mistakes(clone, options):
    done = run(clone, *options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stderr.startswith("./run.sh: ")
    assert re.split(r"[=\n\t]", options[-1] or options[0])[0] in done.stderr and not done.stdout
    assert not list(clone.rglob("PWNED"))


@pytest.mark.parametrize("options", [["--exp", "-x & it's;*|`$y`JOB"], ["--download-dir=--a b"], ["--event", "泣き声"]])
def test_what_is_good_goes_on_to_the_environment(clone, options):
    done = run(clone, *options)
    assert "reached" in done.stderr and done.returncode == 2


@pytest.mark.parametrize("name", ["$(touch PWNED)", "`touch PWNED`", "a:b", 'a"b', "a\\b", "a\nb"])
def test_a_folder_that_cannot_hold_the_recipe(clone, tmp_path, name):
    """pip's scripts start with a line for sh that has the folder's name between double quotes; PATH ends at a colon."""
    copy = shutil.copytree(clone, tmp_path / name / "recipe", symlinks=True)
    done = run(copy, "--stage", "0")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and name.replace("\n", "?") in done.stderr
    assert not list(tmp_path.rglob("PWNED"))
