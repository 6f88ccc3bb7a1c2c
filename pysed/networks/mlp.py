"""The challenge's baseline (DCASE 2017 task 2): each frame by itself, with its neighbours, through dense layers."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from pysed.networks.layers import dense_layers, refuse_recogniser, stack_context, to_score_frames

if TYPE_CHECKING:
    from pysed.train.config import SystemConfig


def build(config: "SystemConfig", num_features: int, asr_dim: int, frames_per_label: int) -> "Mlp":
    """The network of a configuration. Raises DataError for a system with recogniser features."""
    refuse_recogniser(config, asr_dim)
    return Mlp(config, num_features, frames_per_label)


class Mlp(nn.Module):
    """Frames with context -> dense_layers of dense_hidden units -> a logit a frame, averaged to 100 ms."""

    def __init__(self, config: "SystemConfig", num_features: int, frames_per_label: int):
        super().__init__()
        self.bfloat16_maps = False  # set by whoever runs the network; there are no maps here
        self.context = config.context_frames
        self.frames_per_label = frames_per_label
        num_values = num_features * (2 * config.context_frames + 1)
        self.classifier = dense_layers(num_values, config.dense_hidden, config.dense_layers, config.dropout)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of frames_per_label; asr: None -> logits (B, T100)."""
        logits = self.classifier(stack_context(features, self.context)).squeeze(-1)  # (B, T)
        return to_score_frames(logits, self.frames_per_label)
