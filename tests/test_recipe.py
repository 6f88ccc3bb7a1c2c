"""run.sh on a tiny corpus, then single stages alone; and what it says to bad use."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tiny_recipe import run_in


@pytest.fixture(scope="module")
def finished(recipe, tiny_corpus):
    """The recipe after a whole run for one event. Stages 3 and 4 are done by two jobs of one set, by one of the others:
    every job starts eight programs."""
    line = ("./run.sh", "--corpus", tiny_corpus, "--event", "babycry", "--epochs", 1, "--exp", "exp")
    run_in(recipe, *line, "--stop-stage", 2, check=True)
    for script in ("make_asr_feats", "make_alignments"):
        run_in(recipe, f"steps/{script}.sh", "--nj", 2, "data/tiny/babycry/devtest", "models/demo", check=True)
    run_in(recipe, *line, "--stage", 3, "--stop-stage", 4, "--nj", 1, check=True)
    return recipe, run_in(recipe, *line, "--stage", 5, check=True)


def test_whole_run_leaves_the_contracts_files(finished):
    recipe, done = finished
    data = recipe / "data/tiny/babycry"
    for name in ("wav.scp", "utt2spk", "spk2utt", "reco2dur", "events.tsv", "utt2scene"):
        assert (data / "devtest" / name).is_file(), name
    for name in ("feats_logmel128.scp", "mfcc_hires.scp", "ivectors.scp", "prefinal.scp"):
        assert len((data / "devtrain" / name).read_text().splitlines()) == 10, name
        assert len((data / "devtest" / name).read_text().splitlines()) == 4, name
    for system in ("cbrnn", "gradual"):
        folder = recipe / "exp/tiny/babycry" / system
        for name in ("config.yaml", "final.pt", "train.log", "metrics.csv", "events_devtest.tsv", "scores_devtest.scp"):
            assert (folder / name).is_file(), name
        score = json.loads((folder / "score_devtest.json").read_text())
        assert score["num_reference"] == 2 and score["event"] == "babycry" and score["system"] == system
        files = [line.split("\t")[0] for line in (folder / "events_devtest.tsv").read_text().splitlines()]
        assert len(files) == 4 and all(name.endswith(".wav") for name in files)
    assert "gradual" in (recipe / "exp/tiny/RESULTS.md").read_text()
    assert "gradual" in done.stdout.rsplit("stage 6", 1)[1], "the table is printed last"


def test_second_run_does_nothing(finished, tiny_corpus):
    recipe, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (recipe / "data").rglob("*") if path.is_file()}
    models = {path: path.stat().st_mtime_ns for path in (recipe / "exp").rglob("final.pt")}
    done = run_in(
        recipe, "./run.sh", "--corpus", tiny_corpus, "--event", "babycry", "--epochs", 1, "--exp", "exp", check=True
    )
    stages = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if " stage " in line]
    assert [stage[:8] for stage in stages] == [f"stage {number}:" for number in range(9)]
    assert all(stage.endswith(": up to date") for stage in stages[1:])
    assert {path: path.stat().st_mtime_ns for path in (recipe / "data").rglob("*") if path.is_file()} == before
    assert {path: path.stat().st_mtime_ns for path in (recipe / "exp").rglob("final.pt")} == models


def test_results_are_there_whatever_stage_a_run_resumes_at(finished, tiny_corpus):
    recipe, _ = finished
    (recipe / "data/tiny/babycry/notes").mkdir()  # no data directory
    line = ("./run.sh", "--corpus", tiny_corpus, "--event", "babycry", "--epochs", 1, "--exp", "exp")
    for stages in (("--stage", 8), ("--stage", 6, "--stop-stage", 6)):
        (recipe / "exp/tiny/RESULTS.md").unlink()
        run_in(recipe, *line, *stages, check=True)
        assert "gradual" in (recipe / "exp/tiny/RESULTS.md").read_text()
    assert "stage 2" in run_in(recipe, *line, "--stage", 2, "--stop-stage", 2, check=True).stdout
    (recipe / "data/tiny/babycry/notes").rmdir()


def test_a_changed_value_has_its_own_folder_and_row(finished, tiny_corpus):
    recipe, _ = finished
    options = ("--corpus", tiny_corpus, "--event", "babycry", "--stage", 5, "--stop-stage", 6, "--exp", "exp")
    sets = ("--set", "epochs=2", "--set=crop_s=5", "--set", "learning_rate=1e-4")
    before = (recipe / "exp/tiny/babycry/cbrnn/final.pt").read_bytes()
    done = run_in(recipe, "./run.sh", *options, "--system", "cbrnn", *sets, check=True)
    name = "cbrnn.crop_s-5.epochs-2.learning_rate-0.0001"
    folder = recipe / "exp/tiny/babycry" / name
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["system"], config["epochs"], config["crop_s"], config["learning_rate"]) == (name, 2, 5, 1e-4)
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3
    assert json.loads((folder / "score_devtest.json").read_text())["system"] == name
    assert f"| {name} " in done.stdout and f"| {name} " in (recipe / "exp/tiny/RESULTS.md").read_text()
    assert (recipe / "exp/tiny/babycry/cbrnn/final.pt").read_bytes() == before
    again = run_in(recipe, "./run.sh", *options, "--system", "cbrnn", *sets[2:], *sets[:2], check=True)
    assert "best epoch" not in again.stdout  # the same changes in another order are the same system
    wrong = run_in(recipe, "./run.sh", *options, "--system", "cbrnn", "--set", "crop=5")
    assert wrong.returncode == 2 and "unknown key 'crop'; did you mean 'crop_s'?" in wrong.stderr
    assert wrong.stderr.count("\n") == 1 and "stage" not in wrong.stdout


def test_phones_have_names_and_times(finished):
    recipe, _ = finished
    rows = [line.split() for line in (recipe / "data/tiny/babycry/devtest/phones.ctm").read_text().splitlines()]
    names = {line.split()[0] for line in (recipe / "models/demo/phones.txt").read_text().splitlines()}
    assert {row[0] for row in rows} == {
        line.split()[0] for line in (recipe / "data/tiny/babycry/devtest/wav.scp").read_text().splitlines()
    }
    for _, _, start, duration, phone in rows:
        assert phone in names and float(duration) > 0 and float(start) >= 0
    assert max(float(row[2]) + float(row[3]) for row in rows) == pytest.approx(10, abs=0.1)


def test_stage_5_alone_gives_the_same_model(finished, tiny_corpus):
    recipe, _ = finished
    folder = recipe / "exp/tiny/babycry/cbrnn"
    first, model = (folder / "metrics.csv").read_text(), state(folder)
    shutil.rmtree(folder)
    run_in(recipe, *train(tiny_corpus, "--epochs", 1, "--system", "cbrnn", "--nj", 1), check=True)
    drop_times = [
        [row.split(",")[:4] for row in text.splitlines()] for text in (first, (folder / "metrics.csv").read_text())
    ]
    assert drop_times[0] == drop_times[1]
    assert_same(state(folder), model)  # which was trained beside gradual


def test_another_corpus_of_the_same_name_is_refused(finished, tmp_path, tiny_corpus):
    recipe, _ = finished
    other = tmp_path / "tiny"
    shutil.copytree(tiny_corpus, other)
    lists = other / "source_data/cv_setup/bgs_devtest.yaml"
    lists.write_text(lists.read_text().replace("park", "library"))
    done = run_in(recipe, "./run.sh", "--corpus", other, "--stop-stage", 1)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "tiny" in done.stderr


def train(tiny_corpus, *options):
    """The command that trains for one event, on what is there."""
    return ("./run.sh", "--corpus", tiny_corpus, "--event", "babycry", "--stage", 5, "--stop-stage", 5, *options)


def test_a_model_trained_beside_another_is_that_trained_by_itself(finished, tiny_corpus):
    recipe, _ = (
        finished  # trained gradual beside cbrnn, as --nj is 2; cbrnn: see test_stage_5_alone_gives_the_same_model
    )
    options = ("--system", "gradual", "--epochs", 1, "--nj", 1, "--exp", "exp_one")
    done = run_in(recipe, *train(tiny_corpus, *options), check=True)
    assert_same(*(state(recipe / exp / "tiny/babycry/gradual") for exp in ("exp", "exp_one")))
    assert "gradual: best epoch 1: " in done.stdout


def state(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a trained model."""
    return torch.load(folder / "final.pt", weights_only=True)["state"]


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_one_model_fails_and_the_others_are_finished(finished, tiny_corpus):
    recipe, _ = finished
    broken = recipe / "conf/systems/broken.yaml"
    broken.write_text("system: broken\nfrontend: logmel128\nlearning_rate: fast\n")
    try:
        options = ("--epochs", 1, "--exp", "exp_broken", "--system", "broken,cbrnn", "--seeds", 2)
        done = run_in(recipe, *train(tiny_corpus, *options, "--nj", 3))
    finally:
        broken.unlink()
    assert done.returncode == 2
    lines = done.stderr.splitlines()  # of both seeds
    assert len(lines) == 2 and all("learning_rate 'fast'" in line for line in lines)
    folder = recipe / "exp_broken/tiny/babycry/cbrnn"
    assert (folder / ".done_train").is_file() and not (folder / "seed2").exists(), "begun before, not after the failure"


