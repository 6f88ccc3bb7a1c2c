"""A run in folds that was killed while it removed them could not be finished any more."""

import shutil

import pytest
from small_clips import make_clips, small_config, write_data_dir_in_folds

from pysed.train import engine

TRAIN, VALID = make_clips(12, 1), make_clips(12, 2)


def test_the_next_one_ends_with_the_same_model(tmp_path, monkeypatch):
    data = write_data_dir_in_folds(tmp_path / "data", TRAIN, VALID)
    task = engine.Task(small_config(epochs=1, folds=3), "cry")
    remove = shutil.rmtree

    def killed(folder):
        if folder.name != "fold1":
            (folder / "metrics.csv").unlink()
            raise KeyboardInterrupt
        remove(folder)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        engine.train(task, data, tmp_path / "out")
    before = (tmp_path / "out/final.pt").read_bytes()
    engine.train(task, data, tmp_path / "out")
    assert (tmp_path / "out/final.pt").read_bytes() == before and not list((tmp_path / "out").glob("fold*"))
