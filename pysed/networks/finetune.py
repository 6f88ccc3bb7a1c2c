"""The fine-tuning network (paper 3): dense layers on the recogniser's pre-final features, nothing else."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from pysed.errors import DataError
from pysed.networks.layers import Dropout, dense_layers

if TYPE_CHECKING:
    from pysed.train.config import SystemConfig


def build(config: "SystemConfig", num_features: int, asr_dim: int, frames_per_label: int) -> "FineTune":
    """The network of a configuration. Raises DataError for a system without recogniser features."""
    if not asr_dim:
        raise DataError(f"{config.system}: model {config.model} has no other input; set asr: true")
    return FineTune(config, asr_dim)


class FineTune(nn.Module):
    """Recogniser features -> dropout -> dense_layers of dense_hidden units -> a logit a score frame.

    The paper's softmax over {event, none} is the sigmoid of the difference of its two logits: one logit does.
    """

    def __init__(self, config: "SystemConfig", asr_dim: int):
        super().__init__()
        self.bfloat16_maps = False  # set by whoever runs the network; there are no maps here
        self.asr_dropout = Dropout(config.asr_dropout)
        self.classifier = dense_layers(asr_dim, config.dense_hidden, config.dense_layers, config.dropout)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: not looked at; asr: (B, T100, A) normalised -> logits (B, T100)."""
        assert asr is not None
        return self.classifier(self.asr_dropout(asr)).squeeze(-1)
