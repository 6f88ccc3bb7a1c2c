"""The convolutional bidirectional recurrent network with two attentions, and its gradual variant (paper 2.3).

Where the paper is silent or contradicts itself, docs/models.md has the choice and the reason. The keys at the end of
its configuration turn these choices into what is printed, one by one: docs/paper.md, conf/paper.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from pysed.config import setting
from pysed.errors import DataError
from pysed.networks import compiled_layers
from pysed.networks.attention import PooledSpectralAttention, SpectralAttention, TemporalAttention
from pysed.networks.layers import FIRST_POOL, FirstConvolution, NormReluDropout, pool_sum, stack_context
from pysed.networks.network import Inputs, check_frames
from pysed.networks.recurrent import RecurrentConfig, RecurrentNetwork

_SECOND_POOL = 4


@dataclass(frozen=True)
class CbrnnConfig(RecurrentConfig):
    """Also what turns it into the network as printed."""

    average_frames: int = setting(1, at_least=1, at_most=100)  # frames to one of the network's, by their mean
    spectral_pool: str = setting("none", choices=("none", "time", "units"))  # see PooledSpectralAttention
    attention_scaled: bool = setting(True)  # weights of mean 1; else a softmax's, as they are
    pool_last: bool = setting(False)  # a convolution's norm, activation and dropout come before its pool
    activation: str = setting("relu", choices=("relu", "linear"))  # after a convolution's norm
    last_pool: int = setting(0, at_least=0)  # rows of the last pool; 0: all that are left
    gru_dropout: bool = setting(True)  # between its layers, as in the convolutions


class Cbrnn(RecurrentNetwork):
    """Spectral attention, four convolutions with two residuals, temporal attention, bidirectional GRU, dense layer."""

    Config = CbrnnConfig

    def __init__(self, config: CbrnnConfig, inputs: Inputs):
        super().__init__()
        self.context, self.average_frames, self.pool_last = (
            config.context_frames, config.average_frames, config.pool_last
        )  # fmt: skip
        check_frames(inputs, "cbrnn", FIRST_POOL[1] * config.average_frames)  # the first pool makes one of two
        num_values = inputs.num_features * (2 * config.context_frames + 1)
        channels = config.channels
        self.spectral = spectral_attention(config, num_values) if config.spectral_attention else None
        self.conv1 = FirstConvolution(channels)
        self.conv2 = nn.Conv2d(channels, channels, 5, padding=2, bias=False)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv4 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1, self.norm2, self.norm3, self.norm4 = (
            NormReluDropout(channels, config.dropout, config.activation == "relu") for _ in range(4)
        )
        # 200 -> 100 (stride) -> 25 -> 6; the last pool spans all that are left: docs/models.md
        rows = -(-num_values // 2) // FIRST_POOL[0] // _SECOND_POOL
        self.last_pool = config.last_pool or rows
        if rows < 1:
            raise DataError(
                f"{inputs.frontend}: {inputs.num_features} bins with context_frames {self.context}: {num_values} "
                "values a frame; expected 31 or more, which the pools need; choose more bins or more context"
            )
        if self.last_pool > rows:
            raise DataError(f"{inputs.system}: last_pool {config.last_pool}; expected {rows} at most, the rows left")
        stacked = channels * (rows // self.last_pool)
        if config.temporal_attention:
            self.temporal: nn.Module = TemporalAttention(stacked, config.temporal_hidden, config.attention_scaled)
        else:
            self.temporal = nn.Linear(stacked, config.temporal_hidden)
        self.make_end(config, config.temporal_hidden, inputs.asr_dim, config.gru_dropout)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            conv.weight.data = conv.weight.data.to(memory_format=torch.channels_last)

    def hidden(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """What the classifier looks at. features: (B, T, F), T even; asr: (B, T/2, A) or None -> (B, T/2, H)."""
        x = self.temporal(self.frame_vectors(features))  # (B, T/2, N)
        if asr is not None:
            asr = self.asr_dropout(asr)
        if asr is not None and self.asr_entry == "gru":
            x = torch.cat((x, asr), dim=-1)
        x = self.gru(x)  # (B, T/2, H · directions)
        if asr is not None and self.asr_entry == "classifier":
            x = torch.cat((x, asr), dim=-1)
        return x

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """The convolutional part. features: (B, T, F) -> (B, T/2, C · rows), rows 1 unless last_pool leaves more."""
        if self.average_frames > 1:
            features = features.unflatten(1, (-1, self.average_frames)).mean(dim=2)  # (B, T·n, F) -> (B, T, n, F)
        x = stack_context(features, self.context)
        if self.spectral is not None:
            x = self.spectral(x)
        x = x.transpose(1, 2)  # (B, T, values) -> (B, values, T)
        maps = torch.bfloat16 if self.bfloat16_maps else torch.float32
        fast = compiled_layers.usable(x, maps) and compiled_layers.first_fits(self.conv1.out_channels)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_maps):
            x = self._pooled_last(x, fast) if self.pool_last else self._pooled_first(x, fast, maps)
        return x.flatten(1, 2).to(features.dtype).transpose(1, 2)  # (B, C·rows, T/2) -> (B, T/2, C·rows)

    def _pooled_first(self, x: torch.Tensor, fast: bool, maps: torch.dtype) -> torch.Tensor:
        """x: (B, values, T) -> (B, C, rows, T/2)."""
        # Pooling comes before normalisation, activation and dropout: they pass over a map an eighth the size.
        first = self.norm1(self.conv1(x, fast, maps), fast)  # (B, C, 25, T/2)
        x = self.norm2(self.conv2(first), fast)
        second = self.norm3(pool_sum(self.conv3(x), first, _SECOND_POOL, fast), fast)  # (B, C, 6, T/2)
        return self.norm4(pool_sum(self.conv4(second), second, self.last_pool, fast), fast)  # (B, C, 1, T/2)

    def _pooled_last(self, x: torch.Tensor, fast: bool) -> torch.Tensor:
        """The printed order: norm, activation and dropout on the whole map, then its pool.

        x: (B, values, T) -> (B, C, rows, T/2).
        """
        x = functional.conv2d(x.unsqueeze(1), self.conv1.weight, stride=self.conv1.stride, padding=self.conv1.padding)
        first = functional.max_pool2d(self.norm1(x, fast), FIRST_POOL)
        x = self.norm3(self.conv3(self.norm2(self.conv2(first), fast)) + first, fast)
        second = functional.max_pool2d(x, (_SECOND_POOL, 1))
        return functional.max_pool2d(self.norm4(self.conv4(second) + second, fast), (self.last_pool, 1))

    def superfluous_flops(self, num_frames: int, num_bins: int) -> float:
        """The first convolution's gradients in all cells of a pooling window but the one of the maximum."""
        forward = 2 * self.conv1.weight.numel() * (-(-num_bins * (2 * self.context + 1) // 2)) * num_frames
        passes = 1 if self.spectral is None else 2  # of the weights, and of the input if that is computed
        return passes * forward * (1 - 1 / (FIRST_POOL[0] * FIRST_POOL[1]))


def spectral_attention(config: CbrnnConfig, num_values: int) -> nn.Module:
    """The spectral attention that the configuration asks for, on frames of so many values."""
    if config.spectral_pool == "none":
        return SpectralAttention(num_values, config.spectral_hidden, config.attention_scaled)
    return PooledSpectralAttention(num_values, config.spectral_hidden, config.spectral_pool, config.attention_scaled)
