"""The one-dimensional convolutional recurrent network of Lim et al. (2017): filters along frequency, LSTM back in time.

Only secondary sources were at hand; what they leave open: conf/systems/cnn1d_rnn.yaml.
"""

from dataclasses import dataclass

import torch
from torch import nn

from pysed.config import setting
from pysed.errors import DataError
from pysed.networks import compiled_layers
from pysed.networks.compiled_layers import FILTER_BINS
from pysed.networks.layers import NormReluDropout, dropout, stack_context, to_score_frames
from pysed.networks.network import DetectionNetwork, Inputs


@dataclass(frozen=True)
class Cnn1dRnnConfig:
    """Context of a frame; number of filters; width and number of the LSTM's layers."""

    context_frames: int = setting(2, at_least=0)
    channels: int = setting(64, at_least=1)
    lstm_hidden: int = setting(32, at_least=1)
    lstm_layers: int = setting(2, at_least=1, at_most=100)
    dropout: float = setting(0.25, at_least=0, below=1)


class Cnn1dRnn(DetectionNetwork):
    """Filters over the bins of a frame, each one's maximum over frequency, an LSTM from the last frame to the first."""

    Config = Cnn1dRnnConfig

    def __init__(self, config: Cnn1dRnnConfig, inputs: Inputs):
        super().__init__()
        self.context = config.context_frames
        self.frames_per_label = inputs.frames_per_label
        self.dropout = config.dropout
        num_values = inputs.num_features * (2 * config.context_frames + 1)
        if num_values < FILTER_BINS:
            raise DataError(
                f"{inputs.frontend}: {num_values} values a frame; expected {FILTER_BINS} or more, the width of model "
                "cnn1d_rnn's filters; choose more bins"
            )
        self.conv = nn.Conv2d(1, config.channels, (FILTER_BINS, 1), bias=False)
        self.norm = NormReluDropout(config.channels, config.dropout)
        self.lstm = nn.LSTM(
            config.channels,
            config.lstm_hidden,
            config.lstm_layers,
            batch_first=True,
            dropout=config.dropout if config.lstm_layers > 1 else 0.0,
        )
        self.classifier = nn.Linear(config.lstm_hidden, 1)
        self.conv.weight.data = self.conv.weight.data.to(memory_format=torch.channels_last)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of frames_per_label; asr: None -> logits (B, T100)."""
        x = self.lstm(self.frame_vectors(features).flip(1))[0].flip(1)  # (B, T, H)
        x = dropout(x, self.dropout, self.training)
        return to_score_frames(self.classifier(x).squeeze(-1), self.frames_per_label)

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """Each filter's maximum over frequency. features: (B, T, F) -> (B, T, C)."""
        x = stack_context(features, self.context)
        if compiled_layers.usable(x) and compiled_layers.filters_fit(x, self.conv.out_channels):
            x = self.norm(compiled_layers.FilterMaximum.apply(x, self.conv.weight), compiled=True)  # (B, C, 1, T)
            return x.squeeze(2).transpose(1, 2)  # -> (B, T, C)
        x = x.transpose(1, 2).unsqueeze(1)  # (B, T, F) -> (B, 1, F, T)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_maps):
            x = self.conv(x)  # (B, C, F - 31, T)
            x = self.norm(x.amax(dim=2, keepdim=True))  # (B, C, 1, T)
        return x.squeeze(2).to(features.dtype).transpose(1, 2)  # -> (B, T, C)

    def superfluous_flops(self, num_frames: int, num_bins: int) -> float:
        """The filters' gradient at all places but the one of the maximum."""
        num_values = num_bins * (2 * self.context + 1)
        return 2 * self.conv.out_channels * FILTER_BINS * num_frames * (num_values - FILTER_BINS)
