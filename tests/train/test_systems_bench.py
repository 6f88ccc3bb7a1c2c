"""The systems' benchmark: operations counted by hand, and what its parts find of a system that needs them all."""

import pytest

from pysed.bench import systems
from pysed.networks import compiled_layers


def test_operations_by_hand(tmp_path, monkeypatch):
    """mlp, of a crop of 10 s: 500 frames, forward, gradients of all weights, and of all inputs but the features."""
    layers = [200 * 50, 50 * 50, 50 * 1]
    by_hand = 2 * 500 * (2 * sum(layers) + sum(layers[1:]))
    assert systems.operations("mlp", tmp_path)["step"] == by_hand
    # cnn1d_rnn: 128 filters of 32 at 97 places, gradients at one; an LSTM of 128 on 128
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)  # what is compiled is not counted
    convolution, lstm = 128 * 32 * 97, 4 * 128 * (128 + 128)
    by_hand = 2 * 500 * (convolution + 128 * 32 + 3 * (lstm + 128))
    assert systems.operations("cnn1d_rnn", tmp_path)["step"] == pytest.approx(by_hand, rel=0.001)


def test_operations_of_cbrnn_by_hand(tmp_path):
    """Of a crop of 10 s, 200 frames of 40 bins: three convolutions of 5 x 5 over 40, 8 and 2 rows, attentions, GRU."""
    convolutions = (40 + 64 * (8 + 2)) * 25 * 64
    attentions = 2 * 40 * 32 + 64 * 200
    gru = 2 * 96 * (200 + 32) + 2 * 96 * (64 + 32)
    forward = 200 * (convolutions + attentions + gru) + 100 * 64
    found = systems.measured(systems.operations, "cbrnn", tmp_path, 1, native="0")["step"]
    assert found == pytest.approx(3 * 2 * forward, rel=0.02)  # forward, gradients of weights, gradients of inputs


def test_training_and_detection(tmp_path):
    step = systems.measured(systems.training, "joint_asr", tmp_path, 1)
    assert 0 < step["seconds"] < 60 and 100 < step["peak_mib"] < 20000 and step["parameters"] > 269745
    found = systems.measured(systems.detection, "joint_asr", tmp_path, 1)
    assert 0 < found["network"] < found["all"] < 60, "the network is a part of the whole"
