"""The systems' benchmark: operations counted by hand, and what its parts find of a system that needs them all."""

import pytest

from pysed.bench import systems
from pysed.bench.training import step_flops
from pysed.detector.config import load_config
from pysed.networks import native


def test_operations_by_hand(tmp_path, monkeypatch):
    """mlp, of a crop of 10 s: 500 frames, forward, gradients of all weights, and of all inputs but the features."""
    layers = [200 * 50, 50 * 50, 50 * 1]
    by_hand = 2 * 500 * (2 * sum(layers) + sum(layers[1:]))
    assert systems.operations("mlp", tmp_path)["step"] == by_hand
    # cnn1d_rnn: 128 filters of 32 at 97 places, gradients at one; an LSTM of 128 on 128
    monkeypatch.setattr(native, "library", lambda maps: None)  # what is compiled is not counted
    convolution, lstm = 128 * 32 * 97, 4 * 128 * (128 + 128)
    by_hand = 2 * 500 * (convolution + 128 * 32 + 3 * (lstm + 128))
    assert systems.operations("cnn1d_rnn", tmp_path)["step"] == pytest.approx(by_hand, rel=0.001)


def test_operations_of_gradual_are_those_of_the_training_benchmark(tmp_path, root):
    expected = step_flops(load_config(root / "conf/systems/gradual.yaml"), 200)[1]
    assert systems.measured(systems.operations, "gradual", tmp_path, 1, native="0")["step"] == pytest.approx(
        expected, rel=0.005
    )


def test_training_and_detection(tmp_path):
    step = systems.measured(systems.training, "joint_asr", tmp_path, 1)
    assert 0 < step["seconds"] < 60 and 100 < step["peak_mib"] < 20000 and step["parameters"] > 269745
    found = systems.measured(systems.detection, "joint_asr", tmp_path, 1)
    assert 0 < found["network"] < found["all"] < 60, "the network is a part of the whole"
