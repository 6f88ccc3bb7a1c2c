"""Kaldi's compressed matrices, written to the bit as Kaldi does.

Source: Kaldi ``src/matrix/compressed-matrix.cc``; the reader is `KaldiReader.matrix`.
"""

import struct
from collections.abc import Iterable

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.holders import Kind, read_matrix, write_matrix
from pysed.kaldi.stream import KaldiReader

METHODS = {
    1: "automatic", 2: "speech feature", 3: "two-byte automatic", 4: "two-byte signed integer",
    5: "one-byte automatic", 6: "one-byte unsigned integer", 7: "one-byte zero to one",
}  # fmt: skip
_FIXED_RANGE = {4: (-32768.0, 65535.0), 6: (0.0, 255.0), 7: (0.0, 1.0)}
_STEP = np.float32(1.52590218966964e-05)


def compress(matrix: np.ndarray, method: int = 1) -> bytes:
    """A matrix (rows, columns) compressed by one of `METHODS`, without the mark of a binary file.

    Raises DataError for an unknown method or a matrix with nan or inf.
    """
    if method not in METHODS:
        raise DataError(f"compression method {method}: expected 1 to 7")
    matrix = np.ascontiguousarray(matrix, np.float32)
    rows, columns = matrix.shape
    if not matrix.size:
        return b"CM " + bytes(16)
    if method == 1:
        method = 2 if rows > 8 else 3
    minimum, value_range = _FIXED_RANGE.get(method) or _range(matrix)
    header = struct.pack("<ffii", minimum, value_range, rows, columns)
    low, span = np.float32(minimum), np.float32(value_range)
    if method == 2:
        quartiles = _quartiles(matrix, low, span)
        codes = _byte_codes(matrix, (low + span * _STEP * quartiles.astype(np.float32)))
        return b"CM " + header + quartiles.astype("<u2").T.tobytes() + codes.T.tobytes()
    if method in (3, 4):
        return b"CM2 " + header + _levels(matrix, low, span, 65535).astype("<u2").tobytes()
    return b"CM3 " + header + _levels(matrix, low, span, 255).astype(np.uint8).tobytes()


def _range(matrix: np.ndarray) -> tuple[float, float]:
    low, high = matrix.min(), matrix.max()
    if high == low:
        high = np.float32(float(low) + (1.0 + abs(float(low))))
    span = high - low
    if not np.isfinite([low, high, span]).all():
        raise DataError("a matrix with nan or inf, or of too wide a range, cannot be compressed; mend the features")
    return float(low), float(span)


def _levels(values: np.ndarray, low: np.float32, span: np.float32, top: int) -> np.ndarray:
    """Values as whole numbers 0 … top, int64."""
    with np.errstate(invalid="ignore", over="ignore"):
        fraction = np.clip((values - low) / span, np.float32(0), np.float32(1))
    if np.isnan(fraction).any():
        raise DataError("a matrix with nan cannot be compressed; mend the features")
    return ((fraction * np.float32(top)).astype(np.float64) + 0.499).astype(np.int64)


def _quartiles(matrix: np.ndarray, low: np.float32, span: np.float32) -> np.ndarray:
    """The four 16-bit levels of each column: (4, columns), strictly rising."""
    rows = len(matrix)
    ordered = np.sort(matrix, axis=0)
    places = (0, rows // 4, 3 * (rows // 4), rows - 1) if rows >= 5 else range(4)
    levels = np.zeros((4, matrix.shape[1]), np.int64)
    for i, place in enumerate(places):
        floor = levels[i - 1] + 1 if i else np.zeros_like(levels[0])
        level = _levels(ordered[place], low, span, 65535) if place < rows else floor
        levels[i] = np.minimum(np.maximum(level, floor), 65532 + i)
    return levels


def _byte_codes(matrix: np.ndarray, quartiles: np.ndarray) -> np.ndarray:
    """Codes (rows, columns) uint8 from values and quartiles (4, columns) float32."""
    p0, p25, p75, p100 = quartiles

    def piece(start: np.ndarray, end: np.ndarray, first: int, last: int) -> np.ndarray:
        scaled = (matrix - start) / (end - start) * np.float32(last - first)
        return np.clip(first + (scaled.astype(np.float64) + 0.5).astype(np.int64), first, last)

    upper = np.where(matrix < p75, piece(p25, p75, 64, 192), piece(p75, p100, 192, 255))
    return np.where(matrix < p25, piece(p0, p25, 0, 64), upper).astype(np.uint8)


def compressed_kind(method: int) -> Kind:
    """A table kind that writes matrices compressed; as text they are written with the loss they would have."""
    if method not in METHODS:
        raise DataError(f"--compression-method={method}: expected 1 to 7")

    def write(value: np.ndarray, binary: bool) -> Iterable:
        data = compress(value, method)
        return [data] if binary else write_matrix(KaldiReader(data, binary=True).matrix(), False)

    return Kind("compressed matrix", read_matrix, write)
