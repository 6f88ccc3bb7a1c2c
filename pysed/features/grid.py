"""Features of another frame rate brought to the 100 ms grid of the scores.

Method: the rows are samples at their centres of a function of time that is linear in between and constant before the
first and after the last centre; each grid frame takes that function's mean over its [t·hop, (t+1)·hop). Equivalently,
an overlap-weighted mean in which a row's share is a triangle reaching to its neighbours' centres, so that every grid
frame's weights sum to one. Constants stay constant, a linear ramp keeps its value at every frame's centre, and an
impulse keeps its centre of mass (rows taken as boxes would shift a ramp by up to 1 ms).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HOP_S = 0.1  # of labels and scores
#: A chain model's output: a row every 30 ms, the first centred in Kaldi's first 25 ms window.
ROW_SHIFT_S, FIRST_CENTRE_S = 0.03, 0.0125


@lru_cache(maxsize=64)
def grid_weights(
    num_rows: int, row_shift_s: float, first_centre_s: float, hop_s: float, num_frames: int
) -> "csr_array":
    """Weights of rows in grid frames: (num_frames, num_rows), float64, each row summing to one."""
    from scipy.sparse import csr_array  # a fifth of a second that detection without a recogniser saves

    if num_rows < 1 or num_frames < 1 or row_shift_s <= 0 or hop_s <= 0:
        raise ValueError(
            f"{num_rows} rows every {row_shift_s} s to {num_frames} frames of {hop_s} s; expected more than 0 of each"
        )
    edges = np.arange(num_frames + 1) * hop_s
    # (num_frames + 1, num_rows): edges in row shifts from each row's centre
    distance = (edges[:, None] - first_centre_s) / row_shift_s - np.arange(num_rows)
    near = np.clip(distance, -1, 1)
    area = np.where(near < 0, (1 + near) ** 2 / 2, 1 - (1 - near) ** 2 / 2)
    # The first and last rows hold on towards their ends.
    area[:, 0] = np.where(distance[:, 0] < 0, 0.5 + distance[:, 0], area[:, 0])
    area[:, -1] = np.where(distance[:, -1] > 0, 0.5 + distance[:, -1], area[:, -1])
    weights = np.diff(area, axis=0)
    weights /= weights.sum(axis=1, keepdims=True)
    return csr_array(weights)


def to_grid(
    rows: np.ndarray,
    *,
    row_shift_s: float = ROW_SHIFT_S,
    first_centre_s: float = FIRST_CENTRE_S,
    hop_s: float = HOP_S,
    num_frames: int = 300,
) -> np.ndarray:
    """Features on the grid of the scores.

    rows: (N, D), row j centred at first_centre_s + j·row_shift_s seconds -> (T, D) float32. The defaults are those of a
    chain model's output: a row every 30 ms, the first centred in Kaldi's first 25 ms window. T is ``num_frames``; frame
    t covers [t·hop_s, (t+1)·hop_s) seconds. Sums are in float64.

    Raises ValueError for rows that are not a matrix with at least one row.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"rows of shape {rows.shape}; expected (frames, dimensions) with at least one frame")
    weights = grid_weights(len(rows), float(row_shift_s), float(first_centre_s), float(hop_s), int(num_frames))
    return (weights @ rows.astype(np.float64)).astype(np.float32)


def frame_labels(event: tuple[float, float] | None, num_frames: int) -> np.ndarray:
    """1 for the 100 ms frames of which the event covers at least half, or, of a shorter event, the most; (T100,)."""
    labels = np.zeros(num_frames, dtype=np.float32)
    if event is not None:
        start = np.arange(num_frames) * HOP_S
        covered = np.minimum(event[1], start + HOP_S) - np.maximum(event[0], start)
        labels[covered >= HOP_S / 2 - 1e-9] = 1  # half a frame is half a frame, however it is rounded
        if not labels.any():
            labels[covered.argmax()] = 1
    return labels


def labels_of_events(events: Iterable[tuple[float, float]], num_frames: int) -> np.ndarray:
    """1 for the 100 ms frames of any event, as frame_labels(); (T100,)."""
    labels = frame_labels(None, num_frames)
    for event in events:
        labels = np.maximum(labels, frame_labels(event, num_frames))
    return labels
