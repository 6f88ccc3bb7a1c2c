"""What run.sh makes anew, keeps and says after a change of code, configuration or lists; on the tiny corpus."""

import shutil
from pathlib import Path

import pytest
import yaml
from tiny_recipe import run_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def runs(recipe, tiny_corpus, tmp_path_factory):
    """A recipe with a package of its own, a corpus of its own, and a function that runs stages on them."""
    folder = tmp_path_factory.mktemp("own")
    copy, corpus = folder / "recipe", folder / "tiny"
    shutil.copytree(recipe, copy, symlinks=True, ignore=shutil.ignore_patterns("data", "exp*"))
    (copy / "pysed").unlink()
    shutil.copytree(ROOT / "pysed", copy / "pysed")  # with what Python has compiled
    shutil.copytree(tiny_corpus, corpus)

    def run(*options) -> str:
        line = (
            "env",
            f"PYTHONPATH={copy}",
            "./run.sh",
            "--corpus",
            corpus,
            "--system",
            "mlp",
            "--epochs",
            1,
            "--nj",
            1,
        )
        return run_in(copy, *line, "--stop-stage", 6, *options, check=True).stdout

    run("--event", "babycry", "--stop-stage", 2)
    run("--event", "babycry", "--stage", 5)
    return copy, corpus, run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def written(copy: Path) -> dict[str, int]:
    folder = copy / "exp/tiny/babycry/mlp"
    return {name: (folder / name).stat().st_mtime_ns for name in ("final.pt", "score_devtest.json")}


def test_comments_change_nothing(runs):
    copy, corpus, run = runs
    before = written(copy)
    for path in (copy / "pysed/detector/config.py", copy / "pysed/train/loss.py", copy / "steps/train.sh"):
        path.write_text(path.read_text() + "\n# a comment\n")
    for path in (copy / "conf/systems/mlp.yaml", copy / "conf/frontends/logmel40.yaml", corpus / "corpus.yaml"):
        path.write_text("# a comment\n" + path.read_text())
    said = run("--event", "babycry", "--stop-stage", 2) + run("--event", "babycry", "--stage", 5)
    assert said.count("up to date") == 4 and "made" not in said and "other code" not in said and written(copy) == before


def test_a_line_of_the_loss_is_named_and_remade_when_asked(runs):
    copy, _, run = runs
    before = written(copy)
    edit(copy / "pysed/train/loss.py", "return ", "return 2 * ")
    said = run("--event", "babycry", "--stage", 5)
    assert "mlp: made by other code (pysed/train/loss.py); kept; --remake makes it anew" in said
    assert written(copy) == before and "/{mlp}/: up to date" not in said and "†" not in said
    (copy / "exp/tiny/babycry/mlp/score_devtest.json").unlink()
    said = run("--event", "babycry", "--stage", 5)
    assert "| mlp †" in said and written(copy)["final.pt"] == before["final.pt"], "new scores of an old model"
    said = run("--event", "babycry", "--stage", 5, "--remake")
    after = written(copy)
    assert all(after[name] != before[name] for name in before) and "†" not in said
    assert run("--event", "babycry", "--stage", 5).count("up to date") == 2


def test_a_line_of_post_processing_rescores_only(runs):
    copy, _, run = runs
    before = written(copy)
    path = copy / "pysed/decision/postprocess.py"
    edit(path, "def detect_event(", "def detect_event_(")
    path.write_text(f"{path.read_text()}\n\ndef detect_event(*a, **b):\n    return detect_event_(*a, **b)\n")
    said = run("--event", "babycry", "--stage", 5)
    assert "/{mlp}/: up to date" in said and "devtest: made by other code (pysed/decision/postprocess.py); kept" in said
    run("--event", "babycry", "--stage", 5, "--remake")
    after = written(copy)
    assert after["final.pt"] == before["final.pt"] and after["score_devtest.json"] != before["score_devtest.json"]


def test_epochs_do_not_change_what_an_epoch_is(runs):
    copy, _, run = runs
    config = yaml.safe_load((copy / "exp/tiny/babycry/mlp/config.yaml").read_text())
    assert config["epochs"] == 1 and config["epoch_steps"] > 1


def test_a_changed_list_remakes_its_class_alone(runs):
    copy, corpus, run = runs
    both = ("--stage", 0, "--stop-stage", 1)
    run(*both)
    path = corpus / "source_data/cv_setup/events_devtest.yaml"
    lists = yaml.safe_load(path.read_text())
    lists["knock"][0]["segment"][1] -= 0.1
    path.write_text(yaml.safe_dump(lists))
    before = {folder: (folder / "wav.scp").stat().st_mtime_ns for folder in copy.glob("data/tiny/*/*/")}
    said = run(*both)
    anew = {folder.name for folder, time in before.items() if (folder / "wav.scp").stat().st_mtime_ns != time}
    assert anew == {"devtest", "isolated_devtest"} and "data/tiny/babycry" not in said
    assert "2 made, 6 up to date" in said and "; made anew" in said
