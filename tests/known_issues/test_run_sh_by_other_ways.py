"""``run.sh`` by a link in another folder lost its scripts; ``bash run.sh`` ended with a command that is not on PATH."""

import os

from tiny_recipe import run_in


def test_a_link_leads_to_the_recipe(recipe, tmp_path):
    (tmp_path / "train").symlink_to(os.path.relpath(recipe / "run.sh", tmp_path))
    done = run_in(tmp_path, "./train", "--help")
    assert done.returncode == 0 and "Stages" in done.stdout and not done.stderr
    done = run_in(tmp_path, "./train", "--stage", 9)
    assert done.returncode == 2 and done.stderr.startswith("./train: --stage 9")


def test_what_to_type_next_can_be_typed(recipe, tiny_corpus):
    done = run_in(recipe, "bash", "run.sh", "--corpus", tiny_corpus, "--stop-stage", 0, check=True)
    assert f"Go on           ./run.sh --corpus {tiny_corpus} --stage 1" in done.stdout
