"""Kaldi's binary and text object format: tokens, numbers, vectors, matrices.

Source: Kaldi ``src/base/io-funcs*.h``, ``src/matrix/{kaldi-matrix,packed-matrix,compressed-matrix}.cc``.
"""

import struct

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.plain_numbers import plain

_WHITESPACE = b" \t\r\n\v\f"
_REAL = {b"FM": "<f4", b"DM": "<f8", b"FV": "<f4", b"DV": "<f8", b"FP": "<f4", b"DP": "<f8"}


class KaldiReader:
    """Cursor over one Kaldi object held in memory.

    ``data`` starts with ``\\0B`` for a binary object, anything else is text. Every size read from
    the data is checked against the bytes that are left, so hostile input cannot claim memory.

    Raises DataError (``<name>: byte <n>: ...``) for anything malformed or truncated.
    """

    def __init__(self, data: bytes, name: str = "<memory>", binary: bool | None = None):
        self.data = data
        self.name = name
        self.pos = 0
        if binary is None:
            binary = data[:2] == b"\0B"
            if binary:
                self.pos = 2
        self.binary = binary

    def fail(self, message: str) -> DataError:
        """A DataError that names the place; use as ``raise reader.fail(...)``."""
        return DataError(f"{self.name}: byte {self.pos}: {message}")

    def at_end(self) -> bool:
        """True when only white space is left."""
        data, pos = self.data, self.pos
        while pos < len(data) and data[pos] in _WHITESPACE:
            pos += 1
        return pos >= len(data)

    def take(self, num_bytes: int) -> bytes:
        """The next ``num_bytes`` raw bytes."""
        if num_bytes < 0 or self.pos + num_bytes > len(self.data):
            left = len(self.data) - self.pos
            raise self.fail(f"expected {num_bytes} more bytes, found {left}; the file is truncated or damaged")
        chunk = self.data[self.pos : self.pos + num_bytes]
        self.pos += num_bytes
        return chunk

    def skip_space(self) -> None:
        """Move past white space (text mode, and before binary tokens)."""
        data, size = self.data, len(self.data)
        while self.pos < size and data[self.pos] in _WHITESPACE:
            self.pos += 1

    def token(self) -> str:
        """The next white-space-delimited token; one delimiter after it is consumed."""
        self.skip_space()
        data, start, size = self.data, self.pos, len(self.data)
        end = start
        while end < size and data[end] not in _WHITESPACE:
            end += 1
            if end - start > 4096:
                raise self.fail("a token of more than 4096 bytes; the file is damaged")
        if end == start:
            raise self.fail("expected a token, found the end of the file")
        self.pos = min(end + 1, size)
        try:
            return data[start:end].decode("utf-8")
        except UnicodeDecodeError:
            self.pos = start
            raise self.fail("a token that is not text; the file is damaged") from None

    def peek_token(self) -> str:
        """The next token, without moving."""
        pos = self.pos
        try:
            return self.token()
        finally:
            self.pos = pos

    def expect(self, *tokens: str) -> str:
        """Read one token, which must be among ``tokens``; returns it."""
        start = self.pos
        found = self.token()
        if found not in tokens:
            self.pos = start
            raise self.fail(f"expected {' or '.join(tokens)}, found {found[:40]!r}")
        return found

    def line(self) -> str:
        """The rest of the line, without its newline."""
        end = self.data.find(b"\n", self.pos)
        if end < 0:
            end = len(self.data)
        raw = self.data[self.pos : end]
        self.pos = min(end + 1, len(self.data))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("a line that is not text; the file is damaged") from None

    def _number(self, formats: dict[int, str], kind: str):
        if self.binary:
            size = self.take(1)[0]
            if size not in formats:
                self.pos -= 1
                raise self.fail(f"expected {kind} of {' or '.join(map(str, formats))} bytes, found size {size}")
            return struct.unpack(formats[size], self.take(size))[0]
        start, text = self.pos, self.token()
        try:
            value = int(plain(text)) if kind == "an integer" else float(plain(text))
        except ValueError:
            self.pos = start
            raise self.fail(f"expected {kind}, found {text[:40]!r}") from None
        if kind == "an integer" and not -(2**31) <= value < 2**31:
            self.pos = start
            raise self.fail(f"expected an integer of 32 bits, found {value}")
        return value

    def int32(self) -> int:
        """A Kaldi integer of 32 bits."""
        return self._number({4: "<i"}, "an integer")

    def real(self) -> float:
        """A Kaldi float or double."""
        return self._number({4: "<f", 8: "<d"}, "a real number")

    def boolean(self) -> bool:
        """``T`` or ``F``."""
        self.skip_space() if not self.binary else None
        value = self.take(1)
        if value not in (b"T", b"F"):
            self.pos -= 1
            raise self.fail(f"expected T or F, found {value!r}")
        return value == b"T"

    def vector(self) -> np.ndarray:
        """A vector, (N,) float32 or float64 as stored (float32 in text)."""
        if not self.binary:
            return self._text_rows(one_row=True)
        kind = self._kind((b"FV", b"DV"), "a vector")
        size = self.int32()
        dtype = np.dtype(_REAL[kind])
        if size < 0:
            raise self.fail(f"a vector of {size} elements")
        return np.frombuffer(self.take(size * dtype.itemsize), dtype).copy()

    def matrix(self) -> np.ndarray:
        """A matrix, (rows, columns) float32 or float64 as stored; compressed ones as float32."""
        if not self.binary:
            return self._text_rows(one_row=False)
        if self.data[self.pos : self.pos + 2] == b"CM":
            return self._compressed_matrix()
        kind = self._kind((b"FM", b"DM"), "a matrix")
        rows, columns = self.int32(), self.int32()
        dtype = np.dtype(_REAL[kind])
        if rows < 0 or columns < 0 or (rows == 0) != (columns == 0):
            raise self.fail(f"a matrix of {rows} x {columns}")
        return np.frombuffer(self.take(rows * columns * dtype.itemsize), dtype).reshape(rows, columns).copy()

    def symmetric_matrix(self) -> np.ndarray:
        """A packed symmetric matrix (Kaldi SpMatrix), returned full: (N, N)."""
        if not self.binary:
            return self._text_triangle()
        kind = self._kind((b"FP", b"DP"), "a packed matrix")
        return self._packed(np.dtype(_REAL[kind]))

    def _packed(self, dtype: np.dtype) -> np.ndarray:
        size = self.int32()
        if size < 0 or size > 65536:
            raise self.fail(f"a packed matrix of {size} rows")
        packed = np.frombuffer(self.take(size * (size + 1) // 2 * dtype.itemsize), dtype)
        return unpack_symmetric(packed, size)

    def int_vector(self) -> np.ndarray:
        """A vector of 32-bit integers, (N,) int32."""
        if not self.binary:
            return self._text_ints()
        width = self.take(1)[0]
        if width != 4:
            self.pos -= 1
            raise self.fail(f"expected a vector of 4-byte integers, found size {width}")
        size = struct.unpack("<i", self.take(4))[0]
        if size < 0:
            raise self.fail(f"a vector of {size} integers")
        return np.frombuffer(self.take(4 * size), "<i4").copy()

    def _kind(self, kinds: tuple[bytes, ...], what: str) -> bytes:
        kind = self.data[self.pos : self.pos + 2]
        if kind not in kinds or self.data[self.pos + 2 : self.pos + 3] != b" ":
            raise self.fail(f"expected {what}, found {kind!r}")
        self.pos += 3
        return kind

    def _compressed_matrix(self) -> np.ndarray:
        kind = self.token()
        minimum, value_range, rows, columns = struct.unpack("<ffii", self.take(16))
        if rows < 0 or columns < 0 or (rows == 0) != (columns == 0):
            raise self.fail(f"a compressed matrix of {rows} x {columns}")
        if kind == "CM":
            headers = np.frombuffer(self.take(8 * columns), "<u2").reshape(columns, 4).astype(np.float32)
            codes = np.frombuffer(self.take(rows * columns), np.uint8).reshape(columns, rows)
            quartiles = np.float32(minimum) + np.float32(value_range) * np.float32(1.52590218966964e-05) * headers
            # (columns, rows) codes through (columns, 256) values, then -> (rows, columns)
            return np.ascontiguousarray(np.take_along_axis(_code_values(quartiles), codes, axis=1).T)
        if kind not in ("CM2", "CM3"):
            raise self.fail(f"expected a compressed matrix, found {kind!r}")
        dtype, steps = ("<u2", 65535.0) if kind == "CM2" else (np.uint8, 255.0)
        codes = np.frombuffer(self.take(rows * columns * np.dtype(dtype).itemsize), dtype)
        increment = np.float32(value_range * (1.0 / steps))
        return (np.float32(minimum) + codes.reshape(rows, columns).astype(np.float32) * increment).astype(np.float32)

    def _bracketed(self) -> str:
        self.skip_space()
        if self.data[self.pos : self.pos + 1] != b"[":
            raise self.fail(f"expected '[', found {self.data[self.pos : self.pos + 8]!r}")
        end = self.data.find(b"]", self.pos)
        if end < 0:
            raise self.fail("a '[' without its ']'; the file is truncated")
        try:
            text = self.data[self.pos + 1 : end].decode("ascii")
        except UnicodeDecodeError:
            raise self.fail("numbers that are not text; the file is damaged") from None
        self.pos = end + 1
        if self.data[self.pos : self.pos + 1] in (b"\n", b" "):
            self.pos += 1
        return text

    def _text_rows(self, one_row: bool) -> np.ndarray:
        start = self.pos
        text = self._bracketed()
        try:
            text = plain(text)
            lines = text.split("\n") if one_row else text.replace(";", "\n").split("\n")  # Kaldi takes either
            rows = [np.array(line.split(), np.float64).astype(np.float32) for line in lines if line.strip()]
            if one_row:
                return np.concatenate(rows) if rows else np.zeros(0, np.float32)
            return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
        except ValueError as error:
            self.pos = start
            raise self.fail(f"not a table of numbers ({str(error)[:80]})") from None

    def _text_triangle(self) -> np.ndarray:
        packed = self._text_rows(one_row=True)
        size = int((np.sqrt(8 * len(packed) + 1) - 1) / 2)
        if size * (size + 1) // 2 != len(packed):
            raise self.fail(f"{len(packed)} numbers do not make a triangle")
        return unpack_symmetric(packed, size)

    def _text_ints(self) -> np.ndarray:
        start = self.pos
        self.skip_space()
        text = self._bracketed() if self.data[self.pos : self.pos + 1] == b"[" else self.line()
        try:
            return np.array([int(word) for word in plain(text).split()], np.int32)
        except (ValueError, OverflowError):
            self.pos = start
            raise self.fail("not a vector of 32-bit integers") from None


def _code_values(quartiles: np.ndarray) -> np.ndarray:
    """The values (columns, 256) float32 of the byte codes, from each column's four quartiles (columns, 4) float32."""
    p0, p25, p75, p100 = (quartiles[:, [i]] for i in range(4))
    code = np.arange(256, dtype=np.float32)
    # As in Kaldi, differences and products are floats, the last factor and the sum doubles.
    pieces = (
        (p0, (p25 - p0) * code[:65], 1 / 64.0),
        (p25, (p75 - p25) * (code[65:193] - 64), 1 / 128.0),
        (p75, (p100 - p75) * (code[193:] - 192), 1 / 63.0),
    )
    return np.hstack([(low + rise.astype(np.float64) * unit).astype(np.float32) for low, rise, unit in pieces])


def unpack_symmetric(packed: np.ndarray, size: int) -> np.ndarray:
    """Packed lower triangle, row by row (N·(N+1)/2,) → full symmetric matrix (N, N)."""
    full = np.zeros((size, size), packed.dtype)
    rows, columns = np.tril_indices(size)
    full[rows, columns] = packed
    full[columns, rows] = packed
    return full


class KaldiWriter:
    """Builds one Kaldi object, binary or text; ``bytes(writer)`` is the file's content."""

    def __init__(self, binary: bool = True, header: bool = True):
        self.binary = binary
        self.parts: list[bytes] = [b"\0B"] if binary and header else []

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)

    def raw(self, data: bytes | str) -> None:
        """Append as is."""
        self.parts.append(data.encode() if isinstance(data, str) else data)

    def token(self, *tokens: str) -> None:
        """Append tokens, each followed by a space."""
        for token in tokens:
            self.raw(f"{token} ")

    def int32(self, value: int) -> None:
        """Append a 32-bit integer."""
        self.raw(b"\4" + struct.pack("<i", value) if self.binary else f"{value} ")

    def real(self, value: float, double: bool = False) -> None:
        """Append a float (or double)."""
        if self.binary:
            self.raw(b"\x08" + struct.pack("<d", value) if double else b"\4" + struct.pack("<f", value))
        else:
            self.raw(f"{value:.17g} " if double else f"{np.float32(value)!s} ")

    def boolean(self, value: bool) -> None:
        """Append ``T`` or ``F``."""
        self.raw(("T" if value else "F") + ("" if self.binary else " "))

    def vector(self, value: np.ndarray) -> None:
        """Append a vector (N,), float64 kept as double."""
        value = np.asarray(value)
        if self.binary:
            double = value.dtype == np.float64
            self.raw(b"DV " if double else b"FV ")
            self.int32(len(value))
            self.raw(value.astype("<f8" if double else "<f4").tobytes())
        else:
            self.raw(" [ " + "".join(f"{x!s} " for x in value.astype(np.float32)) + "]\n")

    def matrix(self, value: np.ndarray) -> None:
        """Append a matrix (rows, columns), float64 kept as double."""
        value = np.asarray(value)
        if self.binary:
            double = value.dtype == np.float64
            self.raw(b"DM " if double else b"FM ")
            self.int32(value.shape[0])
            self.int32(value.shape[1])
            self.raw(np.ascontiguousarray(value, "<f8" if double else "<f4").tobytes())
        else:
            rows = ("\n  " + "".join(f"{x!s} " for x in row) for row in value.astype(np.float32))
            self.raw(" [" + ("".join(rows) if value.size else " ") + "]\n")

    def int_vector(self, value: np.ndarray) -> None:
        """Append a vector of 32-bit integers (N,)."""
        value = np.asarray(value, np.int32)
        if self.binary:
            self.raw(b"\4" + struct.pack("<i", len(value)) + value.astype("<i4").tobytes())
        else:
            self.raw("[ " + "".join(f"{x} " for x in value) + "]\n")
