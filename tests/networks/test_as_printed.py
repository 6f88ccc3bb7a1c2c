"""The networks of conf/paper: shapes, and each part that is as printed, against float64 formulas in numpy."""

import copy
import math

import numpy as np
import pytest
import torch

from pysed.detector.config import config_from_dict, load_config
from pysed.errors import DataError
from pysed.networks import build_model, compiled_layers
from pysed.networks.attention import PooledSpectralAttention, SpectralAttention, TemporalAttention

rng = np.random.default_rng(0)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def dense(layer: torch.nn.Linear, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def as_numpy(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module.double()(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("num_values,hidden", [(200, 32), (7, 3), (3, 5)])
def test_spectral_attention_over_time(num_values, hidden, scaled):
    """2.3.2: dense, softmax, the greatest of each unit over the clip's frames; 200 values share 32 weights."""
    attention = PooledSpectralAttention(num_values, hidden, "time", scaled)
    x = rng.normal(0, 1, (2, 6, num_values))
    weights = softmax(dense(attention.dense, x)).max(axis=1)  # (B, N)
    expected = np.empty_like(x)
    for value in range(num_values):
        unit = math.floor(value * hidden / num_values)
        expected[:, :, value] = x[:, :, value] * weights[:, None, unit] * (hidden if scaled else 1)
    np.testing.assert_allclose(as_numpy(attention, x), expected, rtol=1e-12)


@pytest.mark.parametrize("scaled", [False, True])
def test_spectral_attention_over_units(scaled):
    """Equations 6 and 7: of each frame the greatest of its units."""
    attention = PooledSpectralAttention(200, 32, "units", scaled)
    x = rng.normal(0, 1, (2, 6, 200))
    weight = softmax(dense(attention.dense, x)).max(axis=-1, keepdims=True)
    np.testing.assert_allclose(as_numpy(attention, x), x * weight * (32 if scaled else 1), rtol=1e-12)


def test_spectral_attention_unscaled():
    attention = SpectralAttention(20, 4, scaled=False)
    torch.nn.init.normal_(attention.expand.weight)
    x = rng.normal(0, 1, (2, 6, 20))
    expected = x * softmax(dense(attention.expand, np.tanh(dense(attention.squeeze, x))))
    np.testing.assert_allclose(as_numpy(attention, x), expected, rtol=1e-12)


def test_temporal_attention_unscaled():
    """Equation 5: dense, softmax, the greatest of the units, times the dense layer's output."""
    attention = TemporalAttention(64, 200, scaled=False)
    x = rng.normal(0, 1, (2, 6, 64))
    hidden = dense(attention.dense, x)
    expected = hidden * softmax(hidden).max(axis=-1, keepdims=True)
    np.testing.assert_allclose(as_numpy(attention, x), expected, rtol=1e-12)


def paper(root, name: str, asr_dim: int = 0, frames: int = 10, **changes) -> torch.nn.Module:
    config = load_config(root / f"conf/paper/{name}.yaml", changes)
    return build_model(config, 40, asr_dim, frames)


@pytest.mark.parametrize("pool", ["time", "units"])
def test_shapes(root, pool):
    """30 s: 3000 frames of 10 ms -> 600 of 200 values -> 300 scores; 64 channels of one row."""
    model = paper(root, "cbrnn_paper", spectral_pool=pool).eval()
    with torch.no_grad():
        assert model.frame_vectors(torch.rand(1, 3000, 40)).shape == (1, 300, 64)
        assert model(torch.rand(1, 3000, 40)).shape == (1, 300)
        gradual = paper(root, "gradual_paper", 6, spectral_pool=pool).eval()
        assert gradual(torch.rand(2, 100, 40), torch.rand(2, 10, 6)).shape == (2, 10)
    assert gradual.classifier.in_features == 64 + 6
    # conv 64·(49 + 64·(25 + 9 + 9)), norms 4·2·64, spectral 200·32 + 32, temporal 64·200 + 200, GRU 2 directions of
    # 3·32·(200 + 32 + 2) and 3·32·(64 + 32 + 2), classifier 64 + 1
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == 64 * (49 + 64 * 43) + 512 + 6432 + 13000 + 2 * 96 * (234 + 98) + 65


def correlated(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """A convolution written out. x: (C, H, W), kernel: (D, C, k, k) -> (D, ceil(H / stride), W), zeros around."""
    half = kernel.shape[2] // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))[:, ::stride]
    return np.einsum("chwij,dcij->dhw", windows, kernel)


def pooled(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    channels, height, width = x.shape
    x = x[:, : height // rows * rows, : width // columns * columns]
    return x.reshape(channels, height // rows, rows, width // columns, columns).max(axis=(2, 4))


def test_the_printed_order_in_float64(root):
    """Normalised frames, their mean, context, attention; each convolution, norm, no activation, then its pool of 4."""
    model = paper(root, "cbrnn_paper", channels=5, spectral_hidden=7).eval().double()
    for norm in (model.norm1, model.norm2, model.norm3, model.norm4):
        for values in (norm.running_mean, norm.bias):
            torch.nn.init.normal_(values, std=0.2)
        for values in (norm.running_var, norm.weight):
            torch.nn.init.uniform_(values, 0.5, 1.5)
        norm.weight.data[0] *= -1  # where norm and maximum do not commute
    frames = rng.random((1, 40, 40))

    def normed(norm, x):
        mean, var, weight, bias = (
            v.detach().numpy()[:, None, None] for v in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        return (x - mean) / np.sqrt(var + 1e-5) * weight + bias

    def kernel(conv):
        return conv.weight.detach().numpy()

    means = frames[0].reshape(8, 5, 40).mean(axis=1)
    padded = np.pad(means, ((2, 2), (0, 0)), mode="edge")
    context = np.stack([padded[k : k + 8] for k in range(5)], axis=2).reshape(8, 200)  # (T, F, 5) -> (T, 200)
    weights = softmax(dense(model.spectral.dense, context)).max(axis=0)
    x = (context * weights[np.arange(200) * 7 // 200]).T[None]  # (1, 200, T)
    first = pooled(normed(model.norm1, correlated(x, kernel(model.conv1), 2)), 4, 2)
    second_conv = normed(model.norm2, correlated(first, kernel(model.conv2), 1))
    second = pooled(normed(model.norm3, correlated(second_conv, kernel(model.conv3), 1) + first), 4, 1)
    last = normed(model.norm4, correlated(second, kernel(model.conv4), 1) + second)
    assert last.shape == (5, 6, 4)
    expected = pooled(last, 4, 1)[:, 0].T  # rows 4 and 5 of six are in no window of (4,1)
    with torch.no_grad():
        got = model.frame_vectors(torch.from_numpy(frames))[0].numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_compiled_and_plain_path_agree(root, monkeypatch, training):
    """In float64, which is never compiled, and in float32, where norm and dropout are."""
    if compiled_layers.library(torch.float32) is None:
        pytest.skip("no gcc: only the plain path exists here")
    model = paper(root, "cbrnn_paper", channels=32, dropout=0.0).train(training)
    calls, call = [], compiled_layers._call
    noting = lambda maps, name, *rest: (calls.append(name), call(maps, name, *rest))  # noqa: E731
    monkeypatch.setattr(compiled_layers, "_call", noting)
    features = torch.rand(2, 200, 40)
    results = []
    for one in (copy.deepcopy(model).double(), model):
        assert not calls
        with torch.set_grad_enabled(training):
            logits = one(features.to(next(one.parameters()).dtype))
        if training:
            logits.sum().backward()
        results.append((logits.detach().double(), [p.grad for p in one.parameters() if p.grad is not None]))
    assert calls.count("norm_forward") == 4
    (exact, exact_grads), (mine, grads) = results
    torch.testing.assert_close(mine, exact, rtol=1e-4, atol=1e-5)
    for own, its in zip(grads, exact_grads, strict=True):
        assert (own - its).norm() <= 1e-3 * (1e-3 + its.norm())


def test_a_smaller_last_pool_stacks_its_rows():
    config = config_from_dict(dict(system="x", channels=8, last_pool=2), "test")
    model = build_model(config, 40).eval()
    with torch.no_grad():
        assert model.frame_vectors(torch.rand(1, 8, 40)).shape == (1, 4, 24)  # 6 rows in pools of 2: 3 of 8 channels
        assert model(torch.rand(1, 8, 40)).shape == (1, 4)
    with pytest.raises(DataError, match="last_pool 7; expected 6 at most"):
        build_model(config_from_dict(dict(system="x", last_pool=7), "test"), 40)


def test_two_logits_of_the_fine_tuning_network(root):
    """The sigmoid of their difference is the softmax over {event, none}, in value and in loss."""
    model = paper(root, "finetune_paper", 6, 2).eval()
    assert [tuple(parameter.shape) for parameter in model.parameters()] == [(2, 6), (2,)]
    asr = rng.normal(0, 1, (2, 5, 6))
    expected = softmax(dense(model.classifier[0], asr))[..., 0]
    with torch.no_grad():
        logits = model.double()(torch.zeros(2, 10, 40), torch.from_numpy(asr)).numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, rtol=1e-9)


def test_nothing_but_the_convolutions_drops(root):
    model = paper(root, "gradual_paper", 6)
    assert model.gru.dropout == 0 and model.asr_dropout.p == 0
    assert [norm.rate for norm in (model.norm1, model.norm2, model.norm3, model.norm4)] == [0.25] * 4
    assert not any(norm.relu for norm in (model.norm1, model.norm2, model.norm3, model.norm4))


def test_every_key_has_a_gradient(root):
    for changes in ({}, {"spectral_pool": "units"}, {"activation": "relu"}, {"pool_last": False}, {"last_pool": 2}):
        model = paper(root, "gradual_paper", 6, channels=32, **changes)
        model(torch.rand(2, 40, 40), torch.rand(2, 4, 6)).sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters()), changes
