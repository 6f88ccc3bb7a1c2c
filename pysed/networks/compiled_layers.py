"""Parts of the networks that are compiled (pysed/native/layers.c), as functions with gradients.

Without a compiler, on another device, or with ``PYSED_NATIVE=0`` everything runs on plain torch, slower, with the same
results up to rounding: callers ask ``usable()`` and have the plain form beside the compiled one.
"""

from typing import Any

import torch
from torch.autograd import Function
from torch.nn import functional

from pysed import parallel
from pysed.native import libraries
from pysed.native.libraries import Library

_CHUNKS = 64  # as in layers.c
_FIRST_LANES = 32
#: Taps to a side -> the step along the rows, and the rows and columns that are pooled.
FIRST = {7: (2, 4, 2), 5: (1, 5, 1)}
_MOST_HIDDEN = 512
FILTER_BINS = 32
_LEAST_PLACES, _MOST_PLACES = 8, 256
_GRU_COLUMNS = 32
_NAMES = {torch.bfloat16: "bfloat16", torch.float32: "float32"}


def usable(x: torch.Tensor, maps: torch.dtype = torch.float32) -> bool:
    """Whether compiled code may take this input of a network whose maps are to be of type ``maps``; not in a trace."""
    if torch.jit.is_tracing():
        return False
    both = (torch.float32, maps)
    return x.device.type == "cpu" and x.dtype == torch.float32 and all(library(kind) is not None for kind in both)


def library(maps: torch.dtype = torch.float32) -> Library | None:
    """The compiled library for maps of a type, or None where it cannot be had."""
    return libraries.layers(_NAMES[maps])


