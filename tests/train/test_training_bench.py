"""The benchmark's own figures: operations counted by hand, and that the paths it compares compute the same."""

import pytest
import torch

from pysed.bench import training
from pysed.detector.config import config_from_dict
from pysed.networks import build_model
from pysed.networks.network import Inputs


def test_operations_counted_by_hand():
    config = config_from_dict(dict(system="g", asr=True), "test")
    dense, needed = training.step_flops(config)
    # Multiply-adds of a clip's convolutions: channels in · out · taps · cells of the map
    first = 64 * 49 * 100 * 600
    convolutions = first + 64 * 64 * (25 * 25 * 300 + 9 * 25 * 300 + 9 * 6 * 300)
    # Dense layers: spectral attention 600 frames (no gradient of the input of its first layer), temporal, GRU of two
    # directions and layers, classifier
    spectral = 600 * 200 * 32
    rest = 300 * (64 * 200 + 2 * 96 * (200 + 32) + 2 * 96 * (64 + 32) + 64 + 128)
    by_hand = 2 * (3 * convolutions + 5 * spectral + 3 * rest)
    assert dense == pytest.approx(
        by_hand, rel=0.002
    )  # less the recurrence's first step, which has no state to multiply
    assert dense - needed == 2 * 2 * first * 7 / 8


def test_the_papers_order_is_the_same_network():
    """Pooling commutes with a rising function: with positive scales both orders give the same in evaluation."""
    config = config_from_dict(dict(system="c", channels=8, temporal_hidden=8, gru_hidden=4), "test")
    model = build_model(config, 40).eval()
    printed = training.as_printed(config.network, Inputs("c", "logmel40", 40)).eval()
    printed.load_state_dict(model.state_dict())
    x = torch.randn(2, 20, 40)
    with torch.no_grad():
        torch.testing.assert_close(printed(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", [("printed", "float32"), ("plain", "bfloat16"), ("compiled", "float32")])
def test_a_measurement(variant):
    result = training.measure("gradual", *variant, batch=1, min_s=0.0, size=128)
    assert result["seconds"] > 0 and result["float32"] > 1e8 and result["bfloat16"] > 1e8


def test_putting_a_batch_together_is_timed():
    assert 0 < training.batch_seconds("cbrnn") < 60
