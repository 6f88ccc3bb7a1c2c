"""Clips of a data directory, in memory."""

from dataclasses import dataclass

import numpy as np

HOP_S = 0.1  # of labels and scores
FRAMES_PER_LABEL = 2  # feature frames of 50 ms


@dataclass(frozen=True)
class Clips:
    """Clips of equal length, features unnormalised.

    features: (N, T, F) float32; asr: (N, T/2, A) float32 or None; labels: (N, T/2) float32, 1 where the event is, else
    0, frame t covering [0.1·t, 0.1·(t+1)) seconds; onset_s: (N,) float64, NaN for clips without an event.
    """

    names: list[str]
    features: np.ndarray
    asr: np.ndarray | None
    labels: np.ndarray
    onset_s: np.ndarray
