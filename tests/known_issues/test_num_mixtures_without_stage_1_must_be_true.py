"""``--num-mixtures`` did nothing, without a word, where stage 1 was not among the stages to run."""

import shutil

import pytest
from tiny_recipe import run_in


@pytest.mark.parametrize(("given", "has"), [((), 10), (("--num-mixtures", 6), 6)])
def test_another_number_is_refused_and_the_same_goes_on(recipe, tiny_corpus, given, has):
    line = ("./run.sh", "--corpus", tiny_corpus, "--event", "knock", "--system", "mlp")
    run_in(recipe, *line, *given, "--stage", 1, "--stop-stage", 1, check=True)
    stage_2 = (*line, "--stage", 2, "--stop-stage", 2, "--num-mixtures")
    done = run_in(recipe, *stage_2, 7)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"--num-mixtures 7: data/tiny/knock/devtrain has {has}; run stage 1" in done.stderr
    run_in(recipe, *stage_2, has, check=True)


def test_mixtures_of_other_seeds_count_too(recipe, tiny_corpus):
    line = ("./run.sh", "--corpus", tiny_corpus, "--event", "knock", "--system", "mlp", "--num-mixtures", 6)
    run_in(recipe, *line, "--stage", 1, "--stop-stage", 1, check=True)
    for number in (5, 6):
        seed = recipe / "data/tiny/knock/devtrain_seed2"
        seed.mkdir(exist_ok=True)
        (seed / ".done").write_text("by hand\n")
        (seed / "wav.scp").write_text("\n".join(f"m{index} m.wav" for index in range(number)))  # no last line break
        done = run_in(recipe, *line, "--seeds", 2, "--new-mixtures", "--stage", 8)
        assert ("devtrain_seed2 has 5" in done.stderr) == (number == 5), done.stderr
    shutil.rmtree(seed)
