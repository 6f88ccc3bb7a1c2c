"""The challenge's baseline (DCASE 2017 task 2): each frame by itself, with its neighbours, through dense layers."""

from dataclasses import dataclass

import torch

from pysed.config import setting
from pysed.networks.layers import dense_layers, stack_context, to_score_frames
from pysed.networks.network import DetectionNetwork, Inputs


@dataclass(frozen=True)
class MlpConfig:
    """Context of a frame; width and number of the hidden layers."""

    context_frames: int = setting(2, at_least=0)
    dense_hidden: int = setting(50, at_least=1)
    dense_layers: int = setting(2, at_least=0, at_most=100)
    dropout: float = setting(0.25, at_least=0, below=1)


class Mlp(DetectionNetwork):
    """Frames with context -> dense_layers of dense_hidden units -> a logit a frame, averaged to 100 ms."""

    Config = MlpConfig

    def __init__(self, config: MlpConfig, inputs: Inputs):
        super().__init__()
        self.context = config.context_frames
        self.frames_per_label = inputs.frames_per_label
        num_values = inputs.num_features * (2 * config.context_frames + 1)
        self.classifier = dense_layers(num_values, config.dense_hidden, config.dense_layers, config.dropout)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of frames_per_label; asr: None -> logits (B, T100)."""
        logits = self.classifier(stack_context(features, self.context)).squeeze(-1)  # (B, T)
        return to_score_frames(logits, self.frames_per_label)
