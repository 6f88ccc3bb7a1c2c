"""Stage 5 without the --asr or --layer of stage 3 trained on one recogniser's features and noted another in the
checkpoint; stage 6 scored a network on features of a recogniser that it was not trained with."""

import shutil
from pathlib import Path

import pytest
from small_detector import ASR_DIM, make_data_dir, make_model
from tiny_recipe import run_in

from pysed.errors import DataError
from pysed.freshness.__main__ import main
from pysed.score.evaluate import evaluate_detector

FILES = ("final.mdl", "conf/mfcc_hires.conf", "conf/ivector.conf")


@pytest.fixture
def models(root, tmp_path) -> tuple[Path, Path]:
    """Two recognisers of one layout: the demo's, and one of another network."""
    one = shutil.copytree(root / "models/demo", tmp_path / "one", ignore=shutil.ignore_patterns("graph", "lang"))
    two = shutil.copytree(one, tmp_path / "two")
    (two / "final.mdl").write_bytes((one / "final.mdl").read_bytes() + b"\n")
    return one, two


def mark(data: Path, model: Path, layer: str = "prefinal-l") -> Path:
    """The marks that stages leave in a data directory, its features made by the model."""
    done, pending = data / ".done_prefinal", data / ".pending"
    data.mkdir(parents=True, exist_ok=True)
    for name in (".done", ".done_feats_logmel128", ".done_feats_logmel40"):
        (data / name).write_text("x\n")
    (data / "prefinal.scp").touch()
    inputs = [f"{data}/.done", *(f"{model}/{name}" for name in FILES)]
    assert main(["begin", str(done), str(pending), "--options", layer, *FILES, "--inputs", *inputs]) == 3
    assert main(["finish", str(done), str(pending), str(data / "prefinal.scp")]) == 0
    return done


def train(recipe, tmp_path, *options):
    system = "conf/systems/gradual.yaml"
    return run_in(recipe, "steps/train.sh", *options, tmp_path / "data", "cry", system, tmp_path / "model")


def test_training_refuses_and_keeps_the_model(recipe, tmp_path, models):
    one, two = models
    mark(tmp_path / "data/devtrain", two)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/final.pt").write_text("kept")
    for options in ((), ("--asr", one), ("--asr", two, "--layer", "tdnn1")):
        done = train(recipe, tmp_path, *options)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert f"features are of {two} (prefinal-l)" in done.stderr and "run stage 3" in done.stderr
        assert (tmp_path / "model/final.pt").read_text() == "kept"
    (two / "conf/ivector.conf").write_text("--num-gselect=2\n")
    assert f"made before {two}/conf/ivector.conf changed" in train(recipe, tmp_path, "--asr", two).stderr


def test_alignments_take_those_of_their_recogniser(recipe, tmp_path, models, root):
    """Stage 4 decoded MFCC and i-vectors of another recogniser."""
    one, two = models
    for model in models:
        (model / "graph").symlink_to(root / "models/demo/graph")
    done = mark(tmp_path / "data", one, layer="tdnn1")
    for name in (".done_mfcc_hires", "mfcc_hires.scp"):
        (tmp_path / "data" / name).write_text("u1 x\n")
    refused = run_in(recipe, "steps/make_alignments.sh", tmp_path / "data", two)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused.stderr
    assert f"features are of {one} (tdnn1), not of {two}" in refused.stderr
    assert main(["features", str(done), str(one)]) == 0  # of any layer
    assert main(["features", str(done), str(one), "prefinal-l"]) == 2


def test_the_same_recogniser_goes_on(tmp_path, models, root):
    one, two = models
    done = str(mark(tmp_path / "data/devtrain", one))
    for same in (one, root / "models/demo"):  # a copy of it is the same
        assert main(["features", done, str(same), "prefinal-l"]) == 0
    assert main(["features", done, str(two), "prefinal-l"]) == 2
    for text in ("x\n", '{"options": ["prefinal-l"], "inputs": [], "made": [], "code": {}, "outputs": {}}'):
        Path(done).write_text(text)  # of an earlier version
        assert main(["features", done, str(two), "prefinal-l"]) == 0


def test_scoring_takes_those_of_the_checkpoint(tmp_path, models):
    one, two = models
    data = make_data_dir(tmp_path / "data/devtest")
    model = make_model(tmp_path / "model", {"model": str(two), "layer": "prefinal-l", "dim": ASR_DIM})
    mark(data, one)
    with pytest.raises(
        DataError, match=r"features are of .*one \(prefinal-l\), not of .*two \(prefinal-l\); run stage 3"
    ):
        evaluate_detector(model, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (data / ".done_prefinal").unlink()
    mark(data, two)
    evaluate_detector(model, data, tmp_path / "out")
