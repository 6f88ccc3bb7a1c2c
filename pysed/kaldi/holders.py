"""What Kaldi's tables hold: how one object of each kind is read from a stream and written.

Source: Kaldi ``src/util/kaldi-holder-inl.h``. A kind is any object with ``read(source, binary)``
and ``write(value, binary)``, an iterable of bytes; `KINDS` names those of this module.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Source
from pysed.kaldi.plain_numbers import plain
from pysed.kaldi.stream import KaldiReader

_REAL: dict[bytes, np.dtype] = {b"F": np.dtype("<f4"), b"D": np.dtype("<f8")}
_INT_ITEM = np.dtype([("width", "u1"), ("value", "<i4")])
_TEXT_LIMIT = 1 << 31


@dataclass(frozen=True)
class Kind:
    """How one kind of object is stored. ``header``: binary objects start with ``\\0B``."""

    name: str
    read: Callable[[Source, bool], Any]
    write: Callable[[Any, bool], Iterable]
    header: bool = True
    cut: Callable[[Any, str, str], Any] | None = None


def _size(source: Source) -> int:
    width, value = struct.unpack("<bi", source.read(5))
    if width != 4 or value < 0:
        raise source.fail(f"expected a 4-byte size, found width {width}, value {value}; it is damaged")
    return value


def _bracketed(source: Source) -> bytes:
    """Text up to and with ']' (and the rest of its line)."""
    parts, total = [], 0
    while True:
        line = source.line()
        if not line and not source.peek():
            raise source.fail("a '[' without its ']'; it is truncated")
        parts.append(line)
        total += len(line)
        if b"]" in line:
            return b"\n".join(parts)
        if total > _TEXT_LIMIT:
            raise source.fail("a '[' without its ']' in 2 GiB; it is damaged")


def _text_object(source: Source, what: str) -> Any:
    place = source.pos
    if not source.skip_space() or not source.peek().startswith(b"["):
        raise source.fail(f"expected '[', found {source.peek()[:8]!r}")
    reader = KaldiReader(_bracketed(source), f"{source.name}: byte {place}", binary=False)
    value = getattr(reader, what)()
    if not reader.at_end():
        raise reader.fail("text after ']'; expected the end of the line")
    return value


def read_matrix(source: Source, binary: bool, dtype: type = np.float32) -> np.ndarray:
    """A matrix (rows, columns) of ``dtype``; those of the other precision are converted, compressed ones expanded."""
    if not binary:
        return _text_object(source, "matrix").astype(dtype, copy=False)
    tag = source.read(3)
    if tag in (b"FM ", b"DM "):
        rows, columns = _size(source), _size(source)
        _check_shape(source, rows, columns)
        values = source.read_array(rows * columns, _REAL[tag[:1]]).reshape(rows, columns)
        return values.astype(dtype, copy=False)
    if tag[:2] != b"CM":
        raise source.fail(f"expected a matrix, found {tag!r}; another kind of table?")
    head = tag
    if tag != b"CM ":
        head += source.read(1)
    sizes = {b"CM ": 1, b"CM2 ": 2, b"CM3 ": 1}
    if head not in sizes:
        raise source.fail(f"expected a compressed matrix, found {head!r}")
    frame = source.read(16)
    rows, columns = struct.unpack("<ii", frame[8:])
    _check_shape(source, rows, columns)
    payload = source.read(rows * columns * sizes[head] + (8 * columns if head == b"CM " else 0))
    return KaldiReader(head + frame + payload, source.name, binary=True).matrix().astype(dtype, copy=False)


def _check_shape(source: Source, rows: int, columns: int) -> None:
    if rows < 0 or columns < 0 or (rows == 0) != (columns == 0):
        raise source.fail(f"a matrix of {rows} x {columns}; it is damaged")


@dataclass(frozen=True)
class MatrixBlocks:
    """A float32 matrix of this shape to be written block by block, (n, columns) each, never whole in memory."""

    shape: tuple[int, int]
    blocks: Iterable[np.ndarray]


def write_matrix(value: Any, binary: bool) -> Iterable:
    """The parts of a matrix (rows, columns), float64 kept as double in binary, seven digits in text."""
    if not isinstance(value, MatrixBlocks):
        value = np.asarray(value)
        if value.ndim != 2:
            raise DataError(f"a matrix to be written: shape {value.shape}; expected (rows, columns)")
        dtype = "<f8" if value.dtype == np.float64 else "<f4"
        return _matrix_parts(value.shape, [value], dtype, binary)
    return _matrix_parts(value.shape, value.blocks, "<f4", binary)


def _matrix_parts(shape: tuple[int, ...], blocks: Iterable[np.ndarray], dtype: str, binary: bool) -> Iterator:
    rows, columns = shape if all(shape) else (0, 0)
    if binary:
        yield (b"DM " if dtype == "<f8" else b"FM ") + struct.pack("<bibi", 4, rows, 4, columns)
    else:
        yield b" ["
    if rows:
        form = "\n  " + "%.7g " * columns  # Kaldi's streams write seven significant digits
        for block in blocks:
            block = np.ascontiguousarray(block, dtype)
            if binary:
                yield block.data.cast("B")
            else:
                yield from ((form % tuple(row)).encode() for row in block.tolist())
    if not binary:
        yield b"]\n" if rows else b" ]\n"


def read_vector(source: Source, binary: bool) -> np.ndarray:
    """A vector (N,) float32."""
    if not binary:
        return _text_object(source, "vector")
    tag = source.read(3)
    if tag not in (b"FV ", b"DV "):
        raise source.fail(f"expected a vector, found {tag!r}; another kind of table?")
    return source.read_array(_size(source), _REAL[tag[:1]]).astype(np.float32, copy=False)


def _write_vector(value: Any, binary: bool) -> list:
    value = np.asarray(value)
    value = np.ascontiguousarray(value, "<f8" if value.dtype == np.float64 else "<f4")
    if binary:
        tag = b"DV " if value.dtype.itemsize == 8 else b"FV "
        return [tag + struct.pack("<bi", 4, len(value)), value.tobytes()]
    return [(" [ " + "%.7g " * len(value) % tuple(value.tolist()) + "]\n").encode()]


def read_int_vector(source: Source, binary: bool) -> np.ndarray:
    """A vector of integers (N,) int32: in binary each has its own width byte, in text a bare line."""
    if binary:
        items = source.read_array(_size(source), _INT_ITEM)
        if (items["width"] != 4).any():
            raise source.fail("an integer that is not 4 bytes wide; it is damaged")
        return np.ascontiguousarray(items["value"])
    return _integers(source, source.text_line())


def _integers(source: Source, text: bytes) -> np.ndarray:
    try:
        values = np.array([int(word) for word in plain(text).split()], np.int64)
    except (ValueError, OverflowError):
        raise source.fail(f"expected integers, found {text[:40]!r}") from None
    if len(values) and (values.min() < -(2**31) or values.max() >= 2**31):
        raise source.fail("an integer beyond 32 bits")
    return values.astype(np.int32)


def _write_int_vector(value: Any, binary: bool) -> list:
    value = np.asarray(value)
    if not binary:
        return [("%d " * len(value) % tuple(value.tolist()) + "\n").encode()]
    items = np.empty(len(value), _INT_ITEM)
    items["width"], items["value"] = 4, value
    return [struct.pack("<bi", 4, len(value)), items.tobytes()]


def _read_token(source: Source, binary: bool) -> str:
    text = _decode(source, source.text_line()).strip()
    if not text or len(text.split()) != 1:
        raise source.fail(f"expected one word, found {text[:40]!r}")
    return text


def _read_tokens(source: Source, binary: bool) -> list[str]:
    return _decode(source, source.text_line()).split()


def _decode(source: Source, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise source.fail("a line that is not text") from None


def _read_number(formats: dict[int, str], convert: type) -> Callable[[Source, bool], Any]:
    def read(source: Source, binary: bool) -> Any:
        if binary:
            width = source.read(1)[0]
            if width not in formats:
                raise source.fail(f"expected a number of {' or '.join(map(str, formats))} bytes, found width {width}")
            return struct.unpack(formats[width], source.read(width))[0]
        text = _decode(source, source.text_line()).strip()
        try:
            return convert(plain(text))
        except ValueError:
            raise source.fail(f"expected a number, found {text[:40]!r}") from None

    return read


def _write_number(width: int, binary_form: str, text_form: str) -> Callable[[Any, bool], list]:
    def write(value: Any, binary: bool) -> list:
        if binary:
            return [bytes([width]) + struct.pack(binary_form, value)]
        return [f"{text_form % value} \n".encode()]

    return write


def cut_matrix(value: np.ndarray, span: str, place: str) -> np.ndarray:
    """Rows and columns of ``r0:r1`` or ``r0:r1,c0:c1``, ends included; three rows past the end are forgiven."""
    parts = span.split(",")
    if len(parts) > 2:
        raise DataError(f"{place}[{span}]: expected rows or rows,columns such as [0:9,0:3]")
    rows = _span(parts[0], value.shape[0], 3, place, span)
    columns = _span(parts[1], value.shape[1], 0, place, span) if len(parts) == 2 else slice(None)
    return np.ascontiguousarray(value[rows, columns])


def cut_vector(value: np.ndarray, span: str, place: str) -> np.ndarray:
    """Elements of ``i0:i1``, ends included."""
    return value[_span(span, len(value), 3, place, span)].copy()


def _span(text: str, size: int, tolerance: int, place: str, whole: str) -> slice:
    if text == ":":
        return slice(None)
    match = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    if not match or not int(match[1]) <= int(match[2]) < size + tolerance or int(match[1]) >= size:
        raise DataError(f"{place}[{whole}]: {text!r} does not fit a size of {size}; expected first:last")
    return slice(int(match[1]), int(match[2]) + 1)


def _write_token(value: Any, binary: bool) -> list:
    return [f"{value}\n".encode()]


def _write_tokens(value: Any, binary: bool) -> list:
    return [("".join(f"{token} " for token in value) + "\n").encode()]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("matrix", read_matrix, write_matrix, cut=cut_matrix),
        Kind("double_matrix", partial(read_matrix, dtype=np.float64), write_matrix, cut=cut_matrix),
        Kind("vector", read_vector, _write_vector, cut=cut_vector),
        Kind("int_vector", read_int_vector, _write_int_vector),
        Kind("token", _read_token, _write_token, header=False),
        Kind("tokens", _read_tokens, _write_tokens, header=False),
        Kind("int", _read_number({4: "<i"}, int), _write_number(4, "<i", "%d")),
        Kind("float", _read_number({4: "<f", 8: "<d"}, float), _write_number(4, "<f", "%.7g")),
        Kind("double", _read_number({4: "<f", 8: "<d"}, float), _write_number(8, "<d", "%.7g")),
    )
}
