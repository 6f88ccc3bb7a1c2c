"""A front end's YAML that changed after stage 2 trained on the features of before, and noted the settings of after;
stage 6 scored a model on features of other settings than its own."""

import shutil
from pathlib import Path

import pytest
from small_detector import make_data_dir, make_model
from tiny_recipe import run_in

from pysed.errors import DataError
from pysed.score.evaluate import evaluate_detector


def mark(recipe: Path, folder: Path, frontend: str) -> Path:
    """A data directory as stage 2 leaves it, with the front end as it is now."""
    make_data_dir(folder)
    (folder / ".done").write_text("x\n")
    config = f"conf/frontends/{frontend}.yaml"
    script = (
        '. ./path.sh && . utils/resume.sh && to_do "$1" x --options 5 '
        f'--made-by "$(made_by pysed feats options {config} -- {config})" && finish "$1" "$2/feats_logmel40.scp"'
    )
    run_in(recipe, "bash", "-c", script, "bash", folder / f".done_feats_{frontend}", folder, check=True)
    return folder / f".done_feats_{frontend}"


def test_training_refuses_and_keeps_the_model(recipe, tmp_path):
    yaml = recipe / "conf/frontends/changing.yaml"
    shutil.copy(recipe / "conf/frontends/logmel40.yaml", yaml)
    before = yaml.read_text()
    mark(recipe, tmp_path / "data/devtrain", "changing")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/final.pt").write_text("kept")
    (tmp_path / "system.yaml").write_text("system: cbrnn\nmodel: cbrnn\nfrontend: changing\nasr: false\n")
    line = ("steps/train.sh", tmp_path / "data", "thunder", tmp_path / "system.yaml", tmp_path / "model")
    for changed, expected in (
        (before + "# a word\n", "no event thunder"),
        (
            before.replace("low_freq_hz: 20", "low_freq_hz: 300"),
            "before conf/frontends/changing.yaml changed; run stage 2",
        ),
        (before.replace("average_frames: 5", "average_frames: 2"), "before conf/frontends/changing.yaml changed"),
    ):
        yaml.write_text(changed)
        done = run_in(recipe, *line)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and expected in done.stderr, done.stderr
        assert (tmp_path / "model/final.pt").read_text() == "kept"
    yaml.unlink()


def test_scoring_refuses(recipe, tmp_path):
    model, data = make_model(tmp_path / "model"), tmp_path / "data/devtest"
    noted = mark(recipe, data, "logmel40")
    evaluate_detector(model, data, tmp_path / "out")
    noted.write_text(noted.read_text().replace('"5"', '"4"'))  # frames averaged
    with pytest.raises(DataError, match="features logmel40 are of other settings .* run stages 2 and 5"):
        evaluate_detector(model, data, tmp_path / "none")
    assert not (tmp_path / "none").exists()
