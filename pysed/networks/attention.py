"""Spectral and temporal attention (paper 2.3.2), scaled to start as the identity.

A softmax over n values has mean 1/n: multiplied on as it is, it shrinks its input by that factor and training stalls
(300 frames: by 300). Both attentions here multiply by n, so that equal attention leaves the input as it was.
The choices the paper leaves open are argued in docs/models.md.
"""

import torch
from torch import nn


class SpectralAttention(nn.Module):
    """A weight for every frequency value of every frame (equation 7), mean 1 over a frame.

    dense(hidden) -> tanh -> dense(F) -> softmax over F -> times F. The second dense layer starts at zero: identity.
    """

    def __init__(self, num_values: int, hidden: int):
        super().__init__()
        self.squeeze = nn.Linear(num_values, hidden)
        self.expand = nn.Linear(hidden, num_values)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F) -> (B, T, F), weighted."""
        weights = torch.softmax(self.expand(torch.tanh(self.squeeze(x))), dim=-1)
        return x * weights * x.shape[-1]


class TemporalAttention(nn.Module):
    """One weight a frame, multiplied onto the dense layer's output (equation 5): dense(N) -> softmax -> max over N.

    The softmax runs over the N units of each frame, so a frame's weight depends on nothing but its own context:
    a detector may be run on files of any length, or live. A frame on which one unit stands out gets up to N times the
    weight of a frame on which none does.
    """

    def __init__(self, num_features: int, hidden: int):
        super().__init__()
        self.dense = nn.Linear(num_features, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, C) -> (B, T, N)."""
        hidden = self.dense(x)
        weights = torch.softmax(hidden, dim=-1).amax(dim=-1, keepdim=True)
        return hidden * weights * hidden.shape[-1]
