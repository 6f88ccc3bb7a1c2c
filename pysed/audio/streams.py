"""Where the audio of a file lies, byte by byte: what headers announce, and streams that were joined one after another.

libsndfile believes a header and reads one stream. Here mp3 frames are counted, joined streams (``cat a.mp3 b.mp3``, an
internet radio's chained ogg) are told apart, and headers that were never finished are seen through.
Sources: RFC 3533 (ogg), RFC 9639 (FLAC), the RIFF specification; for mp3 see `mpeg`.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pysed.audio.mpeg import mpeg_streams
from pysed.audio.stream_file import Stream, after_id3
from pysed.errors import DataError

Order = Literal["little", "big"]

#: What programs write into a wav header whose length they do not know.
UNKNOWN_SIZES = (0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000)
_WAVE_PIECE = 1 << 31  # bytes: libsndfile reads 4 GiB of a wav file


def find_streams(path: str | Path) -> list[Stream]:
    """The streams of an audio file, in order; one that spans the file for formats not looked into."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:2] == b"\xf0\x7e":  # of a damaged one libsndfile complains on standard output
            raise DataError(f"{path}: a MIDI sample dump; convert it, for example with 'sox IN OUT.wav'")
        start = after_id3(data, 0)
        if data[start : start + 4] == b"fLaC":
            return list(_flac_streams(data))
        if data[:4] == b"OggS":
            return list(_ogg_streams(data))
        if data[:4] in (b"RIFF", b"RIFX") and data[8:12] == b"WAVE":
            return list(_wave_streams(data))
        if start or (data[0] == 0xFF and len(data) > 4 and data[1] >= 0xE2):
            return mpeg_streams(data) or [Stream(0, len(data))]
        if data[:4] == b".snd" and data[8:12] == bytes(4) and len(data) > 32:  # AU whose size was never written
            return [Stream(12, len(data), data[:8] + b"\xff\xff\xff\xff", has_true_length=True)]
        if data[:4] == b"caff" and (stream := _caf_stream(data)):
            return [stream]
        announced_s = _nist_length_s(data) if data[:7] == b"NIST_1A" else None
        return [Stream(0, len(data), announced_s=announced_s, has_true_length=True, is_whole_file=True)]


def _caf_stream(data: mmap.mmap) -> Stream | None:
    """A CAF file with the size of its samples put right where it is unknown (-1) or too large; None for good ones."""
    at, bytes_a_second = 8, 0.0
    while at + 12 <= len(data):
        name, size, content = data[at : at + 4], int.from_bytes(data[at + 4 : at + 12], "big", signed=True), at + 12
        if name == b"desc" and content + 24 <= len(data):
            rate_hz, packet, frames = struct.unpack(">d8xII", data[content : content + 24])
            bytes_a_second = rate_hz * packet / frames if frames else 0.0
        if name == b"data":
            left = len(data) - content
            if 0 <= size <= left:
                return None
            announced_s = size / bytes_a_second if size > 0 and bytes_a_second > 0 else None
            prefix = data[: at + 4] + left.to_bytes(8, "big")
            return Stream(content, len(data), prefix, announced_s=announced_s, has_true_length=True)
        if size < 0:
            return None
        at = content + size
    return None


def _nist_length_s(data: mmap.mmap) -> float | None:
    count, rate_hz = (
        re.search(rb"%b -i (\d{1,12})\s" % name, data[:1024]) for name in (b"sample_count", b"sample_rate")
    )
    return int(count[1]) / int(rate_hz[1]) if count and rate_hz and int(rate_hz[1]) else None


def _flac_streams(data: mmap.mmap) -> Iterator[Stream]:
    """Joined FLAC files; their total of samples is blanked, so that they are read to the end whatever it says."""
    starts = [match.start() for match in re.finditer(rb"fLaC[\x00\x80]\x00\x00\x22", data)] or [0]
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(data)
        head = data[start + 21 : start + 26]  # 4 bits of the bits per sample, 36 of the total
        total = int.from_bytes(head, "big") & (1 << 36) - 1 if len(head) == 5 else 0
        rate_hz = int.from_bytes(data[start + 18 : start + 21], "big") >> 4
        announced_s = total / rate_hz if total and rate_hz else None
        prefix = data[start : start + 21] + bytes([head[0] & 0xF0, 0, 0, 0, 0]) if len(head) == 5 else b""
        yield Stream(start + len(prefix), end, prefix, announced_s=announced_s)


