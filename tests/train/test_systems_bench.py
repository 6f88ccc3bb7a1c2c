"""The systems' benchmark: operations counted by hand, and what its parts find of a system that needs them all."""

from functools import partial

import pytest

from pysed.bench import systems
from pysed.networks import compiled_layers


@pytest.fixture
def few(monkeypatch):
    """A batch of four clips."""
    monkeypatch.setattr(systems, "BATCH", 4)


def test_operations_by_hand(tmp_path, few, monkeypatch):
    """mlp, of a crop of 10 s: 500 frames, forward, gradients of all weights, and of all inputs but the features."""
    layers = [200 * 50, 50 * 50, 50 * 1]
    by_hand = 2 * 500 * (2 * sum(layers) + sum(layers[1:]))
    assert systems.measured(systems.operations, "mlp", tmp_path, 1, native="0")["step"] == by_hand
    # cnn1d_rnn: 128 filters of 32 at 97 places, gradients at one; an LSTM of 128 on 128
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)  # what is compiled is not counted
    convolution, lstm = 128 * 32 * 97, 4 * 128 * (128 + 128)
    by_hand = 2 * 500 * (convolution + 128 * 32 + 3 * (lstm + 128))
    assert systems.operations("cnn1d_rnn", tmp_path)["step"] == pytest.approx(by_hand, rel=0.001)


def test_operations_of_cbrnn_by_hand(tmp_path, few, monkeypatch):
    """Of a crop of 10 s, 200 frames of 128 bins: three convolutions of 5 x 5 over 128, 25 and 6 rows, of which the last
    pool leaves 3, attentions, GRU."""
    convolutions = (128 + 32 * (25 + 6)) * 25 * 32
    attentions = 2 * 128 * 32 + 3 * 32 * 200
    gru = 2 * 96 * (200 + 32) + 2 * 96 * (64 + 32)
    forward = 200 * (convolutions + attentions + gru) + 100 * 64
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
    found = systems.operations("cbrnn", tmp_path)["step"]
    first = 200 * 128 * 25 * 32  # of whose gradients four fifths are not needed
    # forward, gradients of weights, gradients of inputs
    assert found == pytest.approx(2 * (3 * forward - 2 * 0.8 * first), rel=0.02)


def test_training_and_detection(tmp_path, few, monkeypatch):
    """The parts as they are, of a few clips and each thing once."""
    monkeypatch.setattr(systems, "_REPEATS", 1)
    monkeypatch.setattr(systems, "best_step", partial(systems.best_step, min_s=0.0))
    monkeypatch.setattr(systems, "multiply_rate", partial(systems.multiply_rate, size=128))
    step = systems.training("joint_asr", tmp_path)
    assert 0 < step["seconds"] < 60 and 100 < step["peak_mib"] < 20000 and step["parameters"] > 143881
    found = systems.detection("joint_asr", tmp_path)
    assert 0 < found["network"] < found["all"] < 60, "the network is a part of the whole"
