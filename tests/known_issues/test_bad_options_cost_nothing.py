"""Options that no job takes were checked by the jobs alone: the model, or the mark of a finished archive, was gone."""

import pytest
from small_detector import make_data_dir, make_model
from tiny_recipe import run_in

from pysed.errors import DataError
from pysed.score.evaluate import evaluate_detector


def refused(done, *words):
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--threshold", "abc"),
        ("--threshold", "1.5"),
        ("--min-duration", "-3"),
        ("--max-gap", "nan"),
        ("--max-gap", "."),
    ],
)
def test_archives(recipe, tmp_path, option, value):
    model = make_model(tmp_path / "model")
    (tmp_path / "list").write_text("x.wav\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.done").write_text("kept")
    refused(run_in(recipe, "steps/detect.sh", option, value, model, tmp_path / "list", tmp_path / "out"), option, value)
    assert (tmp_path / "out/.done").read_text() == "kept"


def test_alignments(recipe, tmp_path, root):
    line = ("steps/make_alignments.sh", "--beam", "abc", tmp_path / "data", root / "models/demo")
    refused(run_in(recipe, *line), "--beam abc")


def test_training(recipe, tmp_path):
    folder = make_data_dir(tmp_path / "data/devtrain")
    for mark in (".done", ".done_feats_logmel40"):
        (folder / mark).write_text("x\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/final.pt").write_text("kept")
    (tmp_path / "cbrnn.yaml").write_text("system: cbrnn\nmodel: cbrnn\nfrontend: logmel40\nasr: false\n")
    for options, event, words in (
        (["--seed", "abc"], "cry", ["--seed abc"]),
        ([], "crie", ["events.tsv: no event crie"]),
    ):
        line = ("steps/train.sh", *options, folder.parent, event, tmp_path / "cbrnn.yaml", tmp_path / "model")
        refused(run_in(recipe, *line), *words)
        assert (tmp_path / "model/final.pt").read_text() == "kept"


def test_scores_of_another_class(recipe, tmp_path):
    """They replaced the good ones: no event of the class is in the data."""
    model, folder = make_model(tmp_path / "model"), make_data_dir(tmp_path / "data/devtest")
    with pytest.raises(DataError, match="detects cry, not shot"):
        evaluate_detector(model, folder, tmp_path / "out", "shot")
    events = folder / "events.tsv"
    events.write_text(events.read_text().replace("\tcry", "\tshot"))
    with pytest.raises(DataError, match="events of shot alone"):
        evaluate_detector(model, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_results_that_have_no_place(recipe, tiny_corpus):
    refused(run_in(recipe, "./run.sh", "--corpus", tiny_corpus, "--exp", "/dev/null", "--stage", 5), "--exp /dev/null")
