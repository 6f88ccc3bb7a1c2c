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


def test_one_class_keeps_the_phones_of_the_others(recipe, tmp_path):
    """`--event knock` had the analysis of knock alone, and removed the figures of the others."""
    for name, marks in (("babycry", (".done_phones", ".done_prefinal")), ("bell", (".done_phones",)), ("knock", ())):
        for prefix in ("", "isolated_"):
            (tmp_path / name / f"{prefix}devtrain").mkdir(parents=True)
            for mark in marks:
                (tmp_path / name / f"{prefix}devtrain" / mark).write_text("x\n")
    script = (
        "source <(sed -n '/^heard_classes() {$/,/^}$/p' utils/recipe.sh); "
        'known="babycry bell knock" events=knock data=$1 asr_dir=models/demo; heard_classes; echo "${classes[*]}"'
    )
    assert run_in(recipe, "bash", "-c", script, "bash", tmp_path, check=True).stdout == "babycry knock\n"