def test_an_interrupted_run_leaves_no_process(finished, tiny_corpus):
    recipe, _ = finished
    command = [str(word) for word in train(tiny_corpus, "--epochs", 1000, "--exp", "exp_stopped")]
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    logs = [recipe / "exp_stopped/tiny/babycry" / system / "metrics.csv" for system in ("cbrnn", "gradual")]
    with subprocess.Popen(command, cwd=recipe, env=environment, start_new_session=True, stdout=subprocess.PIPE) as run:
        try:
            wait_until(lambda: all(log.is_file() for log in logs) or run.poll() is not None)
            assert len(trainings()) >= 2
            os.killpg(run.pid, signal.SIGINT)
            wait_until(lambda: run.poll() is not None and not trainings())
        finally:
            run.kill()  # or a test that fails would wait for a thousand epochs
        assert run.returncode not in (0, None)


def trainings() -> list[str]:
    """Command lines of processes that work on exp_stopped."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if "exp_stopped" in line]


def wait_until(condition, seconds: float = 300.0) -> None:
    """Until it holds; an error when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stage", "08"], ["--stage", "08"]),
        (["--stage"], ["--stage", "value"]),
        (["--stage", "9"], ["--stage 9", "no stage"]),
        (["--stage", "3", "--stop-stage", "2"], ["--stage 3 --stop-stage 2", "no stage"]),
        (["--epochs", "many"], ["--epochs", "many"]),
        (["--nonsense", "1"], ["--nonsense", "unknown"]),
        (["--source-dir", "x"], ["--source-dir", "unknown"]),
        (["--corpus", "nowhere"], ["--corpus", "nowhere"]),
        (["--asr", "nowhere"], ["--asr", "nowhere"]),
        (["--system", "gradual,best"], ["--system", "best", "cbrnn"]),
        (["--seeds", "one"], ["--seeds", "one"]),
        (["--layer", "a b"], ["--layer", "a b"]),
        (["--event", "babycry,"], ["--event :", "letters"]),
        (["more"], ["more", "unexpected"]),
    ],
)
def test_bad_options_are_one_line_and_exit_2(recipe, options, words):
    done = run_in(recipe, "./run.sh", *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words)


@pytest.mark.parametrize("event", ["thunder", "knock,thunder"])
def test_unknown_event_names_the_known_ones(recipe, tiny_corpus, event):
    done = run_in(recipe, "./run.sh", "--corpus", tiny_corpus, "--event", event, "--stop-stage", 1)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "thunder" in done.stderr and "babycry" in done.stderr and "knock" in done.stderr


def test_several_events_each_once(recipe, tiny_corpus):
    line = ("./run.sh", "--corpus", tiny_corpus, "--num-mixtures", 6, "--stage", 0, "--stop-stage", 1)
    for event in ("knock,babycry,knock", "all"):
        done = run_in(recipe, *line, "--event", event, check=True)
        assert "data/tiny/{" in done.stdout
        chosen = done.stdout.split("data/tiny/{")[1].split("}")[0]
        assert chosen == ("knock,babycry" if event != "all" else "babycry,knock")


def test_help_lists_every_stage(recipe):
    done = run_in(recipe, "./run.sh", "--help")
    assert done.returncode == 0
    for stage in range(7):
        assert f"  {stage}  " in done.stdout
