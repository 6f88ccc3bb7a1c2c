"""Spectral and temporal attention (paper 2.3.2), scaled so that equal attention is the identity, or as printed.

A softmax over n values has mean 1/n: multiplied on as it is, it shrinks its input by that factor and training stalls
(300 frames: by 300). So the attentions here multiply by n, unless they are ``scaled=False``, which is what is printed.
The choices the paper leaves open are argued in docs/models.md, what is printed in docs/paper.md.
"""

import torch
from torch import nn


class SpectralAttention(nn.Module):
    """A weight for every frequency value of every frame (equation 7), mean 1 over a frame.

    dense(hidden) -> tanh -> dense(F) -> softmax over F -> times F. The second dense layer starts at zero: identity.
    """

    def __init__(self, num_values: int, hidden: int, scaled: bool = True):
        super().__init__()
        self.factor = num_values if scaled else 1
        self.squeeze = nn.Linear(num_values, hidden)
        self.expand = nn.Linear(hidden, num_values)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F) -> (B, T, F), weighted."""
        weights = torch.softmax(self.expand(torch.tanh(self.squeeze(x))), dim=-1)
        return x * weights * self.factor


class PooledSpectralAttention(nn.Module):
    """The paper's words and its formula without a layer that it does not name: dense(N) -> softmax over N -> maximum.

    pool "time" is the text's: of each unit the maximum over the clip's frames, N weights for the whole clip. They
    cannot multiply F values, so each is the weight of an equal stretch of the frequency axis: value v has that of unit
    v·N // F. pool "units" is equation 6's: the maximum over the units, one weight a frame.
    """

    def __init__(self, num_values: int, hidden: int, pool: str, scaled: bool = True):
        super().__init__()
        self.pool = pool
        self.factor = hidden if scaled else 1
        self.dense = nn.Linear(num_values, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F) -> (B, T, F), weighted."""
        weights = torch.softmax(self.dense(x), dim=-1) * self.factor  # (B, T, N)
        if self.pool == "units":
            return x * weights.amax(dim=-1, keepdim=True)
        unit_of = torch.arange(x.shape[-1], device=x.device) * weights.shape[-1] // x.shape[-1]
        return x * weights.amax(dim=1, keepdim=True)[..., unit_of]  # (B, 1, N) -> (B, 1, F)


class TemporalAttention(nn.Module):
    """One weight a frame, multiplied onto the dense layer's output (equation 5): dense(N) -> softmax -> max over N.

    The softmax runs over the N units of each frame, so a frame's weight depends on nothing but its own context:
    a detector may be run on files of any length, or live. A frame on which one unit stands out gets up to N times the
    weight of a frame on which none does.
    """

    def __init__(self, num_features: int, hidden: int, scaled: bool = True):
        super().__init__()
        self.factor = hidden if scaled else 1
        self.dense = nn.Linear(num_features, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, C) -> (B, T, N)."""
        hidden = self.dense(x)
        weights = torch.softmax(hidden, dim=-1).amax(dim=-1, keepdim=True)
        return hidden * weights * self.factor
