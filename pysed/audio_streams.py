"""Where the audio of a file lies, byte by byte: what headers announce, and streams that were joined one after another.

libsndfile believes a header and reads one stream. Here mp3 frames are counted, joined streams (``cat a.mp3 b.mp3``, an
internet radio's chained ogg) are told apart, and headers that were never finished are seen through.
Sources: ISO 11172-3 and 13818-3 (MPEG audio frames), the Xing and LAME tag, RFC 3533 (ogg), RFC 9639 (FLAC), RIFF.
"""

import io
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Order = Literal["little", "big"]

_UNKNOWN_SIZES = (0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000)
_ENDLESS = 1 << 50  # bytes an mp3 without a frame count is said to have: libsndfile then reads to its true end
_TAG_AT_END = 128  # bytes that its decoder looks at for an ID3v1 tag


@dataclass(frozen=True)
class Stream:
    """One stream, bytes ``start`` to ``end`` of a file, to be decoded by itself.

    ``is_endless``: libsndfile is to think that it goes on, and read to the end. ``patch``: offset in the stream →
    bytes to be read in place of the file's. ``announced_s``: length by the header, where it promises more than is
    there. ``is_open``: it has no end mark. ``has_true_length``: libsndfile's count of its samples can be relied on.
    ``is_whole_file``: libsndfile may be given the file itself.
    """

    start: int
    end: int
    is_endless: bool = False
    patch: dict[int, bytes] = field(default_factory=dict)
    announced_s: float | None = None
    is_open: bool = False
    has_true_length: bool = False
    is_whole_file: bool = False


class StreamFile(io.RawIOBase):
    """A stream as a file for libsndfile, which it reads without loading it whole."""

    def __init__(self, path: str | Path, stream: Stream):
        self._file = open(path, "rb", buffering=1 << 16)  # noqa: SIM115
        self._stream = stream
        self._length = stream.end - stream.start
        self._size = _ENDLESS if stream.is_endless else self._length
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes from the stream's start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, but not to before the start; returns the new place."""
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if place >= 0:
            self._at = place
        return self._at

    def readinto(self, buffer) -> int:
        """Fill ``buffer`` as far as the stream goes; returns the number of bytes."""
        count = min(len(buffer), max(0, self._length - self._at))
        if not count and self._size - _TAG_AT_END <= self._at < self._size:
            count = min(len(buffer), self._size - self._at)
            buffer[:count] = bytes(count)
        elif count:
            self._file.seek(self._stream.start + self._at)
            data = bytearray(self._file.read(count))
            for place, replaced in self._stream.patch.items():
                first, last = max(place, self._at), min(place + len(replaced), self._at + len(data))
                if first < last:
                    data[first - self._at : last - self._at] = replaced[first - place : last - place]
            count = len(data)
            buffer[:count] = data
        self._at += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def find_streams(path: str | Path) -> list[Stream]:
    """The streams of an audio file, in order; one that spans the file for formats not looked into."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = _after_id3(data, 0)
        if data[start : start + 4] == b"fLaC":
            return list(_flac_streams(data))
        if data[:4] == b"OggS":
            return list(_ogg_streams(data))
        if data[:4] in (b"RIFF", b"RIFX") and data[8:12] == b"WAVE":
            return list(_wave_streams(data))
        if start or (data[0] == 0xFF and len(data) > 4 and data[1] >= 0xE2):
            return _mpeg_streams(data) or [Stream(0, len(data))]
        return [Stream(0, len(data), has_true_length=True, is_whole_file=True)]


def _after_id3(data: mmap.mmap, at: int) -> int:
    """The place behind the ID3v2 tags at ``at``; ``at`` itself without any."""
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at


def _flac_streams(data: mmap.mmap) -> Iterator[Stream]:
    """Joined FLAC files; their total of samples is blanked, so that they are read to the end whatever it says."""
    starts = [match.start() for match in re.finditer(rb"fLaC[\x00\x80]\x00\x00\x22", data)] or [0]
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(data)
        head = data[start + 21 : start + 26]  # 4 bits of the bits per sample, 36 of the total
        total = int.from_bytes(head, "big") & (1 << 36) - 1 if len(head) == 5 else 0
        rate_hz = int.from_bytes(data[start + 18 : start + 21], "big") >> 4
        announced_s = total / rate_hz if total and rate_hz else None
        patch = {21: bytes([head[0] & 0xF0, 0, 0, 0, 0])} if len(head) == 5 else {}
        yield Stream(start, end, patch=patch, announced_s=announced_s)


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
        bytes_a_second, content, size = _find_samples(data, start, order)
        left = len(data) - content
        unknown = size in _UNKNOWN_SIZES and size > left
        unwritten = not size and left > 0 and not _is_chain(data, content, order)
        wrapped = size < left and len(data) - start > 0xFFFFFFFF
        if unknown or unwritten or wrapped:
            patch = {} if unknown else {content - 4 - start: b"\xff\xff\xff\xff"}
            yield Stream(start, len(data), patch=patch, has_true_length=True)
            return
        announced_s = size / bytes_a_second if size > left and bytes_a_second else None
        begun, start = start, _next_wave(data, content + size)
        end, whole = len(data) if start is None else start, start is None and not begun
        yield Stream(begun, end, announced_s=announced_s, has_true_length=True, is_whole_file=whole)


def _find_samples(data: mmap.mmap, start: int, order: Order) -> tuple[int, int, int]:
    """Bytes a second by the format chunk, where the samples start, and their size as stated; 0 for what is lacking."""
    bytes_a_second = 0
    for name, content, size in _chunks(data, start + 12, order):
        if name == b"fmt ":
            bytes_a_second = int.from_bytes(data[content + 8 : content + 12], order)
        if name == b"data":
            return bytes_a_second, content, size
    return bytes_a_second, len(data), 0


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


_BITRATES = {  # kbit/s by (version 1?, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SYNC = re.compile(rb"\xff[\xe2-\xff]")


@dataclass(frozen=True)
class _Frame:
    """What an MPEG frame's header says; ``kind``: version, layer, rate, one channel or two: the same all through."""

    size: int
    num_samples: int
    rate_hz: int
    kind: tuple[int, int, int, bool]
    xing_at: int


