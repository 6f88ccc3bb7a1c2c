"""The systems of conf/systems: sizes by hand from their sources' numbers, gradients, alignment in time, refusals."""

import copy
from pathlib import Path

import pytest
import torch

from pysed.detector.config import config_from_dict, load_config
from pysed.errors import DataError
from pysed.features.frontend import load_frontend
from pysed.networks import build_model, compiled_layers, model_names
from pysed.networks.layers import dense_layers, to_score_frames

CONF = Path(__file__).parents[2] / "conf"
SYSTEMS = sorted(path.stem for path in (CONF / "systems").glob("*.yaml"))
ASR_DIM = 6
TA = 200 * (96 + 1)
BIDIRECTIONAL = 2 * 288 * (200 + 96 + 2) + 2 * 288 * (192 + 96 + 2)
CRNN = 96 * 25 + 2 * 96 * 96 * 25 + 3 * 2 * 96  # three convolutions, three norms


def network(name: str, **changes):
    """A shipped system, or that with changed keys: (model, values a frame, frames to a score, ASR dimension)."""
    config = load_config(CONF / f"systems/{name}.yaml", changes)
    frontend = load_frontend(CONF / f"frontends/{config.frontend}.yaml")
    asr_dim = ASR_DIM if config.asr else 0
    num_scenes = 3 if config.scene_weight else 0
    model = build_model(config, frontend.num_mel_bins, asr_dim, frontend.frames_per_label, num_scenes)
    return model, frontend.num_mel_bins, frontend.frames_per_label, asr_dim


def inputs(bins: int, frames: int, asr_dim: int, scores: int = 6, batch: int = 2):
    return torch.randn(batch, scores * frames, bins), torch.randn(batch, scores, asr_dim) if asr_dim else None


@pytest.mark.parametrize(
    "name,expected",
    [
        ("mlp", 200 * 50 + 50 + 50 * 50 + 50 + 50 + 1),
        ("finetune", ASR_DIM * 200 + 200 + 200 + 1),
        # GRU of one direction: 3 gates, input and state of 96 each, two biases; twice
        ("crnn", CRNN + 2 * 3 * 96 * (96 + 96 + 2) + 96 + 1),
        ("crnn_ta", CRNN + TA + BIDIRECTIONAL + 192 + 1),
        ("crnn_ta_asr", CRNN + TA + BIDIRECTIONAL + 192 + ASR_DIM + 1),
        ("crnn_ta_fa", CRNN + TA + BIDIRECTIONAL + 192 + 1 + 40 * 32 + 32 + 32 * 40 + 40),
        # filters, norm, LSTM: 4 gates
        ("cnn1d_rnn", 128 * 32 + 2 * 128 + 4 * 128 * (128 + 128 + 2) + 128 + 1),
    ],
)
def test_parameters_counted_by_hand(name, expected):
    assert sum(p.numel() for p in network(name)[0].parameters()) == expected


@pytest.mark.parametrize("name", SYSTEMS)
def test_shapes_and_gradients(name):
    model, bins, frames, asr_dim = network(name)
    if getattr(model, "spectral", None) is not None:  # starts as the identity, its first layer without a gradient
        torch.nn.init.normal_(model.spectral.expand.weight, std=0.1)
    features, asr = inputs(bins, frames, asr_dim)
    logits, *scenes = model.with_scene(features, asr) if name == "multitask" else (model(features, asr),)
    assert logits.shape == ((2, 6, 2) if model.scores_onsets else (2, 6)) and logits.dtype == torch.float32
    sum((part * torch.randn(part.shape)).sum() for part in (logits, *scenes)).backward()
    for part, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all() and (p.grad != 0).any(), part


@pytest.mark.parametrize("name", SYSTEMS)
def test_context_is_the_front_ends_or_none(name):
    config = load_config(CONF / f"systems/{name}.yaml")
    if not hasattr(config.network, "context_frames"):  # looks at no SED features
        return
    assert config.network.context_frames in (
        0,
        load_frontend(CONF / f"frontends/{config.frontend}.yaml").context_frames,
    )


