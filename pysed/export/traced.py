"""What is written as ONNX: a detector from features to scores, and a recogniser from its inputs to a layer's output.

Both are plain torch modules, to be traced with any number of frames.
"""

import torch
from torch import nn

from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.steps import BATCH, Values

#: Operations whose values depend on where a chunk ends.
_OF_CHUNKS = ("extract", "pool")


class Normalised(nn.Module):
    """apply_normalisation() of features.normalise by given statistics: (B, T, F) -> the same."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, statistics: dict):
        super().__init__()
        self.by_clip = statistics["kind"] == "clip"
        for name in ("shift", "scale"):
            self.register_buffer(name, torch.as_tensor(statistics[name]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, F) -> the same."""
        if self.by_clip:
            x = x - x.mean(dim=1, keepdim=True)
        return (x - self.shift) * self.scale


class ScoresOfFeatures(nn.Module):
    """TrainedNetwork.tracks_of_clips(), of whole scores' frames."""

    def __init__(self, network: TrainedNetwork):
        super().__init__()
        self.model = network.model
        self.features = Normalised(network.normalisation["features"])
        self.asr = Normalised(network.normalisation["asr"]) if network.config.asr else None

    def forward(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> torch.Tensor:
        """features: (B, T, F), asr: (B, T100, A) or None, neither normalised -> scores (B, T100) in [0, 1], or those
        of onsets too, (B, T100, 2)."""
        second = None if asr is None or self.asr is None else self.asr(asr)
        return torch.sigmoid(self.model(self.features(features), second))


class LayerOfInputs(nn.Module):
    """NnetComputer.compute(), chunks and the choice of their i-vectors included.

    Raises DataError for a network whose values depend on where a chunk ends: one that is recurrent, or that pools
    over time.
    """

    frames: torch.Tensor

    def __init__(self, computer: NnetComputer):
        super().__init__()
        kinds = {op.kind for op in computer.computation.ops.values()}
        if computer.computation.cycles or kinds.intersection(_OF_CHUNKS):
            raise DataError(
                f"{computer.nnet.place}: a recurrent network, or one that pools over time, is not written as ONNX; "
                "export the detector without --format onnx"
            )
        self.plan = computer.whole_chunk()
        options = computer.options
        self.step, self.period = options.frame_subsampling_factor, options.online_ivector_period
        self.per_chunk = computer.frames_per_chunk // self.step  # rows
        self.output_dim = computer.output_dim
        self.register_buffer("frames", torch.from_numpy(self.plan.frames["input"]))

    def forward(self, feats: torch.Tensor, ivectors: torch.Tensor | None = None) -> torch.Tensor:
        """feats: (T, F); ivectors: (P, I), one every ``period`` frames, or None -> (ceil(T / step), D)."""
        num_frames = torch._shape_as_tensor(feats)[0]
        num_rows = torch.div(num_frames + self.step - 1, self.step, rounding_mode="floor")
        num_chunks = torch.div(num_rows + self.per_chunk - 1, self.per_chunk, rounding_mode="floor")
        first = torch.arange(num_chunks) * self.per_chunk  # type: ignore[call-overload]  # rows
        index = (self.frames[:, None] + first * self.step).clamp(min=0)  # (frames, chunks)
        chunks = feats[torch.minimum(index, num_frames - 1)]  # (frames, chunks, F)
        values: Values = {BATCH: chunks[:1, :, :0], "input": chunks}
        if ivectors is not None and "ivector" in self.plan.frames:
            span = (torch.minimum(num_rows - first, torch.tensor(self.per_chunk)) - 1) * self.step
            middle = first * self.step + torch.div(span, 2, rounding_mode="floor")
            row = torch.div(middle, self.period, rounding_mode="floor")
            values["ivector"] = ivectors[torch.minimum(row, torch._shape_as_tensor(ivectors)[0] - 1)][None]
        rows = self.plan.run(values).transpose(0, 1).reshape(-1, self.output_dim)  # (chunks · rows, D)
        return rows[:num_rows]
