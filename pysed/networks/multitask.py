"""The gradual network that also says which scene the background is: two tasks, one body."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from pysed.errors import DataError
from pysed.networks.cbrnn import Cbrnn, check_frames_per_label

if TYPE_CHECKING:
    from pysed.train.config import SystemConfig


def build(
    config: "SystemConfig", num_features: int, asr_dim: int, frames_per_label: int, num_scenes: int = 0
) -> "Multitask":
    """The network of a configuration. Raises DataError as cbrnn's, and without scenes to tell apart."""
    check_frames_per_label(config, frames_per_label)
    if not num_scenes:
        raise DataError(f"{config.system}: model {config.model} tells scenes apart; set scene_weight above 0")
    return Multitask(config, num_features, asr_dim, num_scenes)


class Multitask(Cbrnn):
    """Cbrnn, and a dense layer on the mean over time of what its classifier looks at: a logit a scene."""

    def __init__(self, config: "SystemConfig", num_features: int, asr_dim: int, num_scenes: int):
        super().__init__(config, num_features, asr_dim)
        self.scene = nn.Linear(self.hidden_dim, num_scenes)

    def with_scene(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs as forward's -> (logits (B, T/2), scene logits (B, num_scenes))."""
        x = self.hidden(features, asr)
        return self.classifier(x).squeeze(-1), self.scene(x.mean(dim=1))
