"""Tables of trainings that do not belong together: seeds of other settings were one mean, copies of a model's folder
became classes, models tested on an earlier test set stopped the report, and pooled scores outlived their set."""

import json
import shutil

import pytest
import yaml
from experiment import write_experiment

from pysed.detector.config import load_config
from pysed.report.content import of_test_files, read_models
from pysed.score.counts import write_counts
from pysed.score.event_based import Counts
from pysed.score.results import write_results
from pysed.score.results_files import gather
from pysed.score.summary import brief


@pytest.fixture
def results(tmp_path):
    """cbrnn with two seeds, and gradual."""
    _, results = write_experiment(tmp_path)
    model = results / "cry/cbrnn"
    shutil.copytree(model, results.parent / "copy")
    (results.parent / "copy").rename(model / "seed2")
    return results


def settings(folder, **values):
    (folder / "config.yaml").write_text(yaml.safe_dump(values))


def test_seeds_of_other_settings_are_marked(results):
    model = results / "cry/cbrnn"
    settings(model, epochs=2, seed=1, command="./run.sh")
    settings(model / "seed2", epochs=2, seed=2, command="./run.sh --seeds 2")
    assert "‡" not in write_results(results)
    settings(model / "seed2", epochs=1, seed=2, command="./run.sh --seeds 2")
    text = write_results(results)
    assert "| cbrnn ‡" in text and "| gradual ‡" not in text and "‡ Trained with other settings" in text
    assert "cbrnn ‡" in brief(results)


def test_settings_that_came_later_are_no_difference(results):
    config = load_config("conf/systems/cbrnn.yaml").as_dict()
    settings(results / "cry/cbrnn/seed2", **config, event="cry", seed=2)
    assert config.pop("stacked_frames") == 1
    settings(results / "cry/cbrnn", **config, event="cry", seed=1)
    assert "‡" not in write_results(results)
    settings(results / "cry/cbrnn", **config, stacked_frames=5, event="cry", seed=1)
    assert "| cbrnn ‡" in write_results(results)


def test_systems_tested_on_other_files_are_marked(results):
    for folder, last in (("gradual", "b"), ("cbrnn", "b"), ("cbrnn/seed2", "b")):
        write_counts(results / "cry" / folder / "counts_devtest.tsv", {name: Counts(1, 0, 0) for name in ("a", last)})
    assert "‡" not in write_results(results)
    write_counts(results / "cry/gradual/counts_devtest.tsv", {name: Counts(1, 0, 0) for name in ("a", "c")})
    text = write_results(results)
    assert "| gradual ‡" in text and "| cbrnn ‡" not in text


def test_copies_of_seeds_are_no_classes(results, capsys):
    rows = gather(results)
    model = results / "cry/cbrnn"
    for name in ("seed2.bak", "seed02"):
        shutil.copytree(model / "seed2", model / name)
    for name in (".cbrnn.old", "cbrnn copy", "cbrnn|x"):
        shutil.copytree(results / "cry/gradual", results / "cry" / name)
    assert gather(results) == rows
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5 and all(line.startswith("WARNING: ") and "left out" in line for line in lines)


def test_the_report_leaves_out_what_was_tested_on_other_files(results, tmp_path, capsys):
    data, models = tmp_path / "data/tiny", read_models(results)
    assert of_test_files(data, models) == models and not capsys.readouterr().err
    for model in models:
        if model.system == "cbrnn":
            scores = {f"other_{name}": value for name, value in model.scores.items()}
            model.scores.clear()
            model.scores.update(scores)
    assert [model.system for model in of_test_files(data, models)] == ["gradual"]
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "run stages 5 and 6 with --system cbrnn --event cry" in error


def test_pooled_scores_of_a_set_that_is_gone(results):
    model = results / "cry/cbrnn"
    write_results(results)
    assert json.loads((model / "score_pooled_devtest.json").read_text())["seeds"] == [1, 2]
    shutil.copy(model / "score_pooled_devtest.json", model / "score_pooled_evaltest.json")
    write_results(results)
    assert not (model / "score_pooled_evaltest.json").exists() and (model / "score_pooled_devtest.json").exists()
