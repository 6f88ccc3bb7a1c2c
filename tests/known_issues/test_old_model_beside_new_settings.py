"""A training into the folder of a finished one, killed, left that one's model beside its own settings; one of fewer
folds left folders of the other's."""

import pytest
import yaml
from small_clips import make_clips, small_config, write_data_dir_in_folds

from pysed.detector.checkpoint import load
from pysed.train import engine

TRAIN, VALID = make_clips(12, 1), make_clips(12, 2)


@pytest.fixture
def data(tmp_path):
    return write_data_dir_in_folds(tmp_path / "data", TRAIN, VALID)


def train(data, out, stop_after=None, **changes):
    task = engine.Task(small_config(**{"epochs": 2, **changes}), "cry")
    return engine.train(task, data, out, stop_after=stop_after)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_model_has_its_own_settings_beside_it(data, tmp_path, folds):
    out = tmp_path / "out"
    train(data, out, folds=folds)
    train(data, out, stop_after=1, folds=folds, dropout=0.4)
    assert not (out / "final.pt").exists() and yaml.safe_load((out / "config.yaml").read_text())["dropout"] == 0.4
    train(data, out, folds=folds, dropout=0.4)
    assert load(out / "final.pt")["config"]["dropout"] == 0.4


def test_no_folds_of_another_run_stay(data, tmp_path):
    out = tmp_path / "out"
    for number in (2, 3):
        (out / f"fold{number}").mkdir(parents=True)
        (out / f"fold{number}/config.yaml").write_text("")
    (out / "fold1_backup").mkdir()  # the user's own
    (out / "fold2.txt").write_text("")
    train(data, out, stop_after=1, folds=3)
    train(data, out, folds=2)
    assert (
        sorted(path.name for path in out.glob("fold*")) == ["fold1_backup", "fold2.txt"]
        and (out / "final.pt").is_file()
    )
