"""Splicing of frames and the linear or affine transform behind it.

Source: Kaldi ``OnlineSpliceFrames`` and ``OnlineTransform`` of ``src/feat/online-feature.cc``.
"""

from dataclasses import dataclass, field

import numpy as np

from pysed.errors import DataError


@dataclass(frozen=True)
class SpliceOptions:
    """How many frames on either side are put beside each frame."""

    left_context: int = field(default=4, metadata={"doc": "Left-context for frame splicing prior to LDA"})
    right_context: int = field(default=4, metadata={"doc": "Right-context for frame splicing prior to LDA"})

    def __post_init__(self):
        for name, value in (("left-context", self.left_context), ("right-context", self.right_context)):
            if not 0 <= value <= 1000:
                raise DataError(f"--{name}={value}: expected 0 to 1000 frames")

    @property
    def width(self) -> int:
        """Frames in a spliced frame."""
        return self.left_context + 1 + self.right_context


def splice_frames(rows: np.ndarray, first: int, start: int, end: int, total: int, options: SpliceOptions) -> np.ndarray:
    """Frames ``start`` to ``end`` (exclusive) with their context, (end − start, width · F).

    ``rows``: (N, F), the frames from ``first`` on, as many as the context reaches; the utterance has
    ``total`` frames, and its first and last one stand for those outside.
    """
    wanted = np.arange(start - options.left_context, end + options.right_context)
    padded = rows[np.clip(wanted, 0, total - 1) - first]
    windows = np.lib.stride_tricks.sliding_window_view(padded, options.width, axis=0)
    # (frames, F, width) → (frames, width, F) → (frames, width · F)
    return windows.transpose(0, 2, 1).reshape(end - start, -1)


class Transform:
    """x → linear · x + offset, in float32; ``matrix``: (D, F) or, with the offset as last column, (D, F + 1)."""

    def __init__(self, matrix: np.ndarray, input_dim: int, name: str):
        rows, columns = matrix.shape
        if columns not in (input_dim, input_dim + 1) or not rows:
            raise DataError(f"{name}: {rows} x {columns}; expected {input_dim} or {input_dim + 1} columns")
        if not np.all(np.isfinite(matrix)):
            raise DataError(f"{name}: an element is not a number; the file is damaged")
        self.linear = np.ascontiguousarray(matrix[:, :input_dim].T, np.float32)
        self.offset = matrix[:, input_dim].astype(np.float32) if columns > input_dim else np.zeros(rows, np.float32)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(T, F) → (T, D) float32."""
        output = features @ self.linear
        output += self.offset
        return output