def _ogg_streams(data: mmap.mmap) -> Iterator[Stream]:
    """The links of a chained ogg file: each starts with pages marked as the first of their streams."""
    at = start = 0
    in_body, last, complete = False, 0, True
    while at < len(data):
        if data[at : at + 4] != b"OggS" or at + 27 > len(data):
            at = data.find(b"OggS", at + 1)
            if at < 0 or at + 27 > len(data):
                break
            continue
        flags, segments = data[at + 5], data[at + 26]
        is_first = bool(flags & 2)
        if is_first and in_body:
            yield Stream(start, at, is_open=not last & 4)
            start, in_body = at, False
        in_body, last = in_body or not is_first, flags
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
        complete = at <= len(data)
    yield Stream(start, len(data), is_open=not (last & 4 and complete))


def _chunks(data: mmap.mmap, start: int, order: Order) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of the content, size as stated) of RIFF chunks."""
    at = start
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], order)
        yield data[at : at + 4], at + 8, size
        at += 8 + size
        if size % 2 and data[at : at + 1] == b"\0":
            at += 1


def _wave_streams(data: mmap.mmap) -> Iterator[Stream]:
    """Joined wav files, sizes that were not written (a recorder lost power, a pipe) or do not fit into 32 bits."""
    start: int | None = 0
    while start is not None:
        order: Order = "big" if data[start : start + 4] == b"RIFX" else "little"
        bytes_a_second, align, content, size = _find_samples(data, start, order)
        left = len(data) - content
        unknown = size in UNKNOWN_SIZES and size > left
        unwritten = not size and left > 0 and not _is_chain(data, content, order)
        wrapped = size < left and len(data) - start > 0xFFFFFFFF
        if unknown or unwritten or wrapped:
            prefix = data[start : content - 4] + b"\xff\xff\xff\xff"
            piece = _WAVE_PIECE // align * align
            for begun in range(content, len(data), piece):
                yield Stream(begun, min(begun + piece, len(data)), prefix, has_true_length=True)
            return
        announced_s = size / bytes_a_second if size > left and bytes_a_second else None
        begun, start = start, _next_wave(data, content + size)
        end, whole = len(data) if start is None else start, start is None and not begun
        rest = content + size + size % 2
        is_padding = not any(data[rest : rest + (1 << 16)])
        has_surplus = start is None and bytes_a_second and not is_padding and not _is_chain(data, rest, order)
        surplus_s = (end - rest) / bytes_a_second if has_surplus else 0.0
        yield Stream(
            begun, end, announced_s=announced_s, has_true_length=True, is_whole_file=whole, surplus_s=surplus_s
        )


def _find_samples(data: mmap.mmap, start: int, order: Order) -> tuple[int, int, int, int]:
    """Bytes a second and a frame by the format chunk, where the samples start, and their size as stated."""
    bytes_a_second, align = 0, 1
    for name, content, size in _chunks(data, start + 12, order):
        if name == b"fmt ":
            bytes_a_second = int.from_bytes(data[content + 8 : content + 12], order)
            align = max(1, int.from_bytes(data[content + 12 : content + 14], order))
        if name == b"data":
            return bytes_a_second, align, content, size
    return bytes_a_second, align, len(data), 0


def _is_chain(data: mmap.mmap, start: int, order: Order) -> bool:
    """Whether what follows are named chunks up to the end, not samples."""
    end = start
    for name, content, size in _chunks(data, start, order):
        if not name.isascii() or not name.decode("ascii").isprintable():
            return False
        end = content + size
    return len(data) - 1 <= end <= len(data)


def _next_wave(data: mmap.mmap, end: int) -> int | None:
    """Where another wav file begins among the chunks behind the samples, None if there is none."""
    at = end
    for _ in range(64):
        for place in (at, at + 1):
            if data[place : place + 4] in (b"RIFF", b"RIFX") and data[place + 8 : place + 12] == b"WAVE":
                return place
        if at + 8 > len(data):
            return None
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None
