"""Kaldi's splice_opts, and no online_cmvn.conf, did for training but not for detection: one door for both."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_recipe import run_in

from pysed.cli import main
from pysed.errors import DataError
from pysed.features.of_samples import AsrFeatures
from pysed.kaldi.model_folder import read_model_folder


@pytest.fixture
def model(root, tmp_path) -> Path:
    shutil.copytree(root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("graph", "lang"))
    return tmp_path / "asr"


def ivectors(model: Path) -> np.ndarray | None:
    """In detection, of a second of noise."""
    samples = np.random.default_rng(1).normal(0, 3000, 16000).astype(np.float32)
    return AsrFeatures(model, "prefinal-l").inputs(samples)[1]


def written(model: Path, conf: Path) -> dict[str, str]:
    """What stage 3 reads, by file."""
    assert main(["feats", "recogniser", str(model), str(conf)]) == 0
    return {path.name: path.read_text() for path in sorted(conf.iterdir())}


def test_kaldis_own_extractor_folder(model, tmp_path):
    expected, configs = ivectors(model), written(model, tmp_path / "conf")
    extractor = model / "extractor"
    (extractor / "splice.conf").unlink()
    (extractor / "splice_opts").write_text("--left-context=3 --right-context=3\n")
    (extractor / "online_cmvn.conf").unlink()
    np.testing.assert_array_equal(ivectors(model), expected)
    assert written(model, tmp_path / "conf") == configs
    (extractor / "splice.conf").write_text("--right_context=3\n --left-context = 3 # the same\n")
    np.testing.assert_array_equal(ivectors(model), expected)
    (extractor / "splice.conf").write_text("--left-context=2\n--right-context=3\n")
    with pytest.raises(DataError, match="splice.conf and splice_opts differ"):
        ivectors(model)


def test_a_model_without_ivectors_leaves_no_old_configuration(model, tmp_path):
    assert "ivector_extractor.conf" in written(model, tmp_path / "conf")
    shutil.rmtree(model / "extractor")
    read_model_folder(model).write(tmp_path / "conf")
    assert [path.name for path in (tmp_path / "conf").iterdir()] == ["mfcc.conf"]
    with pytest.raises(DataError, match=r"takes 40 MFCC and i-vectors of 40; .* give 40 and 0"):
        ivectors(model)


@pytest.mark.parametrize(
    "name",
    ["final.mdl", "conf/mfcc_hires.conf"]
    + [f"extractor/{part}" for part in ("final.ie", "final.dubm", "final.mat", "global_cmvn.stats", "splice.conf")],
)
def test_what_lacks_is_said_alike(model, capsys, name):
    (model / name).unlink()
    assert main(["feats", "recogniser", str(model)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert Path(name).name in line
    with pytest.raises(DataError) as error:
        AsrFeatures(model, "prefinal-l")
    assert str(error.value) == line


def test_stages_0_and_3_stop_at_the_door_and_nothing_is_lost(recipe, model, tmp_path):
    data = tmp_path / "data"
    (data / "asr_feats").mkdir(parents=True)
    for name in ("wav.scp", "spk2utt", ".done", ".done_prefinal", "asr_feats/mfcc.1.ark"):
        (data / name).write_text("a a\n")
    (model / "extractor/final.mat").unlink()
    for command in (["local/prepare_model.sh", model], ["steps/make_asr_feats.sh", "--nj", 1, data, model]):
        done = run_in(recipe, *command)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "final.mat: missing or empty" in done.stderr
    assert (data / ".done_prefinal").exists() and (data / "asr_feats/mfcc.1.ark").exists()
