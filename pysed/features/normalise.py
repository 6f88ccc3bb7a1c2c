"""Normalisation by statistics of the training split, which travel inside the checkpoint."""

from collections.abc import Iterable

import numpy as np

KINDS = ("standard", "minmax", "clip", "none")


def statistics(clips: Iterable[np.ndarray], kind: str = "standard") -> dict[str, np.ndarray | str]:
    """Shift and scale of every dimension over all frames of ``clips``, each (T, F).

    Returns {"kind", "shift": (F,), "scale": (F,)} in float32; the normalised value is (x - shift) * scale: mean 0 and
    standard deviation 1 ("standard"), the range [0, 1] ("minmax", paper 2.2), or, of a clip's difference from its own
    mean over time, mean 0 and standard deviation 1 ("clip"). A constant dimension becomes 0. "none": x as it is.

    Raises ValueError for an unknown kind, no frames, or values that are not finite.
    """
    if kind not in KINDS:
        raise ValueError(f"normalisation {kind!r}; expected one of {', '.join(KINDS)}")
    count = 0
    total, squares, low, high = (np.asarray(start) for start in (0.0, 0.0, np.inf, -np.inf))
    for clip in clips:
        # Sums in float64, clip after clip: the result does not depend on how many clips fit in memory.
        wide = np.asarray(clip, dtype=np.float64)
        if kind == "clip":
            wide = wide - wide.mean(axis=0)
        count += len(wide)
        total, squares = total + wide.sum(axis=0), squares + np.square(wide).sum(axis=0)
        low, high = np.minimum(low, wide.min(axis=0)), np.maximum(high, wide.max(axis=0))
    if not count:
        raise ValueError("no frames to take statistics of; expected at least one clip")
    if kind == "none":
        shift, spread = np.zeros_like(total), np.ones_like(total)
    elif kind != "minmax":
        shift = total / count
        spread = np.sqrt(np.maximum(squares / count - shift**2, 0))
    else:
        shift, spread = low, high - low
    if not (np.isfinite(shift).all() and np.isfinite(spread).all()):
        raise ValueError("features that are not finite; expected numbers")
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-8 * (1 + np.abs(shift)))
    return {"kind": kind, "shift": shift.astype(np.float32), "scale": scale.astype(np.float32)}


def apply_normalisation(values: np.ndarray, statistics: dict, mean: np.ndarray | None = None) -> np.ndarray:
    """Normalised values by what statistics() returned; values: (..., T, F) -> the same shape, float32.

    ``mean``: (..., 1, F), of the whole clips where the values are parts of them.
    """
    values = np.asarray(values, dtype=np.float32)
    if statistics["kind"] == "clip":
        values = values - (values.mean(axis=-2, keepdims=True) if mean is None else mean)
    return (values - np.asarray(statistics["shift"])) * np.asarray(statistics["scale"])
