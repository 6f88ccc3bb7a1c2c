"""The recogniser's last layers in training: what lies below them computed once, clip by clip, onto disk."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed.detector.config import SystemConfig
from pysed.errors import DataError
from pysed.features.grid import FIRST_CENTRE_S, HOP_S, ROW_SHIFT_S, grid_weights
from pysed.features.of_samples import AsrFeatures, RecogniserInputs
from pysed.kaldi.nnet3.split import LowerLayers, UpperLayers, node_below
from pysed.networks.network import DetectionNetwork
from pysed.train.clips import Clips


class JointAsr(DetectionNetwork):
    """``detector``, a network with recogniser features: those that ``upper`` computes from what lies below it.

    rows_of: clips' numbers (B,) -> (B, chunks, R, D), the cached values below; grid: (T100, T30), the recogniser's rows
    to frames of 100 ms; shift, scale: (A,), the features' normalisation, by the clip's mean first where by_clip.

    For training only: what is left of it is the detector by itself and the layers' new weights, by which the recogniser
    computes its features as ever.
    """

    grid: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        detector: DetectionNetwork,
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
        return self.detector.bfloat16_maps

    @bfloat16_maps.setter
    def bfloat16_maps(self, value: bool) -> None:
        self.detector.bfloat16_maps = value

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """features: (B, T, F) normalised; places: (B, T100, 2), of each frame its clip's number and its own there."""
        asr = self.asr_features(places[:, 0, 0])  # (B, all T100, A)
        chosen = places[..., 1].unsqueeze(-1).expand(-1, -1, asr.shape[-1])
        return self.detector(features, asr.gather(1, chosen))

    def asr_features(self, clips: torch.Tensor) -> torch.Tensor:
        """Normalised recogniser features of whole clips. clips: (B,) -> (B, T100, A)."""
        rows = self.rows_of(clips)
        outputs = self.upper(rows.flatten(0, 1)).unflatten(0, rows.shape[:2]).flatten(1, 2)  # (B, T30, A)
        asr = self.grid @ outputs[:, : self.grid.shape[1]]
        if self.by_clip:
            asr = asr - asr.mean(dim=1, keepdim=True)
        return (asr - self.shift) * self.scale

    def superfluous_flops(self, num_frames: int, num_bins: int) -> float:
        """The detector's."""
        return self.detector.superfluous_flops(num_frames, num_bins)


class JointLayers:
    """The last ``config.asr_layers`` layers of a model, and the values below them of the named clips.

    Reads ``mfcc_hires.scp`` and, for a model with i-vectors, ``ivectors.scp`` of the data directory; ``asr`` says which
    model and node made ``prefinal.scp``. The values lie in a file without a name, which goes with the process.
    """

    def __init__(self, config: SystemConfig, data: Path, names: list[str], asr: dict[str, str] | None):
        if not asr or not asr.get("model"):
            raise DataError(f"{config.system}: asr_layers {config.asr_layers} needs the recogniser: give --asr")
        recogniser = AsrFeatures(asr["model"], asr["layer"])
        nnet, options = recogniser.network.nnet, recogniser.network.options
        below = node_below(nnet, asr["layer"], config.asr_layers)
        self.upper = UpperLayers(nnet, below, asr["layer"], options)
        lower = LowerLayers(nnet, below, self.upper.frames, options)
        self.num_rows = 0
        self.values = np.empty(0, np.float32)
        inputs = RecogniserInputs(data, recogniser)
        for index, name in enumerate(names):
            if name not in inputs:
                raise DataError(f"{data}/mfcc_hires.scp: no utterance {name}; make the recogniser's features anew")
            feats, ivectors = inputs[name]
            rows = lower.rows(feats, ivectors)
            if not index:
                self.num_rows = -(-len(feats) // options.frame_subsampling_factor)
                with tempfile.TemporaryFile(dir=data) as file:
                    self.values = np.memmap(file, np.float32, "w+", shape=(len(names), *rows.shape))
            self.values[index] = rows
        inputs.close()

    def __deepcopy__(self, memo: dict) -> "JointLayers":
        return self  # the averaged network reads the same file

    def __call__(self, clips: torch.Tensor) -> torch.Tensor:
        """Values below of the clips of these numbers, on their device: (B,) -> (B, chunks, R, D)."""
        return torch.from_numpy(self.values[clips.cpu().numpy()]).to(clips.device)

    def join(
        self, model: DetectionNetwork, clips: Clips, valid: Clips, statistics: dict[str, Any]
    ) -> tuple[JointAsr, Clips, Clips]:
        """The network with the layers, and clips that say where each frame is found; ``statistics``: the features'."""
        assert clips.asr is not None
        grid = grid_weights(self.num_rows, ROW_SHIFT_S, FIRST_CENTRE_S, HOP_S, clips.labels.shape[1])
        joint = JointAsr(
            model,
            self.upper,
            self,
            torch.from_numpy(grid.toarray().astype(np.float32)),
            torch.from_numpy(statistics["shift"]),
            torch.from_numpy(statistics["scale"]),
            statistics["kind"] == "clip",
        )
        placed = [
            dataclasses.replace(some, asr=None, places=places(first, *some.labels.shape))
            for first, some in ((0, clips), (len(clips.names), valid))
        ]
        return joint, placed[0], placed[1]

    def parted(self, state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """A joint network's state as the detector's own, and the layers' weights."""
        parts: dict[str, dict[str, torch.Tensor]] = {"detector": {}, "upper": {}}
        for name, value in state.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        return parts["detector"], parts["upper"]


def places(first: int, num_clips: int, num_frames: int) -> np.ndarray:
    """(N, T100, 2) int64: the number of each frame's clip, from ``first``, and the frame's own in it."""
    found = np.empty((num_clips, num_frames, 2), np.int64)
    found[..., 0] = first + np.arange(num_clips)[:, None]
    found[..., 1] = np.arange(num_frames)
    return found
