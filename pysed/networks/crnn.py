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
from pysed.networks.layers import NormReluDropout, dropout, stack_context
from pysed.networks.network import Inputs
from pysed.networks.recurrent import RecurrentConfig, RecurrentNetwork

_KERNEL = 5
_POOLS = (5, 4, 2)  # the first as in compiled_layers.FIRST; of frequency, after each convolution; time keeps its frames


@dataclass(frozen=True)
class CrnnConfig(RecurrentConfig):
    """Also how fine in time its first convolution sees."""

    stacked_frames: int = setting(1, at_least=1, at_most=100)  # so many in a row are one step, a channel each


class Crnn(RecurrentNetwork):
    """[Spectral attention,] three convolutions, [temporal attention,] GRU, dense layer; 100 ms at the very end."""

    Config = CrnnConfig

    def __init__(self, config: CrnnConfig, inputs: Inputs):
        super().__init__()
        self.context, self.stacked = config.context_frames, config.stacked_frames
        if inputs.frames_per_label % self.stacked:
            raise DataError(
                f"{inputs.system}: stacked_frames {self.stacked}; expected a divisor of {inputs.frames_per_label}, the "
                f"frames of {inputs.frontend} to a 100 ms score"
            )
        self.steps_per_label = inputs.frames_per_label // self.stacked
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
            nn.Conv2d(channels if index else self.stacked, channels, _KERNEL, padding=_KERNEL // 2, bias=False)
            for index in range(len(_POOLS))
        ]
        for conv in convolutions:
            conv.weight.data = conv.weight.data.to(memory_format=torch.channels_last)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(NormReluDropout(channels, config.dropout) for _ in _POOLS)
        stacked = channels * rows
        self.temporal = TemporalAttention(stacked, config.temporal_hidden) if config.temporal_attention else None
        values = stacked if self.temporal is None else config.temporal_hidden
        self.make_end(config, values, inputs.asr_dim)

    def hidden(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """What the classifier looks at. features: (B, T, F); asr: (B, T100, A) or None -> (B, T100, H)."""
        x = self.frame_vectors(features)
        if self.temporal is not None:
            x = self.temporal(x)
        if asr is not None:
            asr = self.asr_dropout(asr)
        if asr is not None and self.asr_entry == "gru":
            x = torch.cat((x, asr.repeat_interleave(self.steps_per_label, dim=1)), dim=-1)
        x = dropout(self.gru(x), self.dropout, self.training)  # (B, T, H · directions)
        # A score's hidden values are the mean of its steps', and with them its logit is.
        x = x.unflatten(1, (-1, self.steps_per_label)).mean(dim=2)  # (B, T100, H · directions)
        if asr is not None and self.asr_entry == "classifier":
            x = torch.cat((x, asr), dim=-1)
        return x

    def frame_vectors(self, features: torch.Tensor) -> torch.Tensor:
        """The convolutional part. features: (B, T, F) -> (B, T / stacked_frames, C · rows), rows after the pools."""
        x = stack_context(features, self.context)
        if self.spectral is not None:
            x = self.spectral(x)
        x = x.unflatten(1, (-1, self.stacked)).permute(0, 2, 3, 1)  # (B, T, values) -> (B, stacked, values, steps)
        maps = torch.bfloat16 if self.bfloat16_maps else torch.float32
        fast = compiled_layers.usable(x, maps) and compiled_layers.first_fits(self.channels)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_maps):
            # Pooling before norm, ReLU and dropout, as in cbrnn.py: they pass over a map a fraction the size.
            for index, (conv, norm, pool) in enumerate(zip(self.convolutions, self.norms, _POOLS, strict=True)):
                if index == 0 and fast:
                    x = compiled_layers.FirstConvolution.apply(x.float(), conv.weight, maps)
                else:
                    x = functional.max_pool2d(conv(x), (pool, 1))
                x = norm(x, fast)
        return x.to(features.dtype).permute(0, 3, 1, 2).flatten(2)  # (B, C, rows, steps) -> (B, steps, C · rows)

    def superfluous_flops(self, num_frames: int, num_bins: int) -> float:
        """The first convolution's gradients in all cells of a pooling window but the one of the maximum."""
        forward = 2 * self.channels * _KERNEL**2 * num_bins * (2 * self.context + 1) * num_frames
        passes = 1 if self.spectral is None else 2  # of the weights, and of the input if that is computed
        return passes * forward * (1 - 1 / _POOLS[0])
