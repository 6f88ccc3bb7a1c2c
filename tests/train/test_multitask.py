"""Detection with the background's scene: the loss written out, what is learnt, and what a run leaves."""

import csv
import math

import numpy as np
import pytest
import torch
from small_clips import fit, make_clips, small_config, with_scenes, write_data_dir

from pysed.datadir.lists import read_split
from pysed.detector.checkpoint import load, load_network
from pysed.errors import DataError
from pysed.networks import build_model
from pysed.train.data import load_clips
from pysed.train.loss import batch_loss

TRAIN, VALID = with_scenes(make_clips(12, 1)), with_scenes(make_clips(8, 2))


def config(**changes):
    return small_config(model="multitask", **{"scene_weight": 0.5, **changes})


def test_the_loss_is_the_sum_of_both():
    torch.manual_seed(3)
    model = build_model(config(), 40, num_scenes=3).eval()
    features, labels = torch.randn(2, 60, 40), (torch.rand(2, 30) < 0.3).float()
    scenes = torch.tensor([2, 0])
    loss, logits = batch_loss(model, features, None, labels, scenes, config(positive_weight=4.0))
    frames, named = (values.double().detach().numpy() for values in model.with_scene(features))
    p, y = 1 / (1 + np.exp(-frames)), labels.numpy()
    detection = -(4 * y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    scene = np.mean([math.log(np.exp(row).sum()) - row[k] for row, k in zip(named, (2, 0), strict=True)])
    assert loss.item() == pytest.approx(detection + 0.5 * scene, rel=1e-5)
    assert torch.equal(logits, model(features))  # what detection will see
    assert named.shape == (2, 3)


def test_scenes_are_learnt_and_reported(tmp_path):
    fit(config(epochs=20, learning_rate=0.01, dropout=0.0), TRAIN, VALID, "cry", tmp_path, 1)
    with open(tmp_path / "metrics.csv", newline="") as stream:
        accuracy = [float(row["scene_accuracy"]) for row in csv.DictReader(stream)]
    assert accuracy[-1] >= 0.9
    content = load(tmp_path / "final.pt")
    assert content["scenes"] == ["home", "tram"]
    # The kept epoch's accuracy, from the checkpoint alone
    detector = load_network(tmp_path)
    statistic = detector.normalisation["features"]
    with torch.no_grad():
        x = torch.from_numpy((VALID.features - statistic["shift"]) * statistic["scale"])
        right = detector.model.with_scene(x)[1].argmax(dim=1).numpy() == VALID.scenes
    assert accuracy[content["epoch"] - 1] == pytest.approx(right.mean(), abs=1e-4)
    assert detector.scores_of_clips(VALID.features).shape == VALID.labels.shape


def test_scenes_of_a_data_directory(tmp_path):
    folder = write_data_dir(tmp_path / "data", TRAIN, VALID)
    split = read_split(folder)
    clips = load_clips(folder, split["valid"], "cry", config())
    assert clips.scene_names == ("home", "tram") and clips.scenes.tolist() == VALID.scenes.tolist()
    assert load_clips(folder, split["valid"], "cry", small_config()).scenes is None
    (folder / "utt2scene").write_text("other home\n")
    with pytest.raises(DataError, match="utt2scene: no utterance clip2_00; make the mixtures anew"):
        load_clips(folder, split["valid"], "cry", config())


def test_refusals():
    with pytest.raises(DataError, match="small: model multitask tells scenes apart; set scene_weight above 0"):
        build_model(config(scene_weight=0.0), 40)
    with pytest.raises(DataError, match="small: model cbrnn tells no scenes apart; set scene_weight: 0"):
        build_model(small_config(scene_weight=0.1), 40, num_scenes=3)
