"""The gradual network that also says which scene the background is: two tasks, one body."""

import torch
from torch import nn

from pysed.networks.crnn import Crnn, CrnnConfig
from pysed.networks.network import Inputs


class Multitask(Crnn):
    """Crnn, and a dense layer on the mean over time of what its classifier looks at: a logit a scene."""

    Config = CrnnConfig
    tells_scenes = True

    def __init__(self, config: CrnnConfig, inputs: Inputs):
        super().__init__(config, inputs)
        self.scene = nn.Linear(self.hidden_dim, inputs.num_scenes)

    def with_scene(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs as forward's -> (forward's logits, scene logits (B, num_scenes))."""
        x = self.hidden(features, asr)
        return self.logits(x), self.scene(x.mean(dim=1))
