"""The one-dimensional convolutional recurrent network of Lim et al. (2017): filters along frequency, LSTM back in time.

Only secondary sources were at hand; what they leave open: conf/systems/cnn1d_rnn.yaml.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from pysed.errors import DataError
from pysed.networks import native
from pysed.networks.layers import NormReluDropout, dropout, refuse_recogniser, stack_context, to_score_frames
from pysed.networks.native import FILTER_BINS

if TYPE_CHECKING:
    from pysed.train.config import SystemConfig


def build(config: "SystemConfig", num_features: int, asr_dim: int, frames_per_label: int) -> "Cnn1dRnn":
    """The network of a configuration. Raises DataError for recogniser features, and for bins too few for a filter."""
    refuse_recogniser(config, asr_dim)
    return Cnn1dRnn(config, num_features, frames_per_label)


class Cnn1dRnn(nn.Module):
    """Filters over the bins of a frame, each one's maximum over frequency, an LSTM from the last frame to the first."""

    def __init__(self, config: "SystemConfig", num_features: int, frames_per_label: int):
        super().__init__()
        self.bfloat16_maps = False  # whether the convolution runs in bfloat16; set by whoever runs the network
        self.context = config.context_frames
        self.frames_per_label = frames_per_label
        self.dropout = config.dropout
        num_values = num_features * (2 * config.context_frames + 1)
        if num_values < FILTER_BINS:
            raise DataError(
                f"{config.frontend}: {num_values} values a frame; expected {FILTER_BINS} or more, the width of model "
                f"{config.model}'s filters; choose more bins"
            )
        self.conv = nn.Conv2d(1, config.channels, (FILTER_BINS, 1), bias=False)
        self.norm = NormReluDropout(config.channels, config.dropout)
        self.lstm = nn.LSTM(
            config.channels,
            config.gru_hidden,
            config.gru_layers,
            batch_first=True,
            dropout=config.dropout if config.gru_layers > 1 else 0.0,
        )
        self.classifier = nn.Linear(config.gru_hidden, 1)
        self.conv.weight.data = self.conv.weight.data.to(memory_format=torch.channels_last)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of frames_per_label; asr: None -> logits (B, T100)."""
        x = self.lstm(self.frame_vectors(features).flip(1))[0].flip(1)  # (B, T, H)
        x = dropout(x, self.dropout, self.training)
        return to_score_frames(self.classifier(x).squeeze(-1), self.frames_per_label)

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """Each filter's maximum over frequency. features: (B, T, F) -> (B, T, C)."""
        x = stack_context(features, self.context)
        if native.usable(x) and native.filters_fit(x, self.conv.out_channels):
            x = self.norm(native.FilterMaximum.apply(x, self.conv.weight), compiled=True)  # (B, C, 1, T)
            return x.squeeze(2).transpose(1, 2)  # -> (B, T, C)
        x = x.transpose(1, 2).unsqueeze(1)  # (B, T, F) -> (B, 1, F, T)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_maps):
            x = self.conv(x)  # (B, C, F - 31, T)
            x = self.norm(functional.max_pool2d(x, (x.shape[2], 1)))  # (B, C, 1, T)
        return x.squeeze(2).to(features.dtype).transpose(1, 2)  # -> (B, T, C)
