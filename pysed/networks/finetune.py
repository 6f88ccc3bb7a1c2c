"""The fine-tuning network (paper 3): dense layers on the recogniser's pre-final features, nothing else."""

from dataclasses import dataclass

import torch

from pysed.config import setting
from pysed.networks.layers import Dropout, dense_layers
from pysed.networks.network import DetectionNetwork, Inputs


@dataclass(frozen=True)
class FineTuneConfig:
    """Width and number of the hidden layers."""

    dense_hidden: int = setting(50, at_least=1)
    dense_layers: int = setting(2, at_least=0, at_most=100)
    dropout: float = setting(0.25, at_least=0, below=1)
    asr_dropout: float = setting(0.3, at_least=0, below=1)
    softmax: bool = setting(False)  # two logits, of event and none, as printed


class FineTune(DetectionNetwork):
    """Recogniser features -> dropout -> dense_layers of dense_hidden units -> a logit a score frame.

    The paper's softmax over {event, none} is the sigmoid of the difference of its two logits: one logit does. Trained
    at one learning rate the two are faster than the one; ``softmax`` keeps both and returns their difference.
    """

    Config = FineTuneConfig
    takes_asr = needs_asr = True

    def __init__(self, config: FineTuneConfig, inputs: Inputs):
        super().__init__()
        self.asr_dropout = Dropout(config.asr_dropout)
        self.classifier = dense_layers(
            inputs.asr_dim, config.dense_hidden, config.dense_layers, config.dropout, 2 if config.softmax else 1
        )

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: not looked at; asr: (B, T100, A) normalised -> logits (B, T100)."""
        assert asr is not None
        logits = self.classifier(self.asr_dropout(asr))  # (B, T100, 1), or (B, T100, 2) of event and none
        return logits[..., 0] if logits.shape[-1] == 1 else logits[..., 0] - logits[..., 1]
