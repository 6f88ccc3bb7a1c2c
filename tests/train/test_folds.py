"""Training in folds of recordings: no recording in two, leaks found, out-of-fold scores, the mean of the networks."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_clips import ASR_DIM, make_clips, small_config, write_data_dir, write_data_dir_in_folds

from pysed.decision.calibration import calibrated
from pysed.decision.tuning import tune
from pysed.detector.checkpoint import load, load_network
from pysed.detector.config import config_from_dict
from pysed.errors import DataError
from pysed.networks import build_model
from pysed.train import engine
from pysed.train.data import load_clips
from pysed.train.folds import check_leaks, out_of_fold, read_folds, read_recordings, subset

TRAIN, VALID = make_clips(12, 1, asr=True), make_clips(12, 2, asr=True)
ALONE = replace(VALID, asr=None)
NUM_FOLDS = 3


@pytest.fixture
def data(tmp_path):
    """A data directory whose clips take turns in three folds."""
    return write_data_dir_in_folds(tmp_path / "data", TRAIN, VALID, NUM_FOLDS)


def recipes(folder, heard=()):
    """recipes.yaml in which every clip has recordings of its own, but for those that share one with ``heard``."""
    text = ""
    for clips in (TRAIN, VALID):
        for name in clips.names:
            recording = "shared" if name in heard else f"of-{name}"
            text += f"- {{name: {name}, background: {{recording: bg-{name}}}, event: {{recording: {recording}}}}}\n"
    (folder / "recipes.yaml").write_text(text)


def test_folds_are_apart_and_cover_all(data):
    folds = read_folds(data, NUM_FOLDS)
    assert len(folds) == NUM_FOLDS
    judged = [name for split in folds for name in split["valid"]]
    assert sorted(judged) == sorted(VALID.names)  # each once
    for split in folds:
        assert not set(split["train"]) & set(split["valid"])
        # What is not trained on is of the fold itself: its own clips of either part.
        fold = {int(name[-2:]) // 2 % NUM_FOLDS for name in split["valid"]}
        left = set(TRAIN.names + VALID.names) - set(split["train"])
        assert len(fold) == 1 and {int(name[-2:]) // 2 % NUM_FOLDS for name in left} == fold


def test_fewer_folds_than_the_data_has(data):
    two = read_folds(data, 2)
    assert len(two) == 2 and sorted(n for split in two for n in split["valid"]) == sorted(VALID.names)
    (single,) = read_folds(data, 1)
    assert single == read_folds(data, NUM_FOLDS)[0]
    assert len(read_folds(data, 20)) == NUM_FOLDS


def test_without_folds_the_one_split(tmp_path):
    folder = write_data_dir(tmp_path / "data", TRAIN, VALID)
    (split,) = read_folds(folder, 5)
    assert split == {"train": TRAIN.names, "valid": VALID.names}


def test_bad_fold_files_are_named(data):
    (data / "utt2fold").write_text(f"{TRAIN.names[0]} x\n")
    with pytest.raises(DataError, match="utt2fold: .*: 'x'; expected the number of a fold"):
        read_folds(data, 2)
    (data / "utt2fold").write_text(f"{TRAIN.names[0]} 1\n")
    with pytest.raises(DataError, match="utt2fold: no utterance"):
        read_folds(data, 2)


def test_a_planted_leak_is_found(data, tmp_path):
    recipes(data)
    folds = read_folds(data, NUM_FOLDS)
    check_leaks(folds, read_recordings(data))
    recipes(data, heard=(TRAIN.names[0], VALID.names[2]))  # of folds 0 and 1
    with pytest.raises(DataError, match="share recording event shared"):
        check_leaks(folds, read_recordings(data))
    with pytest.raises(DataError, match="share recording event shared"):
        engine.train(engine.Task(small_config(folds=NUM_FOLDS), "cry"), data, tmp_path / "out")


@pytest.mark.parametrize("asr", [False, True], ids=["one stream", "two streams"])
def test_the_checkpoint_detects_what_the_mean_of_its_parts_says(data, tmp_path, monkeypatch, asr):
    config = small_config(folds=5, asr=asr, epochs=2)
    kept = []
    monkeypatch.setattr(engine.shutil, "rmtree", kept.append)  # the folds' own checkpoints stay
    out = tmp_path / "out"
    engine.train(engine.Task(config, "cry", asr={"model": "m", "layer": "l"} if asr else None), data, out)
    assert [folder.name for folder in kept] == ["fold1", "fold2", "fold3"]
    content, detector = load(out / "final.pt"), load_network(out)
    assert detector.config.folds == NUM_FOLDS  # as many as the data has
    parts = [load_network(folder) for folder in kept]
    clips = load_clips(data, VALID.names, "cry", config)
    slope, offset = (content["state"][f"parts.0.{name}"].item() for name in ("slope", "offset"))
    each = []
    for part in parts:
        p = part.scores_of_clips(clips.features, clips.asr).astype(np.float64).clip(1e-7, 1 - 1e-7)
        each.append(1 / (1 + np.exp(-(slope * np.log(p / (1 - p)) + offset))))
    expected = np.mean(each, axis=0)
    assert np.ptp(each, axis=0).max() > 1e-3  # the parts differ
    np.testing.assert_allclose(detector.scores_of_clips(clips.features, clips.asr), expected, atol=2e-5)
    # Thresholds are those of the out-of-fold scores, each clip by the network that never heard it.
    folds = read_folds(data, NUM_FOLDS)
    by_name = {}
    for split, scores in zip(folds, each, strict=True):
        by_name |= {name: scores[VALID.names.index(name)] for name in split["valid"]}
    scores = np.stack([by_name[name] for split in folds for name in split["valid"]])
    heldout = [subset(clips, split["valid"]) for split in folds]
    judged = calibrated(out_of_fold(kept, heldout), slope, offset)
    np.testing.assert_allclose(judged, scores, atol=2e-5)
    tuned = tune(judged, np.concatenate([clips.onset_s for clips in heldout]))
    assert (detector.t_base, detector.beta, detector.max_gap_s) == (tuned.t_base, tuned.beta, tuned.max_gap_s)


def test_out_of_fold_scores_are_of_the_fold_that_never_heard_the_clip(data, tmp_path, monkeypatch):
    monkeypatch.setattr(engine.shutil, "rmtree", lambda folder: None)
    engine.train(engine.Task(small_config(folds=NUM_FOLDS, epochs=1), "cry"), data, tmp_path / "out")
    folders = [tmp_path / f"out/fold{number}" for number in (1, 2, 3)]
    valid = [subset(ALONE, split["valid"]) for split in read_folds(data, NUM_FOLDS)]
    scores = out_of_fold(folders, valid)
    own = np.concatenate([load_network(f).scores_of_clips(c.features) for f, c in zip(folders, valid, strict=True)])
    other = np.concatenate(
        [load_network(f).scores_of_clips(c.features) for f, c in zip(folders[1:], valid[:2], strict=True)]
    )
    np.testing.assert_array_equal(scores, own)
    other = load_network(folders[1]).scores_of_clips(valid[0].features)
    assert not np.allclose(scores[: len(other)], other)


def test_a_run_cut_off_in_the_second_fold_ends_as_an_unbroken_one(data, tmp_path):
    config = small_config(folds=NUM_FOLDS, epochs=2)
    engine.train(engine.Task(config, "cry"), data, tmp_path / "whole")
    broken = tmp_path / "broken"
    assert engine.train(engine.Task(config, "cry"), data, broken, stop_after=1) is None
    fold = broken / "fold1"
    assert (fold / "checkpoint.pt").is_file() and not (broken / "final.pt").exists()
    engine.train(engine.Task(config, "cry"), data, broken)
    states = [load(folder / "final.pt")["state"] for folder in (tmp_path / "whole", broken)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not fold.exists()
    with open(broken / "metrics.csv", newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]
    assert "3 folds, 12 clips judged by networks that never heard them" in (broken / "train.log").read_text()


def test_an_ensemble_runs_in_bfloat16_as_its_parts_do():
    model = build_model(small_config(folds=2), 40, ASR_DIM)
    model.bfloat16_maps = True
    assert all(part.network.bfloat16_maps for part in model.parts)
    x, asr = torch.randn(2, 20, 40), torch.randn(2, 10, ASR_DIM)
    with torch.no_grad():
        logits = model.eval()(x, asr)
        mean = torch.stack([torch.sigmoid(part.network(x, asr)) for part in model.parts]).mean(dim=0)
    torch.testing.assert_close(torch.sigmoid(logits), mean, atol=1e-5, rtol=0)


def test_folds_out_of_range_are_refused():
    with pytest.raises(DataError, match="folds 21; expected at least 1 and at most 20"):
        config_from_dict({"system": "x", "folds": 21}, "x.yaml")
    with pytest.raises(DataError, match="folds 2; expected 1 with asr_layers"):
        config_from_dict({"system": "x", "folds": 2, "asr": True, "asr_layers": 1}, "x.yaml")
