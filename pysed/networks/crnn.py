"""The convolutional recurrent network of Cakir & Virtanen (2017), with the attentions of Shen et al. (2019).

Without attention it is the former's: three convolutions that pool over frequency only, a GRU, a logit a frame. With
``temporal_attention``, and with ``spectral_attention`` too, it is the latter's two; on frames of 50 ms and narrower, it
is the body of ``cbrnn``, and with recogniser features beside the GRU's output of ``gradual`` (docs/models.md says why).
What the sources leave open: conf/systems/crnn*.yaml.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from pysed.config import setting
from pysed.errors import DataError
from pysed.networks import compiled_layers
from pysed.networks.attention import SpectralAttention, TemporalAttention
from pysed.networks.layers import Dropout, Gru, NormReluDropout, dense_layers, dropout, stack_context
from pysed.networks.network import DetectionNetwork, Inputs

_KERNEL = 5
_POOLS = (5, 4, 2)  # of frequency, after each convolution; time keeps its frames


@dataclass(frozen=True)
class CrnnConfig:
    """Its attentions, and the sizes of its layers."""

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


class Crnn(DetectionNetwork):
    """[Spectral attention,] three convolutions, [temporal attention,] GRU, dense layer; 100 ms at the very end."""

    Config = CrnnConfig
    takes_asr = True

    def __init__(self, config: CrnnConfig, inputs: Inputs):
        super().__init__()
        self.context = config.context_frames
        self.frames_per_label = inputs.frames_per_label
        self.dropout = config.dropout
        channels = self.channels = config.channels
        num_values = rows = inputs.num_features * (2 * config.context_frames + 1)
        for pool in _POOLS:
            rows //= pool
        if not rows:
            raise DataError(
                f"{inputs.frontend}: {num_values} values a frame; expected 40 or more, which the pools of model "
                "crnn need; choose more bins"
            )
        self.spectral = SpectralAttention(num_values, config.spectral_hidden) if config.spectral_attention else None
        convolutions = [
            nn.Conv2d(channels if index else 1, channels, _KERNEL, padding=_KERNEL // 2, bias=False)
            for index in range(len(_POOLS))
        ]
        for conv in convolutions:
            conv.weight.data = conv.weight.data.to(memory_format=torch.channels_last)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(NormReluDropout(channels, config.dropout) for _ in _POOLS)
        into_gru = channels * rows
        self.temporal = TemporalAttention(into_gru, config.temporal_hidden) if config.temporal_attention else None
        self.asr_entry = config.asr_entry
        into_gru = into_gru if self.temporal is None else config.temporal_hidden
        self.gru = Gru(
            into_gru + (inputs.asr_dim if self.asr_entry == "gru" else 0),
            config.gru_hidden,
            config.gru_layers,
            batch_first=True,
            bidirectional=config.bidirectional,
            dropout=config.dropout if config.gru_layers > 1 else 0.0,
        )
        self.asr_dropout = Dropout(config.asr_dropout)
        self.hidden_dim = config.gru_hidden * (2 if config.bidirectional else 1)
        self.hidden_dim += inputs.asr_dim if self.asr_entry == "classifier" else 0
        self.classifier: nn.Module = nn.Linear(self.hidden_dim, 1)
        if config.classifier_hidden:
            self.classifier = dense_layers(self.hidden_dim, config.classifier_hidden, 1, config.dropout)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F) normalised, T a multiple of frames_per_label; asr: (B, T100, A) or None -> (B, T100)."""
        return self.classifier(self.hidden(features, asr)).squeeze(-1)

    def hidden(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """What the classifier looks at; inputs as forward's -> (B, T100, hidden_dim)."""
        x = self.frame_vectors(features)
        if self.temporal is not None:
            x = self.temporal(x)
        if asr is not None:
            asr = self.asr_dropout(asr)
        if asr is not None and self.asr_entry == "gru":
            x = torch.cat((x, asr.repeat_interleave(self.frames_per_label, dim=1)), dim=-1)
        x = dropout(self.gru(x), self.dropout, self.training)  # (B, T, H · directions)
        # A score's hidden values are the mean of its frames', and with them its logit is.
        x = x.unflatten(1, (-1, self.frames_per_label)).mean(dim=2)  # (B, T100, H · directions)
        if asr is not None and self.asr_entry == "classifier":
            x = torch.cat((x, asr), dim=-1)
        return x

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """The convolutional part. features: (B, T, F) -> (B, T, C · rows), the rows that the pools leave."""
        x = stack_context(features, self.context)
        if self.spectral is not None:
            x = self.spectral(x)
        x = x.transpose(1, 2).unsqueeze(1)  # (B, T, values) -> (B, 1, values, T)
        maps = torch.bfloat16 if self.bfloat16_maps else torch.float32
        fast = compiled_layers.usable(x, maps) and compiled_layers.first_fits(self.channels)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_maps):
            for conv, norm, pool in zip(self.convolutions, self.norms, _POOLS, strict=True):
                # Pooling before norm, ReLU and dropout, as in cbrnn.py: they pass over a map a fraction the size.
                x = norm(functional.max_pool2d(conv(x), (pool, 1)), fast)
        return x.to(features.dtype).permute(0, 3, 1, 2).flatten(2)  # (B, C, rows, T) -> (B, T, C · rows)
