"""The compiled libraries, and how a function of one is called; without a compiler there is none.

A compiled function and the plain form that its callers keep agree up to rounding.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pysed.native.building import load

_HERE = Path(__file__).parent


class Library:
    """A loaded library whose functions take pointers, ``long`` and, for real numbers, the C type ``real``."""

    def __init__(self, loaded: ctypes.CDLL, real: type[ctypes.c_float] | type[ctypes.c_double]):
        self.loaded, self.real = loaded, real

    def call(self, function: str, *arguments: Any) -> int:
        """Call with arrays and tensors (contiguous) as pointers, None as NULL; returns its ``long``, if it has one."""
        entry = getattr(self.loaded, function)
        entry.restype = ctypes.c_long
        return entry(*map(self._converted, arguments))

    def _converted(self, value: Any) -> Any:
        if isinstance(value, int):
            return ctypes.c_long(value)
        if isinstance(value, float):
            return self.real(value)
        if isinstance(value, np.ndarray):
            assert value.flags.c_contiguous
            return ctypes.c_void_p(value.ctypes.data)
        if value is None:
            return None
        assert value.is_contiguous()  # a tensor; torch is not imported for its name alone
        return ctypes.c_void_p(value.data_ptr())


@cache
def layers(maps: str = "float32") -> Library | None:
    """Parts of the networks (layers.c) for maps of type float32 or bfloat16, or None where they cannot be had."""
    loaded = load(_HERE / "layers.c", threads=True, define="FLOAT32_MAPS" if maps == "float32" else None)
    return None if loaded is None else Library(loaded, ctypes.c_float)


@cache
def ivector() -> Library | None:
    """The loops of i-vector extraction (ivector.c), or None where they cannot be had."""
    loaded = load(_HERE / "ivector.c", threads=False)
    return None if loaded is None else Library(loaded, ctypes.c_double)
