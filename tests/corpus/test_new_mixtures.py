"""``--new-mixtures``: a training seed draws the mixtures, and the recordings held out for validation, anew."""

import pytest
import yaml
from test_recipes import make_sources
from tiny_recipe import run_in

from pysed.corpus.recipes import CorpusSettings, held_out_recordings, subset_recipes


def test_every_seed_holds_out_and_mixes_anew():
    sources, settings = make_sources(20, 40), CorpusSettings({"devtrain": 60})
    assert settings.of_seed(1) == settings, "seed 1 is the configuration's"
    held_out, mixed = [], []
    for seed in (1, 2, 3):
        mine = settings.of_seed(seed)
        held_out.append(held_out_recordings(sources, "gunshot", mine)[1])
        recipes = subset_recipes(sources, "gunshot", mine, 60, held_out=True)
        mixed.append({(r.background.path, r.event.path, r.offset_s) for r in recipes if r.event})
        valid = {r.background.recording for r in recipes if r.split == "valid"}
        assert valid <= held_out[-1]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert held_out[first] != held_out[second]
        assert not mixed[first] & mixed[second]


def test_the_run_gives_each_seed_its_own_training_set(recipe, tiny_corpus):
    options = ("--corpus", tiny_corpus, "--event", "knock", "--seeds", "1,2", "--new-mixtures")
    done = run_in(recipe, "./run.sh", *options, "--stage", 1, "--stop-stage", 1)
    assert done.returncode == 0, done.stderr
    data = recipe / "data/tiny/knock"
    first, second = ((data / name / "recipes.yaml").read_text() for name in ("devtrain", "devtrain_seed2"))
    assert len(yaml.safe_load(second)) == len(yaml.safe_load(first)) and second != first
    assert not list(data.glob("devtest_*")), "the test mixtures are the same for all"
    system = ("conf/systems/cbrnn.yaml", "exp/new")
    for seed, named in (
        (1, "knock/devtrain/.done_feats"),
        (2, "devtrain_seed2/.done_feats"),
        (3, "devtrain_seed3/.done"),
    ):
        done = run_in(recipe, "steps/train.sh", "--seed", seed, "--new-mixtures", "true", data, "knock", *system)
        assert done.returncode == 2 and named in done.stderr, done.stderr


@pytest.mark.parametrize("seed", ["-1", "1000000000"])
def test_a_seed_out_of_range(tiny_corpus, tmp_path, seed, capsys):
    from pysed.commands.corpus import main
    from pysed.errors import DataError

    config = str(tiny_corpus / "corpus.yaml")
    with pytest.raises(DataError, match=rf"--seed {seed}; expected 0 to 999999999"):
        main(["mix", "--source", str(tiny_corpus), "--config", config, "--event", "knock", "--subset", "devtrain",
              "--out", str(tmp_path / "out"), f"--seed={seed}"])  # fmt: skip
