"""Checkpoints from when all networks shared one set of keys load, and compute what they did."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pysed.detector.checkpoint import load, load_network
from pysed.detector.config import config_of_checkpoint
from pysed.errors import DataError
from pysed.features.normalise import apply_normalisation

CASES = Path(__file__).parents[3] / "shared/cases/common"
#: All keys of networks as every configuration had them.
SHARED = {
    "context_frames": 2, "spectral_attention": True, "spectral_hidden": 32, "channels": 64, "temporal_attention": True,
    "temporal_hidden": 200, "gru_hidden": 32, "gru_layers": 2, "dropout": 0.25, "asr_dropout": 0.3,
    "asr_entry": "classifier", "classifier_hidden": 0, "bidirectional": True, "dense_hidden": 50, "dense_layers": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", ["cbrnn", "gradual"])
def test_those_at_hand(name):
    path = CASES / name / "final.pt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    detector, content = load_network(path), load(path)
    config = detector.config.as_dict()  # keys that are newer have the value that gives what was always done
    assert {key: config[key] for key in content["config"] if key in config}.items() <= content["config"].items()
    assert set(content["config"]) - set(config) == {"dense_hidden", "dense_layers"}
    features = np.random.default_rng(0).normal(8, 2, (1, 40, 40)).astype(np.float32)
    asr = np.ones((1, 20, content["asr"]["dim"]), np.float32) if content["asr"] else None
    scores = detector.scores_of_clips(features, asr)
    assert scores.shape == (1, 20) and np.isfinite(scores).all()
    # The classifier is the last thing: its weights and the hidden values give the scores.
    x = torch.from_numpy(apply_normalisation(features, detector.normalisation["features"]))
    second = None if asr is None else torch.from_numpy(apply_normalisation(asr, detector.normalisation["asr"]))
    with torch.no_grad():
        hidden = detector.model.hidden(x, second)
    logits = hidden @ content["state"]["classifier.weight"][0] + content["state"]["classifier.bias"]
    np.testing.assert_allclose(scores, torch.sigmoid(logits), atol=1e-5)


@pytest.mark.parametrize("model", ["cbrnn", "cnn1d_rnn", "crnn", "finetune", "mlp", "multitask"])
def test_a_networks_own_keys_are_kept_and_the_others_left_out(model):
    changed = {**SHARED, "gru_hidden": 7, "gru_layers": 3, "dense_hidden": 9, "channels": 5}
    config = config_of_checkpoint({"system": "x", "model": model, **changed}, "x")
    expected = {
        "cnn1d_rnn": {"lstm_hidden": 7, "lstm_layers": 3, "channels": 5},
        "finetune": {"dense_hidden": 9, "dense_layers": 2},
        "mlp": {"dense_hidden": 9, "dense_layers": 2},
    }.get(model, {"gru_hidden": 7, "gru_layers": 3, "channels": 5})
    assert expected.items() <= vars(config.network).items()


def test_what_no_version_knew_is_refused():
    with pytest.raises(DataError, match="x: unknown key 'gru_hiden'; did you mean 'gru_hidden'"):
        config_of_checkpoint({"system": "x", "gru_hiden": 3}, "x")
