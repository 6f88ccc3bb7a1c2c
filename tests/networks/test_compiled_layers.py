"""Compiled layers against float64 torch, with tolerances that follow from the arithmetic.

Maps are stored in float32, or in bfloat16, 8 significant bits: rounding changes a value by at most 2^-8 of itself. Sums
are taken in float32, where n terms of total magnitude S are off by at most about n · 2^-24 · S.
"""

import copy

import pytest
import torch
from torch.nn import functional

from pysed.networks import compiled_layers, layers

FLOAT = 2.0**-24
#: Type of the maps -> the most by which storing a value changes it, as a share of it.
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float32: FLOAT}

pytestmark = pytest.mark.usefixtures("compiled")
of_both_types = pytest.mark.parametrize("maps", ROUNDING, ids=["bfloat16", "float32"])


def halves(*shape: int) -> torch.Tensor:
    """Random float64 values that bfloat16 holds exactly."""
    return torch.randn(*shape).bfloat16().double()


def assert_within(actual: torch.Tensor, expected: torch.Tensor, bound: torch.Tensor | float) -> None:
    """Element by element, |actual - expected| <= bound."""
    assert actual.shape == expected.shape
    excess = ((actual.double() - expected).abs() - bound).max().item()
    assert excess <= 0, f"beyond the bound by {excess}"


