"""Clips of a data directory, in memory."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clips:
    """Clips of equal length, features unnormalised.

    features: (N, T, F) float32, frames_per_label frames to a label; asr: (N, T100, A) float32 or None; labels:
    (N, T100) float32, 1 where the event is, else 0, frame t covering [0.1·t, 0.1·(t+1)) seconds; onset_s: (N,) float64,
    NaN for clips without an event. scenes: (N,) int64, each clip's place in ``scene_names``, or None where the system
    does not ask for scenes. places: (N, T100, 2) int64, of each frame the clip and the frame there, by which a
    recogniser that is trained along finds its features; asr is None then.
    """

    names: list[str]
    features: np.ndarray
    asr: np.ndarray | None
    labels: np.ndarray
    onset_s: np.ndarray
    scenes: np.ndarray | None = None
    scene_names: tuple[str, ...] = ()
    places: np.ndarray | None = None

    @property
    def frames_per_label(self) -> int:
        """Feature frames to a 100 ms frame: 2 of 50 ms, 5 of 20 ms."""
        return self.features.shape[1] // self.labels.shape[1]