def test_gradual_is_cbrnn_and_the_recogniser_beside_its_gru():
    cbrnn, gradual = (load_config(CONF / f"systems/{name}.yaml").as_dict() for name in ("cbrnn", "gradual"))
    assert {key for key in cbrnn if cbrnn[key] != gradual[key]} == {"system", "asr"}
    plain, both = network("cbrnn")[0], network("gradual")[0]
    shapes = {name: p.shape for name, p in plain.named_parameters()}
    more = {name for name, p in both.named_parameters() if p.shape != shapes[name]}
    assert more == {"classifier.weight"} and both.classifier.in_features == plain.classifier.in_features + ASR_DIM


def test_a_score_is_the_mean_of_its_frames():
    assert to_score_frames(torch.arange(10.0)[None], 5).tolist() == [[2.0, 7.0]]
    assert to_score_frames(torch.arange(4.0)[None], 2).tolist() == [[0.5, 2.5]]


@pytest.mark.parametrize("name", ["mlp", "crnn", "crnn_ta_fa", "cnn1d_rnn"])
def test_an_impulse_moves_the_scores_around_it(name):
    """A 20 ms frame in the middle of score frame 6: what comes before the recurrent layers moves that score alone."""
    model, bins, frames, _ = network(name)
    model = model.eval()
    silence = torch.zeros(1, 12 * frames, bins)
    impulse = silence.clone()
    middle = 6 * frames + frames // 2
    impulse[0, middle] = 3
    with torch.no_grad():
        if name == "mlp":
            moved = (model(impulse) - model(silence))[0]
            assert moved.nonzero().flatten().tolist() == [6]  # two frames of context reach no further
            return
        moved = (model.frame_vectors(impulse) - model.frame_vectors(silence))[0].abs().sum(dim=-1)
        reach = 0 if name == "cnn1d_rnn" else 6  # three kernels of five frames
        seen = moved.nonzero().flatten().tolist()
        assert min(seen) == middle - reach and max(seen) == middle + reach
        scores = (model(impulse) - model(silence))[0].abs() > 1e-6
    if name == "cnn1d_rnn":  # back in time: nothing after the impulse hears of it
        assert scores[6] and not scores[7:].any() and scores[:6].any()
    elif name == "crnn":  # forward in time: nothing before its convolutions' reach does
        assert scores[6] and not scores[:5].any() and scores[8:].any()
    else:
        assert scores[6] and scores[:5].any() and scores[8:].any()


STACKED = {"frontend": "logmel128_10ms", "stacked_frames": 5}


