"""Another corpus of the same name was mixed in where stage 0 was not run: only that stage looked at the name."""

import shutil

import pytest
from hand_made import contents
from tiny_recipe import run_in

from pysed.commands.corpus import check_name


@pytest.fixture
def other(tiny_corpus, tmp_path):
    """A corpus of other lists under a name that is taken."""
    shutil.copytree(tiny_corpus, tmp_path / "one/mine")
    other = shutil.copytree(tiny_corpus, tmp_path / "two/mine")
    lists = other / "source_data/cv_setup/bgs_devtest.yaml"
    lists.write_text(lists.read_text().replace("park", "library"))
    return other


@pytest.mark.parametrize("stage", [1, 5, 8])
def test_it_is_refused_and_nothing_changed(recipe, other, tmp_path, stage):
    data = recipe / "data/mine"
    shutil.rmtree(data, ignore_errors=True)
    check_name(tmp_path / "one/mine", data)
    before = contents(data, "*")
    done = run_in(recipe, "./run.sh", "--corpus", other, "--event", "knock", "--stage", stage, "--stop-stage", stage)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "its lists are not those that data/mine was made from" in done.stderr
    assert contents(data, "*") == before


def test_the_same_corpus_goes_on(recipe, tiny_corpus, tmp_path):
    line = ("--event", "knock", "--stop-stage", 1)
    shutil.copytree(tiny_corpus, tmp_path / "one/yours")
    shutil.copytree(tiny_corpus, tmp_path / "two/yours")
    run_in(recipe, "./run.sh", "--corpus", tmp_path / "one/yours", "--stage", 1, *line, check=True)
    for copy in ("one", "two"):  # which may lie elsewhere
        done = run_in(recipe, "./run.sh", "--corpus", tmp_path / copy / "yours", "--stage", 1, *line)
        assert done.returncode == 0 and ": up to date" in done.stdout and not done.stderr
