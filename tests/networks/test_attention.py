"""The attentions: identity at start, hand-worked values, gradients against float64 formulas written out."""

import math

import torch

from pysed.networks.attention import SpectralAttention, TemporalAttention


def test_spectral_attention_starts_as_the_identity():
    attention = SpectralAttention(200, 32)
    x = torch.randn(2, 7, 200)
    torch.testing.assert_close(attention(x), x, rtol=1e-6, atol=0)


def test_spectral_attention_worked_by_hand():
    attention = SpectralAttention(2, 1)
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.tensor([[1.0, 0.0]]))
        attention.squeeze.bias.zero_()
        attention.expand.weight.copy_(torch.tensor([[0.0], [math.log(3)]]) / math.tanh(1.0))
    # tanh(1) · ln 3 / tanh(1): logits 0 and ln 3, softmax 1/4 and 3/4, times 2 values: weights 0.5 and 1.5
    torch.testing.assert_close(attention(torch.tensor([[[1.0, 8.0]]])), torch.tensor([[[0.5, 12.0]]]))


def test_spectral_weights_have_mean_one_and_see_one_frame_only():
    attention = SpectralAttention(20, 4)
    torch.nn.init.normal_(attention.expand.weight)
    x = torch.rand(2, 5, 20) + 0.5
    out = attention(x)
    weights = out / x
    torch.testing.assert_close(weights.mean(dim=-1), torch.ones(2, 5))
    assert weights.std() > 0.1
    changed = x.clone()
    changed[:, 3] += 1
    same = (attention(changed) == out).all(dim=-1)
    assert same[:, [0, 1, 2, 4]].all() and not same[:, 3].any()


def test_temporal_attention_worked_by_hand():
    attention = TemporalAttention(1, 2)
    with torch.no_grad():
        attention.dense.weight.copy_(torch.tensor([[0.0], [math.log(3)]]))
        attention.dense.bias.zero_()
    # Frame 1: units 0 and ln 3, softmax 1/4 and 3/4, max 3/4, times 2 units: weight 1.5.
    # Frame 0: equal units, each 1/2, weight 1. Frame 2: one unit alone, weight nearly 2.
    out = attention(torch.tensor([[[0.0], [1.0], [50.0]]]))
    expected = torch.tensor([[[0.0, 0.0], [0.0, 1.5 * math.log(3)], [0.0, 2 * 50 * math.log(3)]]])
    torch.testing.assert_close(out, expected)


def test_temporal_attention_of_equal_units_is_the_dense_layer():
    attention = TemporalAttention(3, 200)
    with torch.no_grad():
        attention.dense.weight.copy_(attention.dense.weight[:1].expand(200, 3))
        attention.dense.bias.fill_(0.3)
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(attention(x), attention.dense(x), rtol=1e-5, atol=1e-6)


def test_a_frames_weight_does_not_depend_on_other_frames():
    """Scores of a long file are those of its parts: no softmax over time."""
    attention = TemporalAttention(3, 8)
    x = torch.randn(1, 30, 3)
    torch.testing.assert_close(attention(x)[:, 10:20], attention(x[:, 10:20]))


def test_gradients_of_spectral_attention():
    attention = SpectralAttention(6, 3)
    torch.nn.init.normal_(attention.expand.weight)
    x, grad = torch.randn(2, 4, 6), torch.randn(2, 4, 6)
    x.requires_grad_()
    attention(x).backward(grad)
    squeeze, squeeze_bias, expand, expand_bias, inputs = (
        v.detach().double()
        for v in (attention.squeeze.weight, attention.squeeze.bias, attention.expand.weight, attention.expand.bias, x)
    )
    # By hand: y_f = F x_f s_f with s = softmax(E tanh(W x + a) + e); ds_f/dz_g = s_f (1[f = g] - s_g)
    hidden = torch.tanh(inputs @ squeeze.T + squeeze_bias)
    exponent = torch.exp(hidden @ expand.T + expand_bias)
    s = exponent / exponent.sum(dim=-1, keepdim=True)
    into_s = 6 * inputs * grad.double()
    into_z = s * (into_s - (into_s * s).sum(dim=-1, keepdim=True))
    into_hidden = (into_z @ expand) * (1 - hidden**2)
    expected = {
        "squeeze.weight": torch.einsum("bth,btf->hf", into_hidden, inputs),
        "squeeze.bias": into_hidden.sum(dim=(0, 1)),
        "expand.weight": torch.einsum("btf,bth->fh", into_z, hidden),
        "expand.bias": into_z.sum(dim=(0, 1)),
    }
    for name, parameter in attention.named_parameters():
        torch.testing.assert_close(parameter.grad.double(), expected[name], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(x.grad.double(), 6 * s * grad.double() + into_hidden @ squeeze, rtol=1e-5, atol=1e-5)


def test_gradients_of_temporal_attention():
    attention = TemporalAttention(3, 5)
    x, grad = torch.randn(2, 4, 3), torch.randn(2, 4, 5)
    x.requires_grad_()
    attention(x).backward(grad)
    weight, bias, inputs, g = (v.detach().double() for v in (attention.dense.weight, attention.dense.bias, x, grad))
    # By hand: y_n = N h_n m, m = max_k softmax(h)_k = s_j at the greatest h_j; dm/dh_n = m (1[n = j] - s_n)
    h = inputs @ weight.T + bias
    s = torch.exp(h) / torch.exp(h).sum(dim=-1, keepdim=True)
    m = s.max(dim=-1, keepdim=True).values
    into_m = 5 * (g * h).sum(dim=-1, keepdim=True)
    into_h = 5 * g * m + into_m * m * ((h == h.max(dim=-1, keepdim=True).values).double() - s)
    expected = {
        "dense.weight": torch.einsum("btn,btc->nc", into_h, inputs),
        "dense.bias": into_h.sum(dim=(0, 1)),
    }
    for name, parameter in attention.named_parameters():
        torch.testing.assert_close(parameter.grad.double(), expected[name], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(x.grad.double(), into_h @ weight, rtol=1e-5, atol=1e-5)