@pytest.mark.parametrize("name", ["cbrnn", "gradual"])
def test_frames_of_10_ms_are_five_channels_of_a_step(name):
    """With a fifth of the kernels on each channel it is the network on the mean of the five."""
    plain, bins, frames, asr_dim = network(name, spectral_attention=False)
    fine, _, fine_frames, _ = network(name, spectral_attention=False, **STACKED)
    assert fine_frames == 5 * frames
    state = plain.state_dict()
    state["convolutions.0.weight"] = state["convolutions.0.weight"].repeat(1, 5, 1, 1) / 5
    fine.load_state_dict(state)
    features, asr = inputs(bins, fine_frames, asr_dim)
    with torch.no_grad():
        means = features.unflatten(1, (-1, 5)).mean(dim=2)
        expected = plain.double().eval()(means.double(), None if asr is None else asr.double())
        torch.testing.assert_close(fine.eval()(features, asr).double(), expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_stacked_frames_is_seen():
    model, bins, frames, _ = network("cbrnn", **STACKED)
    assert model.convolutions[0].in_channels == 5
    features, _ = inputs(bins, frames, 0)
    turned = features.unflatten(1, (-1, 5)).flip(2).flatten(1, 2)
    with torch.no_grad():
        assert (model.eval()(features) - model(turned)).abs().max() > 1e-3


def test_stacked_frames_have_to_fit_a_score():
    with pytest.raises(
        DataError, match="cbrnn: stacked_frames 4; expected a divisor of 10, the frames of logmel128_10"
    ):
        network("cbrnn", frontend="logmel128_10ms", stacked_frames=4)


@pytest.mark.parametrize(
    "name,function",
    [
        ("crnn_ta_fa", "norm_forward"),
        ("crnn_ta_fa", "first5_backward"),
        ("cbrnn_10ms", "first5_backward"),
        ("cnn1d_rnn", "filter_forward"),
    ],
)
def test_compiled_float32_layers_agree_with_plain_ones(name, function, monkeypatch):
    if compiled_layers.library(torch.float32) is None:
        pytest.skip("no gcc: only the plain path exists here")
    name, changes = ("cbrnn", STACKED) if name == "cbrnn_10ms" else (name, {})
    model, bins, frames, _ = network(name, channels=32, dropout=0.0, **changes)
    features, _ = inputs(bins, frames, 0)
    calls, call = [], compiled_layers._call
    noting = lambda maps, name, *rest: (calls.append(name), call(maps, name, *rest))  # noqa: E731
    monkeypatch.setattr(compiled_layers, "_call", noting)
    results = []
    for one in (copy.deepcopy(model).double(), model):
        logits = one.train()(features.to(next(one.parameters()).dtype))
        logits.sum().backward()
        results.append((logits.detach(), [p.grad for p in one.parameters()]))
        assert (function in calls) == (one is model)
    (exact, exact_grads), (mine, grads) = results
    torch.testing.assert_close(mine.double(), exact, rtol=1e-4, atol=1e-5)
    for own, its in zip(grads, exact_grads, strict=True):
        assert (own - its).norm() <= 1e-4 * (1 + its.norm())


def test_other_types_take_no_compiled_code(monkeypatch):
    monkeypatch.setattr(compiled_layers, "library", lambda maps: object())
    assert compiled_layers.usable(torch.empty(1)) and compiled_layers.usable(torch.empty(1), torch.bfloat16)
    assert not compiled_layers.usable(torch.empty(1).double()) and not compiled_layers.usable(torch.empty(1).bfloat16())
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None if maps == torch.bfloat16 else object())
    assert compiled_layers.usable(torch.empty(1)) and not compiled_layers.usable(torch.empty(1), torch.bfloat16)


@pytest.mark.parametrize("name", ["crnn_ta_fa", "cnn1d_rnn"])
def test_bfloat16_and_compiled_layers_agree_with_float32(name, monkeypatch):
    changes = {"channels": 32, "dropout": 0.0}
    model, bins, frames, _ = network(name, **changes)
    features, _ = inputs(bins, frames, 0)
    results = []
    for bfloat16, library in ((False, False), (True, False), (True, True)):
        if not library:
            monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
        else:
            monkeypatch.undo()
        one = copy.deepcopy(model)
        one.bfloat16_maps = bfloat16
        logits = one.train()(features)
        logits.sum().backward()
        results.append((logits.detach(), [p.grad for p in one.parameters()]))
    exact, plain, compiled = results
    torch.testing.assert_close(compiled[0], exact[0], rtol=0.05, atol=0.05)
    # Rounding moves a few maxima to another place: the compiled layers may be off as far as torch's own, and a half.
    for its, torchs, mine in zip(exact[1], plain[1], compiled[1], strict=True):
        assert (mine - its).norm() <= 1.5 * (torchs - its).norm() + 0.01 * (1 + its.norm())


