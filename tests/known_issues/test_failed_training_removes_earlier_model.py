"""A training that failed in its first epoch had removed the finished model that its folder held, in folds, too. One
that succeeded left the scores of the earlier model beside its own model."""

import pytest
from small_clips import make_clips, small_config, write_data_dir_in_folds

from pysed.detector import checkpoint
from pysed.errors import DataError
from pysed.train import engine

TRAIN, VALID = make_clips(12, 1), make_clips(12, 2)
SCORES = ("score_devtest.json", "scores_devtest.ark", "events_devtest.tsv", "cost_devtest.json")


@pytest.fixture
def data(tmp_path):
    return write_data_dir_in_folds(tmp_path / "data", TRAIN, VALID)


def train(data, out, **changes):
    options = {key: changes.pop(key) for key in ("stop_after", "jobs") if key in changes}
    return engine.train(engine.Task(small_config(**{"epochs": 2, **changes}), "cry"), data, out, **options)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(params=[1, 3])
def finished(request, data, tmp_path):
    """A finished training, its number of folds, and all of its files, with scores."""
    out = tmp_path / "out"
    train(data, out, folds=request.param)
    for name in (*SCORES, "events_mine.tsv"):
        (out / name).write_text(name)
    return out, request.param, content(out)


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_was_there_stays_where_the_first_epoch_fails(data, finished, jobs):
    out, folds, before = finished
    with pytest.raises(DataError, match="not finite in epoch 1"):
        train(data, out, folds=folds, learning_rate=1e30, gradient_clip=0.0, jobs=jobs)
    assert content(out) == before


def test_what_was_there_stays_where_the_first_state_cannot_be_written(data, finished, monkeypatch):
    out, folds, before = finished
    save = checkpoint.save

    def full(path, content):
        if path.name == "checkpoint.pt":
            raise OSError(28, "No space left on device", str(path))
        save(path, content)

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(OSError, match="No space left"):
        train(data, out, folds=folds, dropout=0.4)
    assert content(out) == before


@pytest.mark.parametrize("jobs", [1, 3])
def test_scores_of_the_earlier_model_go(data, finished, jobs):
    out, folds, _ = finished
    train(data, out, folds=folds, dropout=0.4, jobs=jobs)
    left = content(out)
    assert not {*SCORES} & {*left} and "events_mine.tsv" in left
    assert left["train.log"].decode().count(" parameters;") == folds and b"dropout: 0.4" in left["config.yaml"]


def test_folds_of_a_cut_off_run_go(data, tmp_path):
    out = tmp_path / "out"
    train(data, out, folds=3, stop_after=1)
    train(data, out)
    assert not list(out.glob("fold*"))
