"""``kill PID`` of run.sh in stages 1 to 4 left its jobs running; SIGKILL left temporaries that nothing removed."""

import os
import signal
import subprocess
import time

import pytest
from hand_made import data_directory, kill, left_over, processes_in, start, wait_until
from tiny_recipe import run_in


@pytest.fixture(scope="module")
def mixed(recipe, tiny_corpus):
    """The recipe with stage 1 done for one event."""
    run_in(recipe, "./run.sh", "--corpus", tiny_corpus, "--event", "knock", "--stop-stage", 1, check=True)
    return recipe


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_run(mixed, tiny_corpus, number):
    recipe = mixed
    marker = recipe / "reached"
    starter = recipe / "slow_job.sh"  # in utils/run_jobs.sh's place: jobs that never end
    starter.write_text(f"#!/usr/bin/env bash\nsleep 1000 & echo $! >{marker}; wait | cat\n")
    starter.chmod(0o755)
    marker.unlink(missing_ok=True)
    line = ("./run.sh", "--corpus", tiny_corpus, "--event", "knock", "--stage", 2, "--stop-stage", 2)
    run = start(recipe, *line, run_cmd=str(starter))
    wait_until(lambda: marker.exists() and marker.read_text())
    kill(run, number)
    wait_until(lambda: not processes_in(recipe), seconds=20)


def test_temporaries_of_processes_that_are_gone(recipe, tiny_corpus, tmp_path):
    data = data_directory(tmp_path / "data", tiny_corpus)
    line = ("steps/make_sed_feats.sh", "--nj", 1, data, "logmel40")
    run_in(recipe, *line, check=True)
    ended = subprocess.run(["bash", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    (data / "feats_logmel40.scp").unlink()
    living = data / f".wav.scp.{os.getpid()}.tmp"
    gone = [data / f".wav.scp.{ended}.tmp", data / f"feats_logmel40/.feats_logmel40.1.ark.{ended}.tmp"]
    folder = tmp_path / f".data.{ended}.tmp"
    (folder / "audio").mkdir(parents=True)
    mine = data / "notes.2024.tmp"
    for path in (living, mine, *gone):
        path.write_text("half")
    run_in(recipe, *line, check=True)
    assert sorted(left_over(tmp_path)) == sorted([living, mine])


def test_the_number_of_a_process_that_is_gone_may_be_used_again(tmp_path):
    from pysed.freshness.marks import clear_left

    path = tmp_path / f".x.{os.getpid()}.tmp"
    path.write_text("half")
    os.utime(path, (1, 1))  # before this process began
    clear_left(str(tmp_path))
    assert not path.exists()


def test_a_clock_set_forward_takes_nothing_from_a_run(tmp_path):
    """To a run that began, and wrote its file, before the clock was set, the file looks older than the run."""
    from pysed.freshness.marks import clear_left

    path = tmp_path / f".x.{os.getpid()}.tmp"
    path.write_text("half")
    before = time.time() - 6 * 3600
    os.utime(path, (before, before))
    clear_left(str(tmp_path))
    assert path.exists()
