"""The analysis of a gradual network that was deleted stayed, and the next report showed it; stage scripts called alone
took the default's settings for a corpus that brings its own."""

import shutil

import pytest
from tiny_recipe import run_in


def test_patterns_go_with_the_model(recipe, tmp_path):
    out = tmp_path / "patterns"
    out.mkdir()
    left = [out / name for name in (".done", "mended.csv", "streams-bell.svg", "patterns.md")]
    for path in [*left, out / "notes.txt"]:
        path.write_text('{"of": "gradual"}')
    line = ("steps/analyse_patterns.sh", tmp_path, tmp_path, recipe / "models/demo", out, "bell")
    assert "skipped" in run_in(recipe, *line, check=True).stdout
    assert [path for path in left if path.exists()] == [] and (out / "notes.txt").exists()


@pytest.mark.parametrize("name,expected", [("tiny", "corpus.yaml"), ("demo", "demo.yaml"), ("other", "default.yaml")])
def test_a_corpus_has_its_own_settings(recipe, tiny_corpus, tmp_path, name, expected):
    source = shutil.copytree(tiny_corpus, tmp_path / name)
    if expected != "corpus.yaml":
        (source / "corpus.yaml").unlink()
    script = '. utils/log.sh && config_of_corpus "$1"'
    assert run_in(recipe, "bash", "-c", script, "bash", source, check=True).stdout.endswith(f"/{expected}\n")
