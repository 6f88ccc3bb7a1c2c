"""The network: shapes, context, alignment in time, the recogniser's way in, compiled against plain path."""

import copy

import pytest
import torch
from torch.nn import functional

from pysed.detector.config import SystemConfig, config_from_dict
from pysed.errors import DataError
from pysed.networks import build_model, compiled_layers
from pysed.networks.cbrnn import stack_context

ASR_DIM = 6


def config(**changes) -> SystemConfig:
    small = {"channels": 32, "temporal_hidden": 12, "gru_hidden": 8, "dropout": 0.0}
    return config_from_dict(dict(system="small", **{**small, **changes}), "test")


def network(num_features: int = 40, asr_dim: int = 0, **changes) -> torch.nn.Module:
    return build_model(config(**changes), num_features, asr_dim)


def test_stack_context_worked_by_hand():
    x = torch.tensor([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]])
    expected = [
        [1, 1, 2, 10, 10, 20],  # bin 0 of the frame before (repeated at the edge), of this, of the next; then bin 1
        [1, 2, 3, 10, 20, 30],
        [2, 3, 3, 20, 30, 30],
    ]
    assert torch.equal(stack_context(x, 1), torch.tensor([expected], dtype=torch.float32))
    assert stack_context(x, 0) is x
    assert stack_context(x, 2)[0, 0].tolist() == [1, 1, 1, 2, 3, 10, 10, 10, 20, 30]


