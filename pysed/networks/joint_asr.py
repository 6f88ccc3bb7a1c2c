"""A network with recogniser features whose recogniser's last layers are trained with it.

For training only: what is left of it is the network by itself and the layers' new weights, by which the recogniser
computes its features as ever.
"""

from collections.abc import Callable

import torch
from torch import nn

from pysed.kaldi.nnet3.split import UpperLayers


class JointAsr(nn.Module):
    """``detector``, fed with the features that ``upper`` computes from what lies below it.

    rows_of: clips' numbers (B,) -> (B, chunks, R, D), the cached values below; grid: (T100, T30), the recogniser's rows
    to frames of 100 ms; shift, scale: (A,), the features' normalisation, by the clip's mean first where by_clip.
    """

    grid: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        detector: nn.Module,
        upper: UpperLayers,
        rows_of: Callable[[torch.Tensor], torch.Tensor],
        grid: torch.Tensor,
        shift: torch.Tensor,
        scale: torch.Tensor,
        by_clip: bool,
    ):
        super().__init__()
        self.detector, self.upper, self.rows_of, self.by_clip = detector, upper, rows_of, by_clip
        for name, value in (("grid", grid), ("shift", shift), ("scale", scale)):
            self.register_buffer(name, value, persistent=False)

    @property
    def bfloat16_maps(self) -> bool:
        """The detector's switch."""
        return self.detector.bfloat16_maps  # type: ignore[return-value]

    @bfloat16_maps.setter
    def bfloat16_maps(self, value: bool) -> None:
        self.detector.bfloat16_maps = value  # type: ignore[assignment]

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """features: (B, T, F) normalised; places: (B, T100, 2), of each frame its clip's number and its own there."""
        asr = self.asr_features(places[:, 0, 0].long())  # (B, all T100, A)
        chosen = places[..., 1].long().unsqueeze(-1).expand(-1, -1, asr.shape[-1])
        return self.detector(features, asr.gather(1, chosen))

    def asr_features(self, clips: torch.Tensor) -> torch.Tensor:
        """Normalised recogniser features of whole clips. clips: (B,) -> (B, T100, A)."""
        rows = self.rows_of(clips)
        outputs = self.upper(rows.flatten(0, 1)).unflatten(0, rows.shape[:2]).flatten(1, 2)  # (B, T30, A)
        asr = self.grid @ outputs[:, : self.grid.shape[1]]
        if self.by_clip:
            asr = asr - asr.mean(dim=1, keepdim=True)
        return (asr - self.shift) * self.scale
