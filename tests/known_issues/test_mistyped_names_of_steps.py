"""A mistyped --subset of steps/analyse_patterns.sh removed the earlier analysis; of a --config, sed said it first."""

from tiny_recipe import run_in


def test_an_unknown_set_leaves_the_earlier_analysis(recipe, tmp_path):
    (tmp_path / "data/cry/devtest").mkdir(parents=True)
    model, out = tmp_path / "exp/cry/gradual", tmp_path / "out"
    for folder in (model, out):
        folder.mkdir(parents=True)
    (model / "final.pt").write_text("x")
    for name, text in {".done": "{}", "patterns.md": "earlier"}.items():
        (out / name).write_text(text)
    command = ("--subset", "devtst", tmp_path / "data", tmp_path / "exp", "models/demo", out, "cry")
    done = run_in(recipe, "steps/analyse_patterns.sh", *command)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--subset devtst: no folder" in done.stderr
    assert (out / "patterns.md").read_text() == "earlier"


def test_an_unknown_configuration_is_one_line(recipe, tmp_path, tiny_corpus):
    done = run_in(recipe, "steps/make_mixtures.sh", "--config", "none.yaml", tiny_corpus, "babycry", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "none.yaml: missing or empty; run the stage that writes it, or name another" in done.stderr
