"""The convolutional bidirectional recurrent network with two attentions, and its gradual variant (paper 2.3).

Where the paper is silent or contradicts itself, docs/models.md has the choice and the reason.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from pysed.models.attention import SpectralAttention, TemporalAttention

if TYPE_CHECKING:
    from pysed.train.config import SystemConfig

_FIRST_KERNEL = 7
_ROWS_PER_STEP = 2  # the first convolution's stride over frequency
_FIRST_POOL, _SECOND_POOL = (4, 2), (4, 1)


def build(config: "SystemConfig", num_features: int, asr_dim: int) -> "Cbrnn":
    """The network of a configuration; ``asr_dim`` > 0 makes it the gradual network."""
    return Cbrnn(config, num_features, asr_dim)


def stack_context(x: torch.Tensor, context: int) -> torch.Tensor:
    """Each frame with its neighbours; edge frames repeat. x: (B, T, F) -> (B, T, F·(2·context + 1)).

    Value f·(2c+1) + k is bin f of frame t + k - c: bins stay in order, so the axis is one frequency axis for the
    convolutions, not five spectra one above the other.
    """
    if not context:
        return x
    batch, num_frames, _ = x.shape
    padded = functional.pad(x.transpose(1, 2), (context, context), mode="replicate")  # (B, T, F) -> (B, F, T + 2c)
    windows = padded.unfold(2, num_frames, 1)  # (B, F, 2c + 1, T)
    return windows.permute(0, 3, 1, 2).reshape(batch, num_frames, -1)  # -> (B, T, F, 2c + 1) -> (B, T, F·(2c + 1))


class FirstConvolution(nn.Module):
    """The 7x7 convolution of one channel with stride (2, 1) over (frequency, time).

    Computed as a 1x7 convolution of 8 channels, channel r holding row 2i + r of the padded input for output row i:
    the same sums, but with channels for the matrix units to work on (a one-channel convolution is 3 times slower on
    CPUs). The eighth row's weights do not exist; it is there because its data layout is the faster one.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, _FIRST_KERNEL, _FIRST_KERNEL))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F) -> (B, C, ceil(F / 2), T), channels last in memory."""
        half = _FIRST_KERNEL // 2
        odd = x.shape[-1] % 2
        padded = functional.pad(x.transpose(1, 2), (0, 0, half, half + 1 + odd))  # (B, T, F) -> (B, rows, T)
        rows = padded.unfold(1, _FIRST_KERNEL + 1, _ROWS_PER_STEP)  # (B, F/2, T, 8)
        rows = rows.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)  # -> (B, 8, F/2, T)
        weight = functional.pad(self.weight.squeeze(1), (0, 0, 0, 1)).unsqueeze(2)  # (C, 7, 7) -> (C, 8, 1, 7)
        return functional.conv2d(rows, weight.contiguous(memory_format=torch.channels_last), padding=(0, half))


class Cbrnn(nn.Module):
    """Spectral attention, four convolutions with two residuals, temporal attention, bidirectional GRU, dense layer."""

    def __init__(self, config: "SystemConfig", num_features: int, asr_dim: int = 0):
        super().__init__()
        self.context = config.context_frames
        self.asr_entry = config.asr_entry
        self.bfloat16 = False  # convolutions in bfloat16; the engine sets it, it is not part of the state
        num_values = num_features * (2 * config.context_frames + 1)
        channels = config.channels
        self.spectral = SpectralAttention(num_values, config.spectral_hidden) if config.spectral_attention else None
        self.conv1 = FirstConvolution(channels)
        self.conv2 = nn.Conv2d(channels, channels, 5, padding=2, bias=False)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv4 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.BatchNorm2d(channels) for _ in range(4))
        self.dropout = nn.Dropout(config.dropout)
        rows = -(-num_values // _ROWS_PER_STEP) // _FIRST_POOL[0] // _SECOND_POOL[0]
        if rows < 1:
            raise ValueError(f"{num_features} features with context {self.context}: too few for the pools")
        if config.temporal_attention:
            self.temporal: nn.Module = TemporalAttention(channels, config.temporal_hidden)
        else:
            self.temporal = nn.Linear(channels, config.temporal_hidden)
        into_gru = config.temporal_hidden + (asr_dim if self.asr_entry == "gru" else 0)
        self.gru = nn.GRU(
            into_gru,
            config.gru_hidden,
            config.gru_layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.gru_layers > 1 else 0.0,
        )
        self.asr_dropout = nn.Dropout(config.asr_dropout)
        into_classifier = 2 * config.gru_hidden + (asr_dim if self.asr_entry == "classifier" else 0)
        if config.classifier_hidden:
            self.classifier: nn.Module = nn.Sequential(
                nn.Linear(into_classifier, config.classifier_hidden),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.classifier_hidden, 1),
            )
        else:
            self.classifier = nn.Linear(into_classifier, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T even; asr: (B, T/2, A) normalised or None -> logits (B, T/2)."""
        x = self.temporal(self.frame_vectors(features))  # (B, T/2, N)
        if asr is not None:
            asr = self.asr_dropout(asr)
        if asr is not None and self.asr_entry == "gru":
            x = torch.cat((x, asr), dim=-1)
        x, _ = self.gru(x)
        if asr is not None and self.asr_entry == "classifier":
            x = torch.cat((x, asr), dim=-1)
        return self.classifier(x).squeeze(-1)

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """The convolutional part. features: (B, T, F) -> (B, T/2, C)."""
        x = stack_context(features, self.context)
        if self.spectral is not None:
            x = self.spectral(x)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16):
            # Pooling comes before normalisation, activation and dropout: these then pass over a map an eighth the size.
            first = self.dropout(functional.relu(self.norm1(functional.max_pool2d(self.conv1(x), _FIRST_POOL))))
            x = self.dropout(functional.relu(self.norm2(self.conv2(first))))
            x = functional.max_pool2d(functional.relu(self.norm3(self.conv3(x)) + first), _SECOND_POOL)
            second = self.dropout(x)
            x = functional.relu(self.norm4(self.conv4(second)) + second)
            # The last pool spans all rows that are left (6), not 4 of them: the top third of the band counts too.
            x = self.dropout(x.amax(dim=2))  # (B, C, rows, T/2) -> (B, C, T/2)
        return x.float().transpose(1, 2)  # -> (B, T/2, C)