def _call(maps: torch.dtype, function: str, *arguments: Any) -> None:
    """Call what is compiled for such maps, with tensors, None for NULL, whole and real numbers."""
    types = (torch.float32, maps, torch.uint8)
    assert all(value.dtype in types for value in arguments if isinstance(value, torch.Tensor)), function
    native = library(maps)
    assert native is not None, "called without asking usable()"
    native.call(function, *arguments)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) -> (B, H, W, C), contiguous (no copy if it lies so already)."""
    return x.permute(0, 2, 3, 1).contiguous()


class FirstConvolution(Function):
    """Convolution of one channel or a few, and max pooling, of a shape of FIRST."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, maps: torch.dtype) -> torch.Tensor:
        """x: (B, P, F, T) float32; weight: (C, P, K, K) -> (B, C, rows // pool rows, T // pool columns), ``maps``."""
        channels, planes, kernel, _ = weight.shape
        step, high, wide = FIRST[kernel]
        half = kernel // 2
        x = functional.pad(x, (half, half + 9 - kernel - wide, half, half)).contiguous()  # the columns: layers.c
        batch, _, rows, columns = x.shape
        height, width = ((rows - kernel) // step + 1) // high, (columns + wide - 8) // wide
        out = torch.empty(batch, height, width, channels, dtype=maps)
        index = torch.empty(out.shape, dtype=torch.uint8)
        taps = weight.detach().reshape(channels, -1).t().contiguous()
        _call(
            maps, f"first{kernel}_forward", x, taps, out, index, batch, planes, rows, columns, height, width, channels
        )
        ctx.save_for_backward(x, weight, index)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        x, weight, index = ctx.saved_tensors
        batch, height, width, channels = index.shape
        planes, kernel, half = weight.shape[1], weight.shape[2], weight.shape[2] // 2
        by_channel = torch.zeros(channels, planes, 8, 8)
        by_channel[..., :kernel, :kernel] = weight.detach()
        partial = torch.empty(batch, planes * kernel * kernel, channels)
        grad_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        _call(
            grad.dtype, f"first{kernel}_backward", x, by_channel, _channels_last(grad), index, partial, grad_x,
            batch, planes, x.shape[2], x.shape[3], height, width, channels,
        )  # fmt: skip
        if grad_x is not None:
            extra = 9 - kernel - FIRST[kernel][2]
            grad_x = grad_x[..., half:-half, half : grad_x.shape[3] - half - extra]
        return grad_x, partial.sum(dim=0).t().reshape(weight.shape), None


class FilterMaximum(Function):
    """Filters of 32 values slid along a frame, and the maximum of each over its places."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F), has no gradient; weight: (C, 1, 32, 1) -> (B, C, 1, T)."""
        x = x.contiguous()
        batch, steps, bins = x.shape
        channels = len(weight)
        taps = weight.detach().reshape(channels, FILTER_BINS).t().contiguous()
        out = torch.empty(batch, 1, steps, channels)
        index = torch.empty(out.shape, dtype=torch.uint8)
        _call(torch.float32, "filter_forward", x, taps, out, index, batch * steps, bins, channels)
        ctx.save_for_backward(x, index)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        x, index = ctx.saved_tensors
        (batch, steps, bins), channels = x.shape, index.shape[-1]
        partial = torch.empty(batch, channels, FILTER_BINS)
        _call(
            torch.float32, "filter_backward", x, _channels_last(grad), index, partial, batch, steps, bins, channels
        )  # fmt: skip
        return None, partial.sum(dim=0).view(channels, 1, FILTER_BINS, 1)


class PoolSum(Function):
    """Max pooling over rows of the sum of two maps."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, residual: torch.Tensor, pool: int) -> torch.Tensor:
        """x, residual: (B, C, H, W) -> (B, C, H // pool, W)."""
        x, residual = _channels_last(x), _channels_last(residual)
        batch, height, width, channels = x.shape
        out = torch.empty(batch, height // pool, width, channels, dtype=x.dtype)
        index = torch.empty(out.shape, dtype=torch.uint8)
        _call(x.dtype, "pool_forward", x, residual, out, index, batch, height, width, channels, pool)
        ctx.save_for_backward(index)
        ctx.shape, ctx.pool = x.shape, pool
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        (index,) = ctx.saved_tensors
        grad_x = torch.empty(ctx.shape, dtype=grad.dtype)
        _call(grad.dtype, "pool_backward", _channels_last(grad), index, grad_x, *ctx.shape, ctx.pool)
        grad_x = grad_x.permute(0, 3, 1, 2)
        return grad_x, grad_x, None


class NormReluDropout(Function):
    """Batch normalisation by the batch's own statistics, ReLU (if it is asked for), dropout."""

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, eps: float, rate: float, relu: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """x: (B, C, H, W) -> the same, mean (C,), variance (C,) (biased)."""
        x = _channels_last(x)
        channels = x.shape[-1]
        count = x.numel() // channels
        partial = torch.empty(_CHUNKS, 2, channels)
        _call(x.dtype, "channel_sums", x, partial, count, channels)
        mean, square = parallel.sum_in_place(partial.double().sum(dim=0)) / (count * parallel.size())
        variance = (square - mean * mean).clamp_(min=0)
        inverse = (variance + eps).rsqrt()
        scale = gamma.detach().double() * inverse
        shift = beta.detach().double() - mean * scale
        out = torch.empty_like(x)
        # Dropout is by seed + position, here the position in the whole batch of all processes.
        seed = (int(torch.randint(2**31, ()).item()) + parallel.rank() * x.numel()) % 2**32 if rate else 0
        _norm(x, scale.float(), shift.float(), out, relu, seed, rate)
        ctx.save_for_backward(x, out, mean, inverse, scale)
        ctx.rate = rate
        mean, variance = mean.float(), variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return out.permute(0, 3, 1, 2), mean, variance

    @staticmethod
    def backward(ctx, grad: torch.Tensor, _mean, _variance):
        x, out, mean, inverse, scale = ctx.saved_tensors
        channels = x.shape[-1]
        count = x.numel() // channels
        grad, keep_scale = _channels_last(grad), 1 / (1 - ctx.rate)
        partial = torch.empty(_CHUNKS, 2, channels)
        _call(x.dtype, "norm_backward_sums", x, out, grad, partial, count, channels, keep_scale)
        sums = partial.double().sum(dim=0)
        own_total, own_products = sums.clone()
        total, products = parallel.sum_in_place(sums)
        of_all = count * parallel.size()
        b = -scale * inverse * (inverse * (products - mean * total)) / of_all
        c = -scale * total / of_all - mean * b
        grad_x = torch.empty_like(x)
        _call(
            x.dtype, "norm_backward", x, out, grad, scale.float(), b.float(), c.float(), grad_x, count, channels,
            keep_scale,
        )  # fmt: skip
        grad_gamma = inverse * (own_products - mean * own_total)
        return grad_x.permute(0, 3, 1, 2), grad_gamma.float(), own_total.float(), None, None, None


def norm_relu(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, relu: bool) -> torch.Tensor:
    """relu(x * scale + shift) by channel, or without relu; without gradient. x: (B, C, H, W) -> the same."""
    x = _channels_last(x)
    out = torch.empty_like(x)
    _norm(x, scale.float().contiguous(), shift.float().contiguous(), out, relu, 0, 0.0)
    return out.permute(0, 3, 1, 2)


def _norm(
    x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, out: torch.Tensor, relu: bool, seed: int, rate: float
) -> None:
    channels = x.shape[-1]
    threshold = min(int(rate * 2**32), 2**32 - 1)
    _call(
        x.dtype, "norm_forward", x, scale, shift, out, x.numel() // channels, channels, int(relu), seed, threshold,
        1 / (1 - rate),
    )  # fmt: skip


def _padded(weight: torch.Tensor) -> torch.Tensor:
    """Zeros up to a multiple of 32 columns. weight: (D, rows, columns) -> (D, rows, P), contiguous."""
    return functional.pad(weight, (0, -weight.shape[2] % _GRU_COLUMNS)).contiguous()


class GruRecurrence(Function):
    """The recurrence of one GRU layer over all its directions."""

    @staticmethod
    def forward(ctx, gates: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """gates: (B, T, D, 3H), input part with its bias; weight: (D, 3H, H); bias: (D, 3H) -> (B, T, D, H)."""
        gates = gates.contiguous()
        batch, steps, directions, triple = gates.shape
        hidden = triple // 3
        out, kept = torch.empty(*gates.shape[:3], hidden), torch.empty(*gates.shape[:3], 4 * hidden)
        transposed = _padded(weight.detach().transpose(1, 2))  # (D, 3H, H) -> (D, H, P)
        _call(
            torch.float32, "gru_forward", gates, transposed, bias.detach(), out, kept, batch, steps, directions, hidden,
            transposed.shape[2],
        )  # fmt: skip
        ctx.save_for_backward(weight, out, kept)
        return out

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        weight, out, kept = ctx.saved_tensors
        batch, steps, directions, hidden = out.shape
        grad_gates, previous = torch.empty(batch, steps, directions, 3 * hidden), torch.empty_like(out)
        grad_hidden = torch.empty_like(grad_gates)
        padded = _padded(weight.detach())  # (D, 3H, H) -> (D, 3H, P)
        _call(
            torch.float32, "gru_backward", grad.contiguous(), out, kept, padded, grad_gates, grad_hidden, previous,
            batch, steps, directions, hidden, padded.shape[2],
        )  # fmt: skip
        by_direction = grad_hidden.reshape(batch * steps, directions, -1)
        grad_weight = torch.bmm(  # (D, 3H, B·T) x (D, B·T, H) -> (D, 3H, H)
            by_direction.permute(1, 2, 0), previous.reshape(batch * steps, directions, hidden).transpose(0, 1)
        )
        return grad_gates, grad_weight, by_direction.sum(dim=0)


def first_fits(channels: int) -> bool:
    """Whether the maps' compiled code takes this number of channels."""
    return channels % _FIRST_LANES == 0


def filters_fit(x: torch.Tensor, channels: int) -> bool:
    """Whether the compiled filters take frames x (B, T, F), which must need no gradient, and this number of filters."""
    fits = _LEAST_PLACES <= x.shape[2] - FILTER_BINS + 1 <= _MOST_PLACES
    return fits and channels % _FIRST_LANES == 0 and not x.requires_grad


def gru_fits(gru: torch.nn.GRU) -> bool:
    """Whether the compiled recurrence takes this layer."""
    return gru.hidden_size <= _MOST_HIDDEN and gru.bias and gru.batch_first