def test_evaluation_is_the_papers_order():
    """conv, norm, ReLU, pool as printed: pooling first is the same where the norm's scale is positive."""
    model, bins, frames, _ = network("crnn", channels=8)
    model = model.eval()
    for norm in model.norms:
        torch.nn.init.normal_(norm.running_mean, std=0.2)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    features, _ = inputs(bins, frames, 0)
    x = features.transpose(1, 2).unsqueeze(1)
    with torch.no_grad():
        for conv, norm, pool in zip(model.convolutions, model.norms, (5, 4, 2), strict=True):
            x = torch.nn.functional.max_pool2d(torch.relu(norm(conv(x))), (pool, 1))
        assert x.shape == (2, 8, 1, 30)
        torch.testing.assert_close(model.frame_vectors(features), x.squeeze(2).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_finetune_listens_to_the_recogniser_only():
    model, bins, frames, asr_dim = network("finetune")
    features, asr = inputs(bins, frames, asr_dim)
    model = model.eval()
    assert torch.equal(model(features, asr), model(features * 0, asr))
    assert not torch.equal(model(features, asr), model(features, asr * 2))
    # Softmax over {event, none} is the sigmoid of the logits' difference.
    two = torch.randn(5, 2)
    torch.testing.assert_close(torch.softmax(two, dim=1)[:, 0], torch.sigmoid(two[:, 0] - two[:, 1]))


def test_a_gradual_network_of_finer_frames():
    """crnn_ta_asr is crnn_ta plus, in every score, a weighted sum of the recogniser's features of that score."""
    model, bins, frames, asr_dim = network("crnn_ta_asr")
    plain, *_ = network("crnn_ta")
    features, asr = inputs(bins, frames, asr_dim)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    state["classifier.weight"] = state["classifier.weight"][:, :-asr_dim]
    plain.load_state_dict(state)
    with torch.no_grad():
        added = asr @ model.classifier.weight[0, -asr_dim:]
        torch.testing.assert_close(model.eval()(features, asr), plain.eval()(features) + added)


def test_dense_layers():
    assert len(dense_layers(4, 3, 0, 0.1)) == 1 and len(dense_layers(4, 3, 2, 0.1)) == 7


@pytest.mark.parametrize(
    "model,bins,asr_dim,frames,words",
    [
        ("mlp", 40, 4, 5, "x: model mlp takes no recogniser features; set asr: false"),
        ("cnn1d_rnn", 128, 4, 5, "takes no recogniser features"),
        ("finetune", 40, 0, 2, "x: model finetune has no other input; set asr: true"),
        ("crnn", 39, 0, 5, "logmel40: 39 values a frame; expected 40 or more"),
        ("cnn1d_rnn", 31, 0, 5, "logmel40: 31 values a frame; expected 32 or more"),
        ("cbrnn", 40, 0, 5, "logmel40: 5 frames to a 100 ms score; model cbrnn expects 2 of 50 ms"),
    ],
)
def test_inputs_that_a_model_does_not_take(model, bins, asr_dim, frames, words):
    assert model in model_names()
    context = {} if model == "finetune" else {"context_frames": 0}
    with pytest.raises(DataError, match=words):
        build_model(config_from_dict(dict(system="x", model=model, **context), "test"), bins, asr_dim, frames)


def test_cbrnn_of_one_direction():
    config = config_from_dict(
        dict(system="x", channels=8, temporal_hidden=8, gru_hidden=4, bidirectional=False), "test"
    )
    model = build_model(config, 40).eval()
    assert model.classifier.in_features == 4 and model(torch.randn(1, 20, 40)).shape == (1, 10)


def test_a_plain_grus_output_lies_as_the_compiled_ones(monkeypatch):
    """Dropout draws in the order of memory: what follows a GRU is to drop the same values with either."""
    model, bins, frames, _ = network("crnn")
    x = torch.randn(3, 4 * frames, bins)
    laid = {}
    for path in ("compiled", "plain"):
        model.gru.register_forward_hook(lambda _, inputs, output, path=path: laid.update({path: output.stride()}))
        model(x)
        monkeypatch.setattr(compiled_layers, "library", lambda maps: None)
    assert laid["plain"] == laid["compiled"] == (4 * frames * 96, 96, 1)


@pytest.mark.parametrize("name", ["gradual", "crnn_ta_asr"])
def test_recogniser_features_may_enter_a_gru_of_finer_frames(name):
    model, bins, frames, asr_dim = network(name, asr_entry="gru")
    model = model.eval()
    x, asr = torch.randn(1, 10 * frames, bins), torch.zeros(1, 10, asr_dim)
    entering = []
    model.gru.register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0]))
    with torch.no_grad():
        before = model(x, asr)
        asr[0, 4] = 3
        moved = (model(x, asr) - before)[0].abs().reshape(10, -1).sum(dim=1)
    assert moved[4] > 0 and moved[3] > 0 and moved[5] > 0  # the GRU carries it both ways
    changed = (entering[1] - entering[0])[0].abs().sum(dim=1).nonzero().flatten()
    assert changed.tolist() == list(range(4 * frames, 5 * frames))  # score frame 4's own feature frames
