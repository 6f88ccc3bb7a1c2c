"""The gradual network that also says which scene the background is: two tasks, one body."""

import torch
from torch import nn

from pysed.networks.cbrnn import Cbrnn, CbrnnConfig
from pysed.networks.network import Inputs


class Multitask(Cbrnn):
    """Cbrnn, and a dense layer on the mean over time of what its classifier looks at: a logit a scene."""

    Config = CbrnnConfig
    tells_scenes = True

    def __init__(self, config: CbrnnConfig, inputs: Inputs):
        super().__init__(config, inputs)
        self.scene = nn.Linear(self.hidden_dim, inputs.num_scenes)

    def with_scene(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs as forward's -> (logits (B, T/2), scene logits (B, num_scenes))."""
        x = self.hidden(features, asr)
        return self.classifier(x).squeeze(-1), self.scene(x.mean(dim=1))
