"""Compiled loops of i-vector extraction (ivector.c), called by ctypes; without a compiler their plain forms run.

Plain and compiled forms agree up to rounding; the plain ones take two to three times as long.
"""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from pysed import compiled


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, or None where it cannot be had."""
    return compiled.library(Path(__file__).with_name("ivector.c"), threads=False)


def call(function: str, *arguments: np.ndarray | int | float) -> int:
    """Call with arrays (contiguous) as pointers, whole numbers as long, others as double; returns what it returns."""
    entry = getattr(library(), function)
    entry.restype = ctypes.c_long
    return entry(*map(_converted, arguments))


def _converted(value: np.ndarray | int | float) -> ctypes.c_void_p | ctypes.c_long | ctypes.c_double:
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.c_long(value) if isinstance(value, int) else ctypes.c_double(value)
