"""Forty kills over all nine stages and runs side by side: the same values as undisturbed, nothing left behind."""

import json
import random
import shutil
import signal
import time

import pytest
import torch
from hand_made import contents, kill, left_over, processes_in, start, wait_until
from tiny_recipe import run_in

pytestmark = pytest.mark.thorough

#: What is the same from run to run, byte for byte; costs and logs hold times.
VALUES = (
    "*.wav", "wav.scp", "utt2*", "reco2dur", "events*.tsv", "*.ark", "feats_*.scp", "mfcc_hires.scp", "ivectors.scp",
    "prefinal.scp", "*.ctm", "final.pt", "scores_*.scp", "score_devtest.json", "counts_*.tsv", "*.csv",
)  # fmt: skip


def values(folder) -> dict[str, str]:
    found = contents(folder, *VALUES)
    return {name: value for name, value in found.items() if not name.endswith("metrics.csv")}


@pytest.fixture(scope="module")
def undisturbed(recipe, tiny_corpus, tmp_path_factory):
    """The values of whole runs of both classes, and a copy of the recipe for disturbed ones."""
    copies = tmp_path_factory.mktemp("kills")
    for name in ("undisturbed", "disturbed"):
        shutil.copytree(recipe, copies / name, symlinks=True, ignore=shutil.ignore_patterns("data", "exp*"))
    started = time.monotonic()
    run_in(copies / "undisturbed", *line(tiny_corpus), check=True, seconds=6000)
    return values(copies / "undisturbed"), copies / "disturbed", time.monotonic() - started


def line(corpus, event="all"):
    return ("./run.sh", "--corpus", corpus, "--event", event, "--system", "gradual", "--epochs", 2)


def clean(recipe) -> None:
    for name in ("data", "exp"):
        shutil.rmtree(recipe / name, ignore_errors=True)


def nothing_left(recipe) -> None:
    wait_until(lambda: not processes_in(recipe), seconds=60)
    assert not left_over(recipe / "data") and not left_over(recipe / "exp")


def test_forty_kills(undisturbed, tiny_corpus):
    wanted, recipe, seconds = undisturbed
    clean(recipe)
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    kills = 0
    while kills < 40:
        run = start(recipe, *line(tiny_corpus))
        time.sleep(rng.uniform(0.01, 0.25) * seconds)
        if run.poll() is not None:
            run.stdout.close()
            clean(recipe)  # another round through all stages
            continue
        kill(run, rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]))
        kills += 1
        if rng.random() < 0.5:
            wait_until(lambda: not processes_in(recipe), seconds=60)
    run_in(recipe, *line(tiny_corpus), check=True, seconds=6000)
    nothing_left(recipe)
    assert values(recipe) == wanted, f"seed {seed}"


@pytest.mark.parametrize("events", [("babycry", "babycry"), ("babycry", "knock"), ("all", "all", "knock")])
def test_runs_side_by_side(undisturbed, tiny_corpus, events):
    wanted, recipe, _ = undisturbed
    clean(recipe)
    runs = [start(recipe, *line(tiny_corpus, event)) for event in events]
    said = [run.communicate(timeout=6000)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), said
    if "all" not in events:
        run_in(recipe, *line(tiny_corpus), check=True, seconds=6000)
    nothing_left(recipe)
    assert values(recipe) == wanted
    score = json.loads((recipe / "exp/tiny/babycry/gradual/score_devtest.json").read_text())
    assert score["event"] == "babycry"
    torch.load(recipe / "exp/tiny/babycry/gradual/final.pt", weights_only=True)