@pytest.mark.parametrize(
    "kernel,planes,channels,num_values,num_frames",
    [
        (7, 1, 64, 200, 12), (7, 1, 32, 37, 10), (7, 1, 32, 31, 2), (7, 1, 96, 46, 7), (7, 2, 32, 31, 6),
        (5, 1, 64, 40, 12), (5, 1, 32, 5, 1), (5, 1, 96, 44, 7), (5, 5, 32, 128, 9), (5, 3, 64, 23, 4),
    ],
)  # fmt: skip
@of_both_types
def test_first_convolution(kernel, planes, channels, num_values, num_frames, maps):
    step, *pool = compiled_layers.FIRST[kernel]
    own = torch.nn.Conv2d(planes, channels, kernel, bias=False).weight
    x = torch.randn(2, planes, num_values, num_frames)
    weight = own.detach().double().requires_grad_()
    x_reference = x.double().requires_grad_()

    def pooled(x, weight):
        cells = functional.conv2d(x, weight, stride=(step, 1), padding=kernel // 2)
        return functional.max_pool2d(cells, pool)

    expected = pooled(x_reference, weight)
    x.requires_grad_()
    out = compiled_layers.FirstConvolution.apply(x, own, maps)
    assert out.dtype == maps and out.shape == expected.shape
    # Magnitude of the terms of a cell, the greatest of each window
    magnitude = pooled(x_reference.detach().abs(), weight.detach().abs())
    taps = planes * kernel**2
    assert_within(out, expected, ROUNDING[maps] * expected.abs() + taps * FLOAT * magnitude)

    grad = halves(*out.shape)
    expected.backward(grad)
    out.backward(grad.to(maps))
    # A weight's gradient adds up one term for each of the B·H·W windows; an input's one for each channel and tap.
    terms = out.numel() // channels
    size = x.abs().max().double() * grad.abs().sum(dim=(0, 2, 3)).view(-1, 1, 1, 1)
    assert_within(own.grad, weight.grad, terms * FLOAT * size)
    assert_within(x.grad, x_reference.grad, taps * channels * FLOAT * x_reference.grad.abs().max() + 1e-5)
    assert x.grad.abs().max() > 0.1
    by_layer = layers.FirstConvolution(channels)
    if kernel == 7 and planes == 1:
        by_layer.weight = own
        assert torch.equal(by_layer(x.squeeze(1), compiled=True, maps=maps), out)


@pytest.mark.parametrize("channels,num_values,num_frames", [(128, 128, 9), (32, 39, 1), (64, 45, 3), (32, 287, 2)])
def test_filter_maximum(channels, num_values, num_frames):
    x, own = torch.randn(3, num_frames, num_values), torch.randn(channels, 1, 32, 1).requires_grad_()
    assert compiled_layers.filters_fit(x, channels)
    out = compiled_layers.FilterMaximum.apply(x, own)
    weight = own.detach().double().requires_grad_()
    places = functional.conv2d(x.double().transpose(1, 2).unsqueeze(1), weight)  # (B, C, places, T)
    expected = functional.max_pool2d(places, (places.shape[2], 1))
    magnitude = functional.conv2d(x.double().abs().transpose(1, 2).unsqueeze(1), weight.abs()).amax(2, keepdim=True)
    assert_within(out, expected, 32 * FLOAT * magnitude)
    grad = torch.randn(*out.shape)
    expected.backward(grad.double())
    out.backward(grad)
    bound = 3 * num_frames * FLOAT * x.abs().max().double() * grad.abs().sum(dim=(0, 2, 3)).view(-1, 1, 1, 1)
    assert_within(own.grad, weight.grad, bound)
    x[1, 0, num_values // 2] = float("nan")
    out, plain = compiled_layers.FilterMaximum.apply(x, own), functional.conv2d(x.transpose(1, 2).unsqueeze(1), own)
    assert torch.equal(out.isnan(), plain.isnan().any(dim=2, keepdim=True))


def test_filters_leave_what_they_do_not_fit():
    assert compiled_layers.filters_fit(torch.empty(1, 1, 39), 32) and not compiled_layers.filters_fit(
        torch.empty(1, 1, 38), 32
    )
    assert compiled_layers.filters_fit(torch.empty(1, 1, 287), 32) and not compiled_layers.filters_fit(
        torch.empty(1, 1, 288), 32
    )
    assert not compiled_layers.filters_fit(torch.empty(1, 1, 40), 48)
    assert not compiled_layers.filters_fit(torch.empty(1, 1, 40, requires_grad=True), 32)


@pytest.mark.parametrize("height,pool", [(25, 4), (6, 6), (9, 9), (4, 1)])
@of_both_types
def test_pool_sum(height, pool, maps):
    x, residual = halves(2, 32, height, 5), halves(2, 32, height, 5)
    inputs = [values.to(maps).requires_grad_() for values in (x, residual)]
    out = layers.pool_sum(*inputs, pool, compiled=True)
    total = (x.float() + residual.float()).double().requires_grad_()  # as compiled: exact ties are then the same ties
    expected = functional.max_pool2d(total, (pool, 1))
    assert_within(out, expected, ROUNDING[maps] * expected.abs())
    grad = halves(*out.shape)
    expected.backward(grad)
    out.backward(grad.to(maps))
    for values in inputs:
        assert torch.equal(values.grad.double(), total.grad)  # moved, not computed: exact


def reference_norm(x, layer, keep):
    """Batch norm, the layer's activation and a dropout mask (already scaled) in float64: output, x, gamma, beta."""
    x, gamma, beta = (v.detach().double().requires_grad_() for v in (x, layer.weight, layer.bias))
    out = functional.batch_norm(x, None, None, gamma, beta, training=True, eps=layer.eps)
    return (functional.relu(out) if layer.relu else out) * keep, x, gamma, beta


@pytest.mark.parametrize("relu", [True, False], ids=["relu", "linear"])
@pytest.mark.parametrize("rate", [0.0, 0.25])
@of_both_types
def test_norm_relu_dropout_in_training(rate, maps, relu):
    layer = layers.NormReluDropout(32, rate, relu).train()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    x = halves(3, 32, 5, 40) * 4 + 2
    x = x.bfloat16().double()
    own = x.to(maps).requires_grad_()
    out = layer(own, compiled=True)
    undropped, *_ = reference_norm(x, layer, 1.0)
    # Nothing but dropout makes an output zero that the activation lets pass; what is kept tells the mask.
    passing = undropped > 0 if relu else undropped != 0
    keep = ((out != 0) | ~passing).double() / (1 - rate)
    expected, *references = reference_norm(x, layer, keep)
    size = layer.weight.abs().max().double() * x.abs().max() / x.std() / (1 - rate)
    assert_within(out, expected.detach(), ROUNDING[maps] * expected.detach().abs() + 16 * FLOAT * size)
    if rate:
        kept = (out != 0)[passing].double().mean().item()
        spread = (rate * (1 - rate) / passing.sum().item()) ** 0.5
        assert abs(kept - (1 - rate)) < 5 * spread
    else:
        assert torch.equal(out != 0, passing)

    grad = halves(*out.shape)
    expected.backward(grad)
    out.backward(grad.to(maps))
    # The gradient comes back in the maps' type; its three parts are added in float32 before. The parameters' gradients
    # are sums over 600 positions.
    parts = grad.abs().max() * size * (layer.weight.abs().max() + 1)
    assert_within(own.grad, references[0].grad, ROUNDING[maps] * references[0].grad.abs() + 64 * FLOAT * parts)
    for mine, reference in ((layer.weight, references[1]), (layer.bias, references[2])):
        torch.testing.assert_close(mine.grad.double(), reference.grad, rtol=1e-4, atol=600 * 64 * FLOAT)


def test_norm_gradient_leaves_out_mean_and_scale():
    """Shifting or scaling a channel changes nothing, so the gradient has no part along either.

    A gradient that grows with the input would have a large one: the share left is what rounding leaves of 4000 values
    in bfloat16, each off by 2^-8 of itself at most and at random.
    """
    layer = layers.NormReluDropout(32, 0.0).train()
    x = (halves(4, 32, 10, 100) + 3).bfloat16().requires_grad_()
    out = layer(x, compiled=True)
    grad = (out.detach().double() + halves(*out.shape) * 0.1).bfloat16()
    out.backward(grad)
    g, values = x.grad.double(), x.detach().double()
    standard = (values - values.mean(dim=(0, 2, 3), keepdim=True)) / values.std(dim=(0, 2, 3), keepdim=True)
    for direction in (torch.ones_like(standard), standard):
        taken_out = (grad.double() * (out > 0) * direction).sum(dim=(0, 2, 3)) / values.std()
        left = (g * direction).sum(dim=(0, 2, 3))
        assert (left / taken_out).abs().max() < 2e-3


def test_dropout_is_drawn_anew_by_seed():
    layer = layers.NormReluDropout(32, 0.5).train()
    x = halves(2, 32, 4, 16).bfloat16()
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(layer(x, compiled=True) != 0)
    assert torch.equal(masks[0], masks[1])
    shown = layers.NormReluDropout(32, 0.0).train()(x, compiled=True) != 0
    agree = (masks[0] == masks[2])[shown].double().mean().item()
    assert 0.4 < agree < 0.6  # of independent halves
    by_channel = masks[0].double().mean(dim=(0, 2, 3)) / shown.double().mean(dim=(0, 2, 3))
    assert by_channel.min() > 0.2 and by_channel.max() < 0.8


@pytest.mark.parametrize("relu", [True, False], ids=["relu", "linear"])
@of_both_types
def test_running_statistics_and_evaluation(maps, relu):
    layer = layers.NormReluDropout(32, 0.25, relu)
    torch.nn.init.normal_(layer.weight)
    reference = torch.nn.BatchNorm2d(32).double()
    reference.load_state_dict({name: value.double() for name, value in layer.state_dict().items()})
    for _ in range(3):
        x = (halves(2, 32, 3, 9) * 3 - 1).to(maps)
        layer.train()(x, compiled=True)
        reference.train()(x.double())
    torch.testing.assert_close(layer.running_mean.double(), reference.running_mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(layer.running_var.double(), reference.running_var, rtol=1e-5, atol=1e-6)
    assert layer.num_batches_tracked == 3
    with torch.no_grad():
        out = layer.eval()(x, compiled=True)
        expected = reference.eval()(x.double())
        expected = functional.relu(expected) if relu else expected
    assert_within(out, expected, ROUNDING[maps] * expected.abs() + 1e-6)


@pytest.mark.parametrize(
    "hidden,num_layers,both,steps,batch",
    [
        (32, 2, True, 30, 3),
        (5, 1, True, 7, 3),
        (1, 1, False, 4, 9),
        (17, 2, False, 1, 4),
        (96, 1, True, 12, 11),
        (512, 1, False, 2, 5),
    ],
)
def test_gru(hidden, num_layers, both, steps, batch):
    """Batches of whole blocks of four, of a rest alone and of both."""
    options = {"num_layers": num_layers, "batch_first": True, "bidirectional": both}
    gru = layers.Gru(11, hidden, **options)
    reference = torch.nn.GRU(11, hidden, **options).double()
    reference.load_state_dict({name: value.double() for name, value in gru.state_dict().items()})
    x = torch.randn(batch, steps, 11)
    x_reference = x.double().requires_grad_()
    x.requires_grad_()
    assert compiled_layers.usable(x) and compiled_layers.gru_fits(gru)
    out, expected = gru(x), reference(x_reference)[0]
    assert_within(out, expected.detach(), 1e-6)  # a few float32 roundings of values within [-1, 1]
    grad = torch.randn(out.shape)
    out.backward(grad)
    expected.backward(grad.double())
    pairs = [(x.grad, x_reference.grad)]
    pairs += [(mine.grad, its.grad) for mine, its in zip(gru.parameters(), reference.parameters(), strict=True)]
    for mine, its in pairs:
        assert_within(mine, its, 2e-6 * (1 + its.abs().max()))


def test_gru_saturates_without_overflow():
    gru = layers.Gru(1, 4, batch_first=True)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.mul_(300)
    x = torch.tensor([[[1e4], [-1e4], [0.0], [3e4]]])
    expected = torch.nn.GRU.forward(gru, x)[0]
    assert_within(gru(x).detach(), expected.detach().double(), 1e-6)


def test_what_is_not_a_number_stays_so():
    """In any place, through every layer, as in torch: nobody takes the scores of broken features for scores."""
    nan = float("nan")
    first, norm, gru = layers.FirstConvolution(32), layers.NormReluDropout(32, 0.0), layers.Gru(32, 4, batch_first=True)
    for frame in (0, 3, 9):
        x = torch.randn(1, 40, 10)
        x[0, 20, frame] = nan
        out, plain = first(x, compiled=True), first(x)
        assert torch.equal(out.isnan(), plain.isnan()) and out.isnan().any()
        weight = torch.randn(32, 1, 5, 5)
        out = compiled_layers.FirstConvolution.apply(x.unsqueeze(1), weight, torch.float32)
        plain = functional.max_pool2d(functional.conv2d(x.unsqueeze(1), weight, padding=2), (5, 1))
        assert torch.equal(out.isnan(), plain.isnan()) and out.isnan().any()
    for row in range(4):
        maps = torch.randn(1, 32, 4, 5).bfloat16()
        maps[0, 7, row, 2] = nan
        pooled = layers.pool_sum(maps, torch.zeros_like(maps), 4, compiled=True)
        assert pooled.isnan().nonzero().tolist() == [[0, 7, 0, 2]]
    assert norm.train()(maps, compiled=True)[:, 7].isnan().all()
    assert norm(maps, compiled=True).isnan().any(dim=(0, 2, 3)).nonzero().flatten().tolist() == [7]
    with torch.no_grad():
        sound = layers.NormReluDropout(32, 0.0).eval()
        assert torch.equal(sound(maps, compiled=True).isnan(), maps.isnan())
    steps = torch.randn(2, 6, 32)
    steps[1, 3, 5] = nan
    assert gru(steps).isnan().all(dim=-1).tolist() == [[False] * 6, [False] * 3 + [True] * 3]


def test_gru_under_autocast():
    gru, x = layers.Gru(11, 32, batch_first=True), torch.randn(3, 5, 11)
    exact = gru(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(gru(x), exact, rtol=0.05, atol=0.05)
    wrong = torch.zeros(1, 2, 1, 3, dtype=torch.float64)
    with pytest.raises(AssertionError, match="gru_forward"):
        compiled_layers.GruRecurrence.apply(wrong, torch.zeros(1, 3, 1), torch.zeros(1, 3))


def test_gru_leaves_what_it_does_not_fit():
    assert not compiled_layers.gru_fits(torch.nn.GRU(3, 513, batch_first=True))
    assert not compiled_layers.gru_fits(torch.nn.GRU(3, 4, batch_first=True, bias=False))
    assert not compiled_layers.gru_fits(torch.nn.GRU(3, 4))
    assert not compiled_layers.first_fits(48) and compiled_layers.first_fits(64)


@of_both_types
def test_the_number_of_threads_changes_nothing(maps):
    threads = torch.get_num_threads()
    x = torch.randn(5, 46, 46)
    first, norm, gru = (
        layers.FirstConvolution(32),
        layers.NormReluDropout(32, 0.25),
        layers.Gru(32, 8, batch_first=True),
    )
    filters = torch.randn(32, 1, 32, 1, requires_grad=True)
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            torch.manual_seed(3)
            for layer in (first, norm, gru):
                layer.zero_grad()
            filters.grad = None
            one = norm(first(x, compiled=True, maps=maps), compiled=True)
            pooled = layers.pool_sum(one, one, one.shape[2], compiled=True)
            (pooled.float().square().sum() + compiled_layers.FilterMaximum.apply(x, filters).square().sum()).backward()
            exact = [pooled.detach(), first.weight.grad.clone(), norm.weight.grad.clone(), filters.grad]
            # The GRU's products with its inputs are torch's, whose sums depend on the threads on some processors.
            results.append((exact, gru(pooled.detach().squeeze(2).float().transpose(1, 2)).detach()))
    finally:
        torch.set_num_threads(threads)
    for exact, out in results[1:]:
        assert all(torch.equal(mine, its) for mine, its in zip(exact, results[0][0], strict=True))
        torch.testing.assert_close(out, results[0][1], rtol=1e-5, atol=1e-5)


def test_gradients_of_a_copy_of_the_weights():
    """Averaged and training networks live side by side: nothing of a call is kept between calls."""
    first = layers.FirstConvolution(32)
    second = copy.deepcopy(first)
    with torch.no_grad():
        second.weight.mul_(-1)
    x = torch.randn(1, 40, 6)
    out = first(x, compiled=True)
    second(x, compiled=True).sum().backward()
    out.sum().backward()
    again = copy.deepcopy(first)
    again.zero_grad()
    again(x, compiled=True).sum().backward()
    assert torch.equal(first.weight.grad, again.weight.grad)
    assert not torch.equal(first.weight.grad, second.weight.grad)
