"""The last line of a list was dropped without a word where no line break ended it: lines were counted by ``wc -l``."""

import subprocess

import pytest

STAGE = """
. utils/log.sh; . utils/resume.sh; . utils/shards.sh
split_lists "$1/parts" "$2" key "$1/list.scp"
cat "$1/parts"/list.*
data=$1 nj=$2 work=$1/table key=key
run_cmd=utils/run_jobs.sh
copy() { cp "$work/wav.$1" "$work/table.$1.scp" && cp "$work/wav.$1" "$work/table.$1.ark"; }
finish() { true; }
split_lists "$work" "$nj" "$key" "$data/wav.scp"
run_shards "$work" copy
finish_table "$data/table.scp"
"""


@pytest.mark.parametrize("jobs", [1, 2, 3, 4])
def test_every_line_is_in_a_part(root, tmp_path, jobs):
    for name in ("list.scp", "wav.scp"):
        (tmp_path / name).write_text("a 1\nb 2\nc 3")
    command = ["bash", "-euo", "pipefail", "-c", STAGE, "stage.sh", str(tmp_path), str(jobs)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a 1\nb 2\nc 3\n") and "table.scp: 3 recordings" in done.stdout
    assert len(list((tmp_path / "parts").glob("list.*"))) == min(jobs, 3)
    assert (tmp_path / "table.scp").read_text() == "a 1\nb 2\nc 3\n"
