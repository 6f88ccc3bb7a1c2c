"""Trained networks as detectors: one whose scores are calibrated, and several as the mean of their probabilities."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from pysed.networks.network import DetectionNetwork


class Calibrated(DetectionNetwork):
    """A network and the calibration of its scores, sigmoid(slope · logit + offset); those of onsets have their own."""

    slope: torch.Tensor
    offset: torch.Tensor

    def __init__(self, network: DetectionNetwork):
        super().__init__()
        self.network, self.scores_onsets = network, network.scores_onsets
        tracks = (2,) if network.scores_onsets else ()
        self.register_buffer("slope", torch.ones(tracks))
        self.register_buffer("offset", torch.zeros(tracks))

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """Inputs as the network's -> its logits, calibrated."""
        return self.slope * self.network(features, asr) + self.offset

    def with_scene(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs as the network's -> (its logits, calibrated, and its scene logits as they are)."""
        logits, scenes = self.network.with_scene(features, asr)
        return self.slope * logits + self.offset, scenes


class Part(Calibrated):
    """A calibrated network with its own normalisation."""

    shift: torch.Tensor
    scale: torch.Tensor
    asr_shift: torch.Tensor
    asr_scale: torch.Tensor

    def __init__(self, network: DetectionNetwork, num_features: int, asr_dim: int):
        super().__init__(network)
        for name, width in (("shift", num_features), ("asr_shift", asr_dim)):
            self.register_buffer(name, torch.zeros(width))
        for name, width in (("scale", num_features), ("asr_scale", asr_dim)):
            self.register_buffer(name, torch.ones(width))

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F), asr: (B, T100, A) or None, as Ensemble takes them -> calibrated logits."""
        if asr is not None:
            asr = (asr - self.asr_shift) * self.asr_scale
        return super().forward((features - self.shift) * self.scale, asr)


class Ensemble(DetectionNetwork):
    """The logit of the mean probability of all parts.

    Its inputs are normalised with shift 0 and scale 1, that is, a clip's own mean taken out at most: each part has a
    shift and a scale of its own, those of the recordings that it was trained on.
    """

    def __init__(self, networks: list[DetectionNetwork], num_features: int, asr_dim: int = 0):
        super().__init__()
        self.scores_onsets = networks[0].scores_onsets
        self.parts = nn.ModuleList(Part(network, num_features, asr_dim) for network in networks)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "bfloat16_maps":  # set by whoever runs the network
            for part in self.parts:
                part.network.bfloat16_maps = value  # type: ignore[union-attr]
        else:
            super().__setattr__(name, value)

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F); asr: (B, T100, A) or None -> logits (B, T100), or (B, T100, 2)."""
        logits = torch.stack([part(features, asr) for part in self.parts])
        # log p - log (1 - p) of the mean p; the number of parts cancels out
        return functional.logsigmoid(logits).logsumexp(dim=0) - functional.logsigmoid(-logits).logsumexp(dim=0)
