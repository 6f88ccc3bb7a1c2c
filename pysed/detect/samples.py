"""Samples that a program hands over, and their rate, checked: what a file's would be."""

from numbers import Real
from typing import Any

import numpy as np

from pysed.audio.decoder import LOUD
from pysed.errors import DataError, warn_once


def check_rate(rate_hz: float) -> None:
    """DataError for what is no number of samples a second."""
    if not isinstance(rate_hz, Real) or not np.isfinite(rate_hz) or int(rate_hz) != rate_hz or rate_hz < 1:
        raise DataError(f"rate_hz {rate_hz}; expected samples a second, a whole number")


def check_samples(samples: Any, most_dims: int) -> np.ndarray:
    """Samples (T,), or (T, C) where ``most_dims`` is 2, as they are: floats from -1 to 1.

    Raises DataError for others, those of more channels than samples included; warns where values go far beyond 1.
    """
    values = np.asarray(samples)
    shapes = "(T,)" if most_dims == 1 else "(T,) or (T, C)"
    turned = values.ndim == 2 and values.shape[1] > values.shape[0]
    if not 1 <= values.ndim <= most_dims or not np.issubdtype(values.dtype, np.floating) or turned:
        hint = "; turn it, or give one channel" if turned else ""
        raise DataError(
            f"samples of shape {values.shape} and type {values.dtype}; expected {shapes} numbers from -1 to 1{hint}"
        )
    if values.size and np.abs(values).max() > LOUD:
        warn_once(f"samples up to {np.abs(values).max():.3g}; expected -1 to 1: what is beyond is clipped")
    return values
