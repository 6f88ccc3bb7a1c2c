"""Arguments without white space reached ``bash -c`` raw, and JOB was replaced inside the names of folders."""

import os
import shutil
import subprocess

import pytest
from tiny_recipe import run_in

WORDS = [
    "x;touch${IFS}PWNED;y", "$(touch PWNED)", "`touch PWNED`", "a&b", "(x)", "it's", 'q"q', "'q\" b", "*", "a|b",
    "$HOME", "", "a b", " ", "a\nb", "a\tb", "-n", "--", "\\", "a\\nb", "{a,b}", "~", "!x", "#x", "<x", "2>x", "x=y",
    "é", "\x1b[0m", "%s", "JOB_",
]  # fmt: skip
ARGV = "import json, sys; print(json.dumps(sys.argv[1:]))"
# In sbatch's place: runs the script it is given as a node's plain sh does.
SBATCH = """#!/usr/bin/env bash
for option; do
  case $option in --array=*) jobs=${option#*=} ;; --wrap=*) script=${option#*=} ;; esac
done
for job in ${jobs//,/ }; do SLURM_ARRAY_TASK_ID=$job sh -c "$script" || true; done
echo 1
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    """PATH with a stand-in for sbatch."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sbatch").write_text(SBATCH)
    (tmp_path / "bin/sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("starter", ["utils/run_jobs.sh", "utils/slurm.sh"])
def test_arguments_arrive_as_they_are(root, path, starter):
    folder = path / "it's & $(touch PWNED) `x`;|*"
    run_in(root, starter, "JOB=1:2", folder / "log.JOB", "python", "-c", ARGV, *WORDS, check=True)
    for job in "12":
        expected = [word.replace("JOB", job) for word in WORDS]
        lines = (folder / f"log.{job}").read_text(encoding="utf-8").split("\n")
        found = [line for line in lines if line.startswith("[")]
        assert found and found[0] == subprocess.check_output(["python", "-c", ARGV, *expected], text=True).strip()
    assert not list(path.rglob("PWNED")) and not (root / "PWNED").exists()


@pytest.mark.parametrize("starter", ["utils/run_jobs.sh", "utils/slurm.sh"])
def test_operators_of_their_own_still_work(root, path, starter):
    words = ("echo", "a JOB", "|", "tr", "a", "b", ">", path / "JOB", "&&", "{", "echo", "x", ";", "}", "2>&1")
    run_in(root, starter, "JOB=2:4", path / "log/JOB.log", *words, check=True)
    assert [(path / name).read_text() for name in "234"] == ["b 2\n", "b 3\n", "b 4\n"]


# One after the way of Kaldi's run.pl and its kin: words without white space raw, in one string for bash.
RUN_PL = """#!/usr/bin/env bash
name=${1%%=*} last=${1##*:} log=$2; shift 2
command=
for word; do if [[ $word =~ [[:space:]] ]]; then command+="'$word' "; else command+="$word "; fi; done
for ((job = 1; job <= last; job++)); do
  file=${log//$name/$job}
  mkdir -p "$(dirname "$file")"
  bash -c "( ${command//$name/$job} ) >&$file" || exit 1
done
"""
STAGE = """
. utils/log.sh; . utils/resume.sh; . utils/shards.sh
work=$1 name=note num_jobs=2 value=$2
note() { printf '%s %s' "$1" "$value" >"$work/out.$1"; }
run_shards "$work" note value
"""


@pytest.mark.parametrize("starter", ["utils/run_jobs.sh", "utils/slurm.sh", "run.pl"])
@pytest.mark.parametrize("folder", ["JOBSITE", "JOB/JOB_", "it's", "a b&c", "$(touch PWNED)", "x;y|z"])
def test_shards_in_folders_of_any_name(root, path, starter, folder):
    (path / "bin/run.pl").write_text(RUN_PL)
    (path / "bin/run.pl").chmod(0o755)
    work, value = path / folder, "v;touch PWNED `x` $(x) 'JOB'\n"
    command = ["bash", "-euo", "pipefail", "-c", STAGE, "stage.sh", str(work), value]
    done = subprocess.run(command, cwd=root, env={**os.environ, "run_cmd": starter}, capture_output=True, text=True)
    if starter == "run.pl" and not folder.startswith("JOB"):
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and folder in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert [(work / f"out.{job}").read_text() for job in "12"] == [f"{job} {value}" for job in "12"]
    assert not (root / "PWNED").exists() and not list(path.rglob("PWNED"))


def test_a_recogniser_in_a_folder_of_any_name(recipe, root, tmp_path):
    """Stages 3 and 4: its files stand in specifiers, in options' files and in a pipe."""
    asr, data = tmp_path / "it's (a) b&c;#$(touch PWNED)JOB|" / "m,o:1", tmp_path / "data"
    shutil.copytree(recipe / "models/demo", asr)
    data.mkdir()
    wav = min((root / "tests/golden/demo/wav").glob("*.wav"))
    (data / "wav.scp").write_text(f"{wav.stem} {wav}\n")
    for name in ("utt2spk", "spk2utt"):
        (data / name).write_text(f"{wav.stem} {wav.stem}\n")
    (data / ".done").write_text("x\n")
    for stage in ("make_asr_feats", "make_alignments"):
        run_in(recipe, f"steps/{stage}.sh", "--nj", 1, data, asr, check=True)
    assert (data / "prefinal.scp").read_text().count("\n") == 1 and (data / "phones.ctm").read_text()
    assert not list(tmp_path.rglob("PWNED")) and not (recipe / "PWNED").exists()
