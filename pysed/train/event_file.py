"""TensorBoard's event files without its package: scalars as protocol buffers in TFRecord frames.

Sources: tensorflow/core/util/event.proto, framework/summary.proto; core/lib/io/record_writer.cc for the framing.
"""

import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pysed.atomic import naming


def begin(path: Path) -> None:
    """A new event file without events; TensorBoard finds it by ``tfevents`` in its name."""
    with naming(path):
        path.write_bytes(_record(_double(1, time.time()) + _bytes(3, b"brain.Event:2")))


def append(path: Path, step: int, scalars: Mapping[str, float]) -> None:
    """Add the values of one step, by tag."""
    values = b"".join(_bytes(1, _bytes(1, tag.encode()) + _float(2, value)) for tag, value in scalars.items())
    with naming(path), open(path, "ab") as stream:
        stream.write(_record(_double(1, time.time()) + _varint(2 << 3) + _varint(step) + _bytes(5, values)))


def _record(data: bytes) -> bytes:
    """Length, its check sum, the data, its check sum."""
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _crc_table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


@cache
def _crc_table() -> list[int]:
    """CRC-32C, by byte."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


# Fields of a message: number and wire type, then the value.


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
