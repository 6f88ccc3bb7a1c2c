"""The operations other than matrix products: functions of the input, with the operation's constants bound.

``FRAMEWISE`` takes (T, B, D) → (T, B, D'), frame by frame. ``WINDOWED`` computes N frames from windows of the input.

Source: the Propagate() functions of Kaldi ``src/nnet3/nnet-*-component.cc``; ``cu::NormalizePerRow``,
``cu::ComputeLstmNonlinearity`` in ``src/cudamatrix/cu-math.cc``.
"""

from collections.abc import Callable

import numpy as np
import torch

from pysed.kaldi.nnet3.indexes import Frames, computable, window
from pysed.kaldi.nnet3.operations import Op
from pysed.kaldi.nnet3.steps import constant

Kernel = Callable[[torch.Tensor], torch.Tensor]


def _simple(function: Callable[[torch.Tensor, dict], torch.Tensor]) -> Callable[[Op], Kernel]:
    def kernel_of(op: Op) -> Kernel:
        params = op.params
        return lambda x: function(x, params)

    return kernel_of


def _scale_offset(op: Op) -> Kernel:
    scale, offset = constant(op.params["scale"]), constant(op.params["offset"])
    return lambda x: torch.addcmul(offset.to(x.device), x, scale.to(x.device))


def _normalize(x: torch.Tensor, params: dict) -> torch.Tensor:
    block, target = params["block"], params["target_rms"]
    shape = x.shape
    x = x.reshape(*shape[:2], shape[2] // block, block)
    # Kaldi floors the mean square at 2^-66.
    mean_square = x.square().mean(dim=3, keepdim=True).div(target * target).clamp_min(2.0**-66)
    y = x * mean_square.rsqrt()
    if params["log_stddev"]:
        y = torch.cat([y, (mean_square.sqrt() * target).log()], dim=3)
    return y.reshape(shape[0], shape[1], -1)


def _grouped(x: torch.Tensor, params: dict) -> torch.Tensor:
    """(T, B, groups · D) → (T, B, groups, D)."""
    groups = params["groups"]
    return x.reshape(x.shape[0], x.shape[1], groups, x.shape[2] // groups)


def _product(x: torch.Tensor, params: dict) -> torch.Tensor:
    return _grouped(x, params).prod(dim=2)


def _sum_block(x: torch.Tensor, params: dict) -> torch.Tensor:
    return _grouped(x, params).sum(dim=2).mul_(params["scale"])


def _pnorm(x: torch.Tensor, params: dict) -> torch.Tensor:
    """Neighbouring inputs are grouped here, not strided ones: (T, B, D · size) → (T, B, D)."""
    size = params["groups"]
    return x.reshape(x.shape[0], x.shape[1], -1, size).square().sum(dim=3).sqrt_()


def _permute(x: torch.Tensor, params: dict) -> torch.Tensor:
    return x[:, :, torch.from_numpy(params["columns"])]


def _lstm(x: torch.Tensor, params: dict) -> torch.Tensor:
    peepholes = constant(params["peepholes"])
    i_scale = f_scale = o_scale = 1.0
    if params["dropout"]:
        x, scales = x[..., :-3], x[..., -3:]
        i_scale, f_scale, o_scale = scales.split(1, dim=2)
    i, f, c, o, previous = x.chunk(5, dim=2)
    gate_i = torch.sigmoid(i + peepholes[0] * previous)
    gate_f = torch.sigmoid(f + peepholes[1] * previous)
    cell = f_scale * gate_f * previous + i_scale * gate_i * torch.tanh(c)
    gate_o = torch.sigmoid(o + peepholes[2] * cell)
    return torch.cat([cell, o_scale * gate_o * torch.tanh(cell)], dim=2)


def window_rows(op: Op, ts: np.ndarray, frames: Frames) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Every frame that a window of ``ts`` holds, and per t the rows (N, K) of its window and which of them exist."""
    wanted = window(op, ts)[0]
    every = np.unique(wanted)
    every = every[computable(op.input, every, frames)]
    present = np.isin(wanted, every)
    rows = np.searchsorted(every, np.where(present, wanted, every[0]))
    return every, torch.from_numpy(rows), torch.from_numpy(present)


def _membership(rows: torch.Tensor, present: torch.Tensor, count: int) -> torch.Tensor:
    """(N, count): 1 where the window of t holds the row."""
    matrix = torch.zeros(len(rows), count)
    return matrix.scatter_add_(1, rows, present.float())


def _extract(op: Op, rows: torch.Tensor, present: torch.Tensor) -> Kernel:
    matrix = _membership(rows, present, int(rows.max()) + 1)
    counts, variance = matrix.sum(dim=1), op.params["variance"]

    def kernel(x: torch.Tensor) -> torch.Tensor:
        x = x[: matrix.shape[1]]
        parts = [counts[:, None, None].expand(-1, x.shape[1], 1), torch.einsum("nt,tbd->nbd", matrix, x)]
        if variance:
            parts.append(torch.einsum("nt,tbd->nbd", matrix, x.square()))
        return torch.cat(parts, dim=2)

    return kernel


def _pool(op: Op, rows: torch.Tensor, present: torch.Tensor) -> Kernel:
    matrix = _membership(rows, present, int(rows.max()) + 1)
    params = op.params

    def kernel(x: torch.Tensor) -> torch.Tensor:
        totals = torch.einsum("nt,tbd->nbd", matrix, x[: matrix.shape[1]])
        counts, means = totals[..., :1], totals[..., 1:] / totals[..., :1]
        if params["stddevs"]:
            mean, square = means.chunk(2, dim=2)
            means = torch.cat([mean, (square - mean.square()).clamp_min_(params["floor"]).sqrt_()], dim=2)
        logs = [counts.log().expand(-1, -1, params["log_counts"])] if params["log_counts"] else []
        return torch.cat([*logs, means], dim=2)

    return kernel


def _convolution(op: Op, rows: torch.Tensor, present: torch.Tensor) -> Kernel:
    matrices = [constant(w.T) for _, w, _ in op.params["weights"]]
    bias = constant(op.params["bias"])
    whole = [bool(present[:, k].all()) for k in range(len(matrices))]

    def kernel(x: torch.Tensor) -> torch.Tensor:
        result = bias.expand(len(rows), x.shape[1], -1)
        for k, matrix in enumerate(matrices):
            part = x[rows[:, k]]
            if not whole[k]:
                part = part * present[:, k, None, None]
            result = result + part @ matrix
        return result

    return kernel


def _columns(x: torch.Tensor, params: dict) -> torch.Tensor:
    return x[:, :, params["columns"]]


FRAMEWISE: dict[str, Callable[[Op], Kernel]] = {
    "relu": _simple(lambda x, _: x.relu()),
    "sigmoid": _simple(lambda x, _: x.sigmoid()),
    "tanh": _simple(lambda x, _: x.tanh()),
    "softmax": _simple(lambda x, _: x.softmax(dim=2).clamp_min(1e-20)),
    "log_softmax": _simple(lambda x, _: x.log_softmax(dim=2)),
    "scale_offset": _scale_offset,
    "normalize": _simple(_normalize),
    "product": _simple(_product),
    "sum_block": _simple(_sum_block),
    "pnorm": _simple(_pnorm),
    "permute": _simple(_permute),
    "columns": _simple(_columns),
    "lstm": _simple(_lstm),
}
WINDOWED: dict[str, Callable[[Op, torch.Tensor, torch.Tensor], Kernel]] = {
    "extract": _extract,
    "pool": _pool,
    "convolution": _convolution,
}