def _frame(header: bytes) -> _Frame | None:
    """The frame with these four bytes; None where they are no header (free format counts as none)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    rate_hz = _MPEG_RATES[version][rate]
    bits = 1000 * _BITRATES[version == 3, layer][bitrate]
    padding = header[2] >> 1 & 1
    if layer == 1:
        size, num_samples = (12 * bits // rate_hz + padding) * 4, 384
    else:
        num_samples = 576 if layer == 3 and version != 3 else 1152
        size = num_samples // 8 * bits // rate_hz + padding
    is_mono = header[3] >> 6 == 3
    side = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    return _Frame(size, num_samples, rate_hz, (version, layer, rate_hz, is_mono), 4 + side)


@dataclass
class _Run:
    """MPEG frames without a gap; ``announced``: how many the tag in its first frame counts, that one not among them;
    ``size_at``: where the tag has the number of bytes."""

    start: int
    audio: int
    end: int
    first: _Frame
    count: int = 0
    announced: int | None = None
    size_at: int | None = None


def _mpeg_streams(data: mmap.mmap) -> list[Stream]:
    """Joined mp3 files; a tag's count of frames is used (and its gapless playing) where it is true."""
    runs = _mpeg_runs(data)
    streams = []
    index = 0
    while index < len(runs):
        last = index + 1  # runs up to here belong to the tag of the first: a gap is damage, not a new file
        while last < len(runs) and runs[last].announced is None and runs[last].first.kind == runs[index].first.kind:
            last += 1
        group, tag = runs[index:last], runs[index].announced
        found = sum(run.count for run in group)
        frame_s = group[0].first.num_samples / group[0].first.rate_hz
        announced_s = tag * frame_s if tag is not None and found < tag - 1 else None
        if len(group) == 1 and tag is not None and found <= tag + 1:
            run = group[0]
            size = (run.end - run.start).to_bytes(4, "big")  # libsndfile's decoder complains of a wrong one
            patch = {} if run.size_at is None else {run.size_at - run.start: size}
            streams.append(Stream(run.start, run.end, patch=patch, announced_s=announced_s))
        else:
            for number, run in enumerate(group):
                streams.append(Stream(run.audio, run.end, True, announced_s=announced_s if number == 0 else None))
        index = last
    return streams


def _mpeg_runs(data: mmap.mmap) -> list[_Run]:
    """Runs of frames of one kind, parted by tags, damage, changes of kind and the Xing frames of further files."""
    known: dict[bytes, _Frame | None] = {}
    runs: list[_Run] = []
    run: _Run | None = None
    at = _after_id3(data, 0)
    while at + 4 <= len(data):
        header = data[at : at + 4]
        frame = known[header] if header in known else known.setdefault(header, _frame(header))
        if frame is None or (run is None and not _followed(data, at, frame)):
            run, found = None, _next_frame(data, at)
            if found is None:
                break
            at = found
            continue
        tag = data[at + frame.xing_at : at + frame.xing_at + 4]
        is_tag = frame.kind[1] == 3 and (tag in (b"Xing", b"Info") or data[at + 36 : at + 40] == b"VBRI")
        if run is None or is_tag or frame.kind[:3] != run.first.kind[:3]:
            run = _Run(at, at, at, frame)
            runs.append(run)
        place = at + frame.xing_at + 4
        at = run.end = at + frame.size
        if is_tag:
            run.audio = at
            if tag in (b"Xing", b"Info") and data[place + 3] & 1:
                run.announced = int.from_bytes(data[place + 4 : place + 8], "big")
                run.size_at = place + 8 if data[place + 3] & 2 else None
        else:
            run.count += 1
    return [run for run in runs if run.count]


def _followed(data: mmap.mmap, at: int, frame: _Frame) -> bool:
    """Whether a frame of the same kind comes after this one, or the end."""
    following = _frame(data[at + frame.size : at + frame.size + 4])
    return at + frame.size >= len(data) or (following is not None and following.kind[:3] == frame.kind[:3])


def _next_frame(data: mmap.mmap, at: int) -> int | None:
    """Where frames go on behind ``at``, tags left out."""
    start = _after_id3(data, at)
    for match in _SYNC.finditer(data, start if start > at else at + 1):
        place = match.start()
        frame = _frame(data[place : place + 4])
        if frame is not None and place + frame.size < len(data) and _followed(data, place, frame):
            return place
    return None