@pytest.mark.parametrize("num_features,context,frames", [(40, 2, 600), (40, 0, 8), (31, 0, 2), (64, 1, 10), (7, 3, 4)])
def test_shapes(num_features, context, frames):
    model = network(num_features, context_frames=context).eval()
    with torch.no_grad():
        assert model.frame_vectors(torch.randn(2, frames, num_features)).shape == (2, frames // 2, 32)
        assert model(torch.randn(2, frames, num_features)).shape == (2, frames // 2)


def test_the_papers_sizes():
    """200 values -> 100 -> 25 -> 6 -> 1 over frequency; a 30 s clip's 600 frames -> 300 scores."""
    model = build_model(config_from_dict(dict(system="cbrnn"), "test"), 40)
    assert (model.conv1.kernel_size, model.conv1.stride, model.conv1.out_channels) == ((7, 7), (2, 1), 64)
    assert [c.kernel_size[0] for c in (model.conv2, model.conv3, model.conv4)] == [5, 3, 3]
    assert model.last_pool == 6
    assert (model.gru.hidden_size, model.gru.num_layers, model.gru.bidirectional) == (32, 2, True)
    assert model.temporal.dense.out_features == 200 and model.spectral.squeeze.out_features == 32
    with torch.no_grad():
        assert model.eval()(torch.randn(1, 600, 40)).shape == (1, 300)
    # conv 64·(49 + 64·(25 + 9 + 9)), norms 4·2·64, spectral 200·32 + 32 + 32·200 + 200, temporal 64·200 + 200,
    # GRU 2 directions: 3·32·(200 + 32 + 2) and 3·32·(64 + 32 + 2), classifier 64 + 1
    assert sum(p.numel() for p in model.parameters()) == (
        64 * (49 + 64 * 43) + 512 + 13032 + 13000 + 2 * 96 * (234 + 98) + 65
    )


@pytest.mark.parametrize("num_features,context", [(30, 0), (6, 2), (1, 2)])
def test_too_few_bins(num_features, context):
    with pytest.raises(DataError, match=f"logmel40: {num_features} bins with context_frames {context}.*31 or more"):
        network(num_features, context_frames=context)


def test_unknown_model():
    with pytest.raises(DataError, match="model 'cbrn': unknown; one of cbrnn"):
        build_model(config_from_dict(dict(system="x", model="cbrn"), "test"), 40)


def test_the_papers_wiring_written_out():
    """Section 2.3 and 3 in float64: conv, norm, ReLU each time; pools after 1, 3, 4; the first pool's output added to
    conv 3, the second's to conv 4. Pool and sum come before the norm here: docs/models.md."""
    model = network(context_frames=1).eval().double()
    torch.nn.init.normal_(model.spectral.expand.weight, std=0.1)
    for norm in (model.norm1, model.norm2, model.norm3, model.norm4):
        for values in (norm.running_mean, norm.bias):
            torch.nn.init.normal_(values, std=0.2)
        for values in (norm.running_var, norm.weight):
            torch.nn.init.uniform_(values, 0.5, 1.5)
    x = torch.randn(2, 12, 40, dtype=torch.float64)

    def convolved(layer, maps):
        return functional.conv2d(maps, layer.weight, stride=layer.stride, padding=layer.kernel_size[0] // 2)

    def normed(norm, maps):
        scaled = (maps - norm.running_mean.view(-1, 1, 1)) / (norm.running_var.view(-1, 1, 1) + 1e-5).sqrt()
        return torch.relu(scaled * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1))

    weighted = model.spectral(stack_context(x, 1))
    maps = weighted.transpose(1, 2).unsqueeze(1)  # (B, T, 120) -> (B, 1, 120, T)
    first = normed(model.norm1, functional.max_pool2d(convolved(model.conv1, maps), (4, 2)))
    assert first.shape[2:] == (15, 6)
    after_second = normed(model.norm2, convolved(model.conv2, first))
    second = normed(model.norm3, functional.max_pool2d(convolved(model.conv3, after_second) + first, (4, 1)))
    assert second.shape[2:] == (3, 6)
    last = normed(model.norm4, functional.max_pool2d(convolved(model.conv4, second) + second, (3, 1)))
    expected = last.squeeze(2).transpose(1, 2)  # (B, C, 1, T/2) -> (B, T/2, C)
    with torch.no_grad():
        torch.testing.assert_close(model.frame_vectors(x), expected)


def pass_through(model: torch.nn.Module) -> torch.nn.Module:
    """Kernels that only look at their centre and let values through, so that time shifts are all that is left."""
    with torch.no_grad():
        for conv in (model.conv1, model.conv2, model.conv3, model.conv4):
            middle = conv.kernel_size[0] // 2
            conv.weight.zero_()
            conv.weight[:, :, middle, middle] = 1.0 / conv.in_channels
    return model.eval()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_impulse_stays_in_its_100_ms(precision):
    """Input frame t, [0.05·t, 0.05·(t + 1)) s, moves score frame t // 2, [0.1·(t // 2), ...) s, and no other."""
    model = pass_through(network(context_frames=0))
    model.bfloat16_maps = precision == "bfloat16"
    silence = torch.zeros(1, 20, 40)
    with torch.no_grad():
        before = model.frame_vectors(silence)
        for frame in range(20):
            x = silence.clone()
            x[0, frame] = 1
            moved = (model.frame_vectors(x) - before).abs().sum(dim=-1)[0]
            assert moved.nonzero().flatten().tolist() == [frame // 2]


@pytest.mark.parametrize("context", [0, 2])
def test_receptive_field(context):
    """Score frame u sees input frames 2u - 11 - c to 2u + 12 + c: even about its centre, and that far, not further.

    The kernels reach 3 input frames (7 wide), then 2 + 1 + 1 frames of 100 ms (5, 3, 3 wide).
    """
    model = network(context_frames=context).eval()
    seen = set()
    x = torch.randn(1, 60, 40, requires_grad=True)
    for score in range(10, 20):
        (grad,) = torch.autograd.grad(model.frame_vectors(x)[0, score].sum(), x)
        seen |= {frame - 2 * score for frame in grad[0].abs().sum(dim=-1).nonzero().flatten().tolist()}
    assert (min(seen), max(seen)) == (-11 - context, 12 + context)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_evaluation_is_the_same_in_any_batch(precision):
    model = network().eval()
    model.bfloat16_maps = precision == "bfloat16"
    x = torch.randn(4, 20, 40)
    with torch.no_grad():
        alone = torch.cat([model(clip[None]) for clip in x])
        torch.testing.assert_close(model(x), alone, rtol=0, atol=1e-6 if precision == "float32" else 2e-3)


def test_recogniser_features_enter_before_the_classifier():
    model = network(asr_dim=ASR_DIM).eval()
    assert model.classifier.in_features == 2 * 8 + ASR_DIM
    x, asr = torch.randn(1, 20, 40), torch.randn(1, 10, ASR_DIM)
    with torch.no_grad():
        without = model(x, torch.zeros_like(asr))
        # The classifier is one dense layer: what the features add to a score is their product with its last weights.
        added = (asr[0] @ model.classifier.weight[0, -ASR_DIM:])[None]
        torch.testing.assert_close(model(x, asr) - without, added, rtol=1e-4, atol=1e-5)


def test_recogniser_features_may_enter_before_the_gru():
    model = network(asr_dim=ASR_DIM, asr_entry="gru").eval()
    x, asr = torch.randn(1, 20, 40), torch.zeros(1, 10, ASR_DIM)
    with torch.no_grad():
        before = model(x, asr)
        asr[0, 4] = 3
        moved = (model(x, asr) - before)[0].abs()
    assert moved[4] > 0 and moved[3] > 0 and moved[5] > 0  # the GRU carries it both ways
    assert model.gru.input_size == 12 + ASR_DIM


@pytest.mark.parametrize(
    "changes", [{"classifier_hidden": 5}, {"spectral_attention": False, "temporal_attention": False}]
)
def test_variants_learn(changes):
    model = network(asr_dim=ASR_DIM, **changes)
    model(torch.randn(2, 8, 40), torch.randn(2, 4, ASR_DIM)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def run(model: torch.nn.Module, x: torch.Tensor, training: bool) -> dict[str, torch.Tensor]:
    """Logits and, in training, every gradient of a weighted sum of them; on a copy."""
    model = copy.deepcopy(model).train(training)
    with torch.set_grad_enabled(training):
        logits = model(x)
    results = {"logits": logits.detach().double()}
    if training:
        (logits * torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)).sum().backward()
        results |= {name: p.grad.double() for name, p in model.named_parameters()}
        results |= {f"{name} statistics": value.double() for name, value in model.named_buffers()}
    return results


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("num_features", [40, 23])
@pytest.mark.parametrize("bfloat16,slack", [(True, 0.01), (False, 64 * 2.0**-24)], ids=["bfloat16", "float32"])
def test_compiled_and_plain_path_agree(compiled_library, monkeypatch, training, num_features, bfloat16, slack):
    """The compiled path is no further from float64 than torch's own layers are, give or take a half and the roundings
    of float32 in the 20 steps of a recurrence: some three in each, which not every processor fuses into one."""
    model = network(num_features)
    torch.nn.init.normal_(model.spectral.expand.weight, std=0.1)
    for norm in (model.norm1, model.norm2, model.norm3, model.norm4):
        torch.nn.init.normal_(norm.running_mean, std=0.1)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    x = torch.randn(3, 40, num_features)
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
    exact = run(copy.deepcopy(model).double(), x.double(), training)
    model.bfloat16_maps = bfloat16
    plain = run(model, x, training)
    monkeypatch.setattr(compiled_layers, "library", compiled_library)
    calls, call = [], compiled_layers._call
    noting = lambda maps, name, *rest: (calls.append(name), call(maps, name, *rest))  # noqa: E731
    monkeypatch.setattr(compiled_layers, "_call", noting)
    compiled = run(model, x, training)
    assert {"first7_forward", "pool_forward", "norm_forward", "gru_forward"} <= set(calls)
    assert compiled.keys() == plain.keys() == exact.keys()
    for name, reference in exact.items():
        size = reference.norm() + 1e-3 * reference.numel() ** 0.5
        off, torchs = ((path[name] - reference).norm() / size for path in (compiled, plain))
        assert off <= 1.5 * torchs + slack, f"{name}: {off:.2e} of its size, plain torch {torchs:.2e}"
    assert (plain["logits"] - exact["logits"]).norm() < 0.05 * exact["logits"].norm()


def test_float32_paths_agree_closely(compiled, monkeypatch):
    model = network(asr_dim=0)
    x = torch.randn(2, 20, 40)
    mine = run(model, x, True)
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
    for name, its in run(model, x, True).items():
        torch.testing.assert_close(mine[name], its, rtol=1e-3, atol=1e-5)


def test_weights_move_between_the_paths(compiled, monkeypatch):
    model = network()
    x = torch.randn(2, 20, 40)
    model.bfloat16_maps = True
    model.train()(x).sum().backward()  # running statistics of the compiled path
    with torch.no_grad():
        first = model.eval()(x)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
    other = network()
    assert not torch.equal(other.conv1.weight, model.conv1.weight)
    other.load_state_dict(state)
    assert set(state) == set(network().state_dict())
    with torch.no_grad():
        second = other.eval()(x)
    assert other.bfloat16_maps is False  # no part of the state
    torch.testing.assert_close(first, second, rtol=0.02, atol=0.02)
