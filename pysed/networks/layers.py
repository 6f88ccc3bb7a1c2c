"""Layers that the networks share; the costly ones have a compiled form for CPUs and a plain one for the rest."""

import torch
from torch import nn
from torch.nn import functional

from pysed import parallel
from pysed.networks import compiled_layers

FIRST_POOL = compiled_layers.FIRST[7][1:]


def stack_context(x: torch.Tensor, context: int) -> torch.Tensor:
    """Each frame with its neighbours; edge frames repeat. x: (B, T, F) -> (B, T, F·(2·context + 1)).

    Value f·(2c+1) + k is bin f of frame t + k - c: bins stay in order, so the axis is one frequency axis for the
    convolutions, not five spectra one above the other.
    """
    if not context:
        return x
    padded = functional.pad(x.transpose(1, 2), (context, context), mode="replicate")  # (B, T, F) -> (B, F, T + 2c)
    shifted = [padded[:, :, k : k - 2 * context or None] for k in range(2 * context + 1)]  # each (B, F, T)
    return torch.stack(shifted, dim=2).permute(0, 3, 1, 2).flatten(2)  # (B, F, 2c + 1, T) -> (B, T, F·(2c + 1))


def to_score_frames(logits: torch.Tensor, frames_per_label: int) -> torch.Tensor:
    """The mean logit of each score frame's feature frames. logits: (B, T), T a multiple -> (B, T / frames_per_label).

    A frame's odds are then the geometric mean of its parts', and every part has a gradient.
    """
    return logits.unflatten(-1, (-1, frames_per_label)).mean(dim=-1)


def dropout(x: torch.Tensor, rate: float, training: bool) -> torch.Tensor:
    """torch's dropout; of several processes each drops in its rows what one would in the whole batch. x: (B, ...)."""
    if parallel.size() == 1 or not training:
        return functional.dropout(x, rate, training)
    whole = torch.empty_strided(
        (parallel.size() * len(x), *x.shape[1:]), x.stride(), dtype=x.dtype, device=x.device
    ).fill_(1)
    return x * functional.dropout(whole, rate, training)[parallel.own_rows(len(whole))]


class Dropout(nn.Dropout):
    """dropout() as a layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, ...) -> the same."""
        return dropout(x, self.p, self.training)


def dense_layers(num_values: int, hidden: int, num_hidden: int, rate: float, num_out: int = 1) -> nn.Sequential:
    """``num_hidden`` times dense, ReLU, dropout; then dense. (..., num_values) -> (..., num_out) logits."""
    layers: list[nn.Module] = []
    for _ in range(num_hidden):
        layers += [nn.Linear(num_values, hidden), nn.ReLU(), Dropout(rate)]
        num_values = hidden
    return nn.Sequential(*layers, nn.Linear(num_values, num_out))


class FirstConvolution(nn.Conv2d):
    """Convolution 7x7 of one channel, stride (2, 1) over (frequency, time), then max pooling (4, 2)."""

    def __init__(self, channels: int):
        super().__init__(1, channels, 7, stride=(2, 1), padding=3, bias=False)

    def forward(self, x: torch.Tensor, compiled: bool = False, maps: torch.dtype = torch.float32) -> torch.Tensor:
        """x: (B, F, T) -> (B, C, ceil(F / 2) // 4, T // 2), of type ``maps`` where it is compiled."""
        if compiled:
            return compiled_layers.FirstConvolution.apply(x.float().unsqueeze(1), self.weight, maps)
        return functional.max_pool2d(super().forward(x.unsqueeze(1)), FIRST_POOL)


class NormReluDropout(nn.BatchNorm2d):
    """Batch normalisation, ReLU (or, with ``relu=False``, no activation), dropout."""

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor
    momentum: float

    def __init__(self, channels: int, rate: float, relu: bool = True):
        super().__init__(channels)
        self.rate, self.relu = rate, relu

    def forward(self, x: torch.Tensor, compiled: bool = False) -> torch.Tensor:
        """x: (B, C, H, W) -> the same."""
        if compiled and self.training:
            x, mean, variance = compiled_layers.NormReluDropout.apply(
                x, self.weight, self.bias, self.eps, self.rate, self.relu
            )
            self._keep_statistics(mean, variance, parallel.size() * x.numel() // x.shape[1])
            return x
        if compiled and not torch.is_grad_enabled():
            scale = self.weight * torch.rsqrt(self.running_var + self.eps)
            return compiled_layers.norm_relu(x, scale, self.bias - self.running_mean * scale, self.relu)
        x = self._by_whole_batch(x) if self.training and parallel.size() > 1 else super().forward(x)
        return dropout(functional.relu(x) if self.relu else x, self.rate, self.training)

    def _by_whole_batch(self, x: torch.Tensor) -> torch.Tensor:
        """Normalisation by the statistics of all processes' rows."""
        wide = x.float()
        count = parallel.size() * x.numel() // x.shape[1]
        sums = parallel.differentiable_sum(torch.stack((wide.sum(dim=(0, 2, 3)), wide.square().sum(dim=(0, 2, 3)))))
        mean, square = sums / count
        variance = (square - mean * mean).clamp_min(0)
        self._keep_statistics(mean, variance, count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    def _keep_statistics(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """What torch's own layer does in training: running means, the variance unbiased."""
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)
            self.num_batches_tracked.add_(1)


def pool_sum(x: torch.Tensor, residual: torch.Tensor, pool: int, compiled: bool = False) -> torch.Tensor:
    """Max over ``pool`` rows of x + residual. x, residual: (B, C, H, W) -> (B, C, H // pool, W)."""
    if compiled:
        return compiled_layers.PoolSum.apply(x, residual, pool)
    return functional.max_pool2d(x + residual, (pool, 1))


class Gru(nn.GRU):
    """torch's GRU, batch first, its recurrence compiled where that can be had."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """x: (B, T, N) -> (B, T, H · directions)."""
        if not (compiled_layers.usable(x) and compiled_layers.gru_fits(self)):
            return super().forward(x)[0].contiguous()  # as the compiled one's: dropout draws in the order of memory
        ends = ["", "_reverse"] if self.bidirectional else [""]
        for layer in range(self.num_layers):
            if layer:
                x = dropout(x, self.dropout, self.training)

            def both(name: str, layer: int = layer) -> torch.Tensor:
                return torch.stack([getattr(self, f"{name}_l{layer}{end}") for end in ends])

            gates = functional.linear(x, both("weight_ih").flatten(0, 1), both("bias_ih").flatten())
            gates = gates.unflatten(-1, (len(ends), -1))  # (B, T, D, 3H)
            # float: under autocast the product is of another type
            x = compiled_layers.GruRecurrence.apply(gates.float(), both("weight_hh"), both("bias_hh")).flatten(2)
        return x
