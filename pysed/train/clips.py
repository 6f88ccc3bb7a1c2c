"""Clips of a data directory, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


class Rows:
    """Some rows of an array that is shared, read as an array of its own: of several folds none copies it."""

    def __init__(self, values: np.ndarray, rows: np.ndarray):
        self.values, self.rows = values, rows
        self.shape, self.dtype = (len(rows), *values.shape[1:]), values.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.values[self.rows[index]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.values[row] for row in self.rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


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
    features: np.ndarray | Rows
    asr: np.ndarray | Rows | None
    labels: np.ndarray
    onset_s: np.ndarray
    scenes: np.ndarray | None = None
    scene_names: tuple[str, ...] = ()
    places: np.ndarray | None = None

    @property
    def frames_per_label(self) -> int:
        """Feature frames to a 100 ms frame: 2 of 50 ms, 5 of 20 ms."""
        return self.features.shape[1] // self.labels.shape[1]
