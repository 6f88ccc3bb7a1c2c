"""What ``cbrnn`` and ``crnn`` share: their keys, and their end, a GRU with recogniser features before or after it."""

from dataclasses import dataclass

import torch
from torch import nn

from pysed.config import setting
from pysed.networks.layers import Dropout, Gru, dense_layers
from pysed.networks.network import DetectionNetwork

_RARE = -5.0  # the logit that onsets begin training from: of 300 frames one has an onset


@dataclass(frozen=True)
class RecurrentConfig:
    """Its attentions, the sizes of its layers, and where recogniser features enter."""

    context_frames: int = setting(2, at_least=0)
    spectral_attention: bool = setting(True)
    spectral_hidden: int = setting(32, at_least=1)
    channels: int = setting(64, at_least=1)
    temporal_attention: bool = setting(True)
    temporal_hidden: int = setting(200, at_least=1)
    gru_hidden: int = setting(32, at_least=1)
    gru_layers: int = setting(2, at_least=1, at_most=100)
    bidirectional: bool = setting(True)  # the GRU
    dropout: float = setting(0.25, at_least=0, below=1)
    asr_dropout: float = setting(0.3, at_least=0, below=1)
    asr_entry: str = setting("classifier", choices=("classifier", "gru"))
    classifier_hidden: int = setting(0, at_least=0)  # 0: the classifier is one dense layer
    onsets: bool = setting(False)  # a second logit a frame: an event begins in it


class RecurrentNetwork(DetectionNetwork):
    """A network that ends in a GRU and a dense classifier; ``hidden`` gives what the classifier looks at."""

    takes_asr = True

    def make_end(self, config: RecurrentConfig, num_values: int, asr_dim: int, gru_dropout: bool = True) -> None:
        """``asr_dropout``, ``gru`` (with dropout between its layers) and ``classifier``, on ``num_values`` a frame."""
        self.asr_entry = config.asr_entry
        self.asr_dropout = Dropout(config.asr_dropout)
        self.gru = Gru(
            num_values + (asr_dim if self.asr_entry == "gru" else 0),
            config.gru_hidden,
            config.gru_layers,
            batch_first=True,
            bidirectional=config.bidirectional,
            dropout=config.dropout if gru_dropout and config.gru_layers > 1 else 0.0,
        )
        self.hidden_dim = config.gru_hidden * (2 if config.bidirectional else 1)
        self.hidden_dim += asr_dim if self.asr_entry == "classifier" else 0
        self.scores_onsets = config.onsets
        num_logits = 2 if config.onsets else 1
        self.classifier: nn.Module = nn.Linear(self.hidden_dim, num_logits)
        if config.classifier_hidden:
            self.classifier = dense_layers(
                self.hidden_dim, config.classifier_hidden, 1, config.dropout, num_out=num_logits
            )
        if config.onsets:
            last = [layer for layer in self.classifier.modules() if isinstance(layer, nn.Linear)][-1]
            nn.init.constant_(last.bias[1:], _RARE)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of the frames to a score; asr: (B, T100, A) normalised or None
        -> logits (B, T100), or (B, T100, 2)."""
        return self.logits(self.hidden(features, asr))

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Of what the classifier looks at (B, T100, hidden_dim): (B, T100), or (B, T100, 2)."""
        logits = self.classifier(hidden)
        return logits if self.scores_onsets else logits.squeeze(-1)

    def hidden(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """What the classifier looks at; inputs as forward's -> (B, T100, hidden_dim)."""
        raise TypeError(f"{type(self).__name__} defines no hidden()")
