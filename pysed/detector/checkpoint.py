"""The trained detector as one self-contained file, and the state a killed run goes on from."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed.atomic import atomic_open
from pysed.detector.config import SystemConfig
from pysed.detector.entries import REMEDY, checked_model, read_plain
from pysed.detector.exported import check_sums
from pysed.detector.shipped import find_model, shipped
from pysed.errors import DataError
from pysed.features.frontend import frames_per_label
from pysed.features.normalise import apply_normalisation

FORMAT = 2


def save(path: str | os.PathLike, content: dict[str, Any]) -> None:
    """Write plain types and tensors, whole or not at all; the same content gives the same bytes."""
    buffer = io.BytesIO()  # torch would name what is inside after the file, and hide that a disk is full
    torch.save(content, buffer)
    with atomic_open(path, "wb") as stream:
        stream.write(buffer.getbuffer())


def load(path: str | os.PathLike) -> dict[str, Any]:
    """Read what save() wrote, nothing executable; DataError if it is missing or not such a file."""
    content = read_plain(path)
    if not isinstance(content, dict) or type(content.get("format")) is not int or content["format"] != FORMAT:
        raise DataError(f"{path}: not a checkpoint of this version's format {FORMAT}; {REMEDY}")
    return content


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network with all that it was trained with: features in, frame scores out."""

    config: SystemConfig
    event: str
    model: torch.nn.Module
    normalisation: dict[str, dict]
    frontend: dict[str, Any] | None  # FrontEnd.as_dict()
    asr: dict[str, Any] | None  # {"model": folder, "layer": node, "dim": A}
    t_base: float
    beta: float
    max_gap_s: float | None
    low_ratio: float
    seed: int
    window_s: float | None = None  # length of the clips it was trained on; None: not noted, before it was kept
    folder: Path = Path()  # where it was read from

    @property
    def frames_per_label(self) -> int:
        """Feature frames to a score, by the front end."""
        return frames_per_label(self.frontend)

    @property
    def scores_onsets(self) -> bool:
        """Whether it scores onsets too, by which events are then found (pysed.decision.onsets)."""
        return getattr(self.config.network, "onsets", False)

    def scores(self, features: np.ndarray, asr: np.ndarray | None = None) -> np.ndarray:
        """Event probability of each 100 ms frame.

        features: (T, F) unnormalised, n = frames_per_label frames to a score; asr: (ceil(T / n), A) unnormalised on the
        100 ms grid or None -> (ceil(T / n),) float32. The last frame is repeated to fill a score's.
        """
        return self.scores_of_clips(features[None], None if asr is None else asr[None])[0]

    def scores_of_clips(self, features: np.ndarray, asr: np.ndarray | None = None) -> np.ndarray:
        """As scores(), of clips of equal length: (N, T, F), (N, ceil(T / n), A) or None -> (N, ceil(T / n))."""
        tracks = self.tracks_of_clips(features, asr)
        return tracks[..., 0] if tracks.ndim == 3 else tracks

    def tracks_of_clips(self, features: np.ndarray, asr: np.ndarray | None = None) -> np.ndarray:
        """As scores_of_clips(), and of a network that scores onsets (N, ceil(T / n), 2), with those."""
        return predict(self.model, *self.inputs_of_clips(features, asr))

    def inputs_of_clips(self, features: np.ndarray, asr: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """What the network takes, of scores_of_clips()'s arguments: whole scores' frames, normalised, float32."""
        if (asr is not None) != self.config.asr:
            raise ValueError(f"system {self.config.system} takes {'two streams' if self.config.asr else 'one stream'}")
        x = np.asarray(features, dtype=np.float32)
        missing = -x.shape[1] % self.frames_per_label
        if missing:
            x = np.concatenate((x, np.repeat(x[:, -1:], missing, axis=1)), axis=1)
        x = apply_normalisation(x, self.normalisation["features"])
        if asr is not None:
            asr = apply_normalisation(np.asarray(asr, dtype=np.float32), self.normalisation["asr"])
        return x, asr


def predict(model: torch.nn.Module, features: np.ndarray, asr: np.ndarray | None, batch_size: int = 16) -> np.ndarray:
    """Scores (N, T100), or (N, T100, 2) with those of onsets, of normalised clips (N, T, F), (N, T100, A) or None.

    The model is left in evaluation mode.
    """
    model.eval()
    device = next(model.parameters()).device
    scores = []
    with torch.inference_mode():
        for first in range(0, len(features), batch_size):
            part = slice(first, first + batch_size)
            x = torch.from_numpy(np.ascontiguousarray(features[part])).to(device)
            second = None if asr is None else torch.from_numpy(np.ascontiguousarray(asr[part])).to(device)
            scores.append(torch.sigmoid(model(x, second)).float().cpu().numpy())
    return np.concatenate(scores)


def load_network(path: str | os.PathLike, device: str = "cpu") -> TrainedNetwork:
    """The trained network in a model folder (its ``final.pt``) or a checkpoint file, or of that name in the package.

    Raises DataError if there is none, and for an exported folder that was changed.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"device {device!r}: {reason}; expected cpu, or cuda or cuda:N of this computer") from None
    path = checkpoint_of(path)
    check_sums(path.parent)
    content = load(path)
    if "normalisation" not in content:
        raise DataError(f"{path}: the state of an unfinished run; finish its training, then use final.pt")
    config, model = checked_model(content, str(path))
    normalisation = {
        name: {key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in statistics.items()}
        for name, statistics in content["normalisation"].items()
        if name == "features" or config.asr
    }
    return TrainedNetwork(
        config,
        content["event"],
        model.to(device).eval(),
        normalisation,
        content["frontend"],
        content["asr"],
        content["t_base"],
        content["beta"],
        content["max_gap_s"],
        content.get("low_ratio", 1.0),
        content["seed"],
        content.get("window_s"),
        path.parent,
    )


def checkpoint_of(name: str | os.PathLike) -> Path:
    """A model folder's final.pt, or the file itself; DataError names the models below a folder without one."""
    path = find_model(name)
    if not path.exists() and (names := shipped()):
        raise DataError(f"{path}: no such file or folder; detectors that are here by name: {', '.join(names)}")
    if not path.is_dir():
        return path
    if not (path / "final.pt").is_file():
        below = [
            str(found.parent) for depth in ("*", "*/*", "*/*/*") for found in sorted(path.glob(f"{depth}/final.pt"))
        ]
        if below:
            more = f" and {len(below) - 5} more" if len(below) > 5 else ""
            raise DataError(f"{path}: no final.pt in it; models below it: {', '.join(below[:5])}{more}")
    return path / "final.pt"
