"""MPEG audio frames counted: where mp3 streams begin and end, whatever their tags say.

Sources: ISO 11172-3 and 13818-3 (headers), the Xing and LAME tag.
"""

import mmap
import re
from dataclasses import dataclass

from pysed.audio.stream_file import Stream, after_id3

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


def mpeg_streams(data: mmap.mmap) -> list[Stream]:
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
            prefix = b"" if run.size_at is None else data[run.start : run.size_at] + size
            streams.append(Stream(run.start + len(prefix), run.end, prefix, announced_s=announced_s))
        else:
            for number, run in enumerate(group):
                streams.append(
                    Stream(run.audio, run.end, is_endless=True, announced_s=announced_s if number == 0 else None)
                )
        index = last
    return streams


def _mpeg_runs(data: mmap.mmap) -> list[_Run]:
    """Runs of frames of one kind, parted by tags, damage, changes of kind and the Xing frames of further files."""
    known: dict[bytes, _Frame | None] = {}
    runs: list[_Run] = []
    run: _Run | None = None
    at = after_id3(data, 0)
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
        at = run.end = min(at + frame.size, len(data))
        if is_tag:
            run.audio = at
            flags = int.from_bytes(data[place + 3 : place + 4], "big")  # none where the file ends before
            if tag in (b"Xing", b"Info") and flags & 1:
                run.announced = int.from_bytes(data[place + 4 : place + 8], "big")
                run.size_at = place + 8 if flags & 2 else None
        else:
            run.count += 1
    return [run for run in runs if run.count]


def _followed(data: mmap.mmap, at: int, frame: _Frame) -> bool:
    """Whether a frame of the same kind comes after this one, or the end."""
    following = _frame(data[at + frame.size : at + frame.size + 4])
    return at + frame.size >= len(data) or (following is not None and following.kind[:3] == frame.kind[:3])


def _next_frame(data: mmap.mmap, at: int) -> int | None:
    """Where frames go on behind ``at``, tags left out."""
    start = after_id3(data, at)
    for match in _SYNC.finditer(data, start if start > at else at + 1):
        place = match.start()
        frame = _frame(data[place : place + 4])
        if frame is not None and place + frame.size < len(data) and _followed(data, place, frame):
            return place
    return None
