"""Fewer frames: the mean of a few neighbours (paper 2.2)."""

import numpy as np


def average_frames(rows: np.ndarray, num_frames: int) -> np.ndarray:
    """Mean of each ``num_frames`` rows: (T, F) -> (ceil(T / num_frames), F), of the input's type.

    A last group that is short is filled by repeating its last row. Raises ValueError for ``num_frames`` below 1.
    """
    if num_frames < 1:
        raise ValueError(f"{num_frames} frames to average; expected 1 or more")
    rows = np.asarray(rows)
    if not len(rows):
        return rows
    missing = -len(rows) % num_frames
    if missing:
        rows = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
    # (T, F) -> (T / num_frames, num_frames, F)
    return rows.reshape(-1, num_frames, rows.shape[1]).mean(axis=1, dtype=np.float64).astype(rows.dtype)
