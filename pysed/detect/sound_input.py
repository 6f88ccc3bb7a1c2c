"""Sound from standard input as it comes: raw PCM, or a wav file whose length may not be known yet."""

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import numpy as np

from pysed.errors import DataError

#: Kinds of samples by the names of sox and ffmpeg: type, and what full scale is.
KINDS = {
    "s16": ("<i2", 32768.0),
    "s24": ("V3", 2147483648.0),
    "s32": ("<i4", 2147483648.0),
    "f32": ("<f4", 1.0),
    "f64": ("<f8", 1.0),
    "u8": ("u1", 128.0),
}
_OF_WAVE = {(1, 8): "u8", (1, 16): "s16", (1, 24): "s24", (1, 32): "s32", (3, 32): "f32", (3, 64): "f64"}
_BLOCK_S = 0.1
_MOST_HEADER = 1 << 20
_RIFF = (b"RIFF", b"RF64")
#: How files begin that are no raw samples.
_FILES = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "FLAC", b"OggS": "ogg", b"FORM": "AIFF", b"caff": "CAF"}


def _is_unknown(size: int) -> bool:
    """Whether a header's size of samples says that it is not known: 0, or near 2 or 4 GiB, as whole frames allow."""
    return not size or 0x7FFF0000 <= size <= 0x80000000 or size >= 0xFFFF0000


def _values(data: bytes, kind: str) -> np.ndarray:
    """Whole samples as numbers (N,), not scaled."""
    if kind == "s24":  # as 32 bits whose lowest are 0
        values = np.zeros((len(data) // 3, 4), np.uint8)
        values[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return values.view("<i4")[:, 0].astype(np.float64)
    values = np.frombuffer(data, KINDS[kind][0]).astype(np.float64)
    return values - 128 if kind == "u8" else values


class _Stopped(KeyboardInterrupt):
    """The sound was stopped while more of it was waited for."""


class SoundInput:
    """Samples (T,), the mean of the channels, of a stream of bytes: iterate for them.

    Without ``rate_hz`` the stream is a wav file, whose header says what follows, or several that were joined; with it,
    raw samples. Raises DataError for other streams.
    """

    def __init__(self, stream: BinaryIO, rate_hz: int | None = None, channels: int = 1, kind: str = "s16"):
        self._stream = stream
        self._left: float = float("inf")  # bytes of samples, as far as the header says
        self._begun = b""  # samples that were looked at
        self._is_waiting = self._is_stopped = False
        if rate_hz is None:
            self.rate_hz, self._channels, self._kind = self._header()
        else:
            self.rate_hz, self._channels, self._kind = rate_hz, channels, kind
            self._begun = self._raw_beginning()
        if not 50 <= self.rate_hz <= 20_000_000 or not 1 <= self._channels <= 1024:
            raise DataError(
                f"standard input: {self.rate_hz} Hz, {self._channels} channels; expected those of a recording"
            )

    def _take(self, count: int) -> bytes:
        data = self._some(count)
        if len(data) < count:
            raise DataError("standard input: ends in a wav file's header; expected wav, or --rate for raw samples")
        return data

    def _header(self) -> tuple[int, int, str]:
        head = self._take(12)
        if head[:4] not in _RIFF or head[8:] != b"WAVE":
            raise DataError("standard input: no wav file; expected one, or --rate for raw samples")
        return self._parts()

    def _raw_beginning(self) -> bytes:
        """The first bytes of raw samples."""
        data = self._some(4)
        if data in _FILES:
            raise DataError(
                f"standard input: a {_FILES[data]} file; expected raw samples with --rate, or wav without it"
            )
        return data

    def _parts(self) -> tuple[int, int, str]:
        """The parts of a header up to the samples; sets how many bytes of these there are."""
        found = None
        while True:
            name, size = self._take(4), int.from_bytes(self._take(4), "little")
            if name == b"data":
                self._left = float("inf") if _is_unknown(size) else size
                self._padded = size % 2
                break
            if size > _MOST_HEADER:
                raise DataError(f"standard input: a part of {size} bytes in the wav header; expected a recording")
            content = self._take(size + size % 2)
            if name == b"fmt " and size >= 16:
                tag, channels, rate_hz, bits = (
                    int.from_bytes(content[place : place + width], "little")
                    for place, width in ((0, 2), (2, 2), (4, 4), (14, 2))
                )
                if tag == 0xFFFE and size >= 26:  # the extensible form has the tag behind
                    tag = int.from_bytes(content[24:26], "little")
                if (tag, bits) not in _OF_WAVE:
                    raise DataError(
                        f"standard input: wav of coding {tag}, {bits} bits; expected PCM of 8, 16, 24 or 32 bits, or "
                        "floats"
                    )
                found = rate_hz, channels, _OF_WAVE[tag, bits]
        if found is None:
            raise DataError("standard input: a wav file that does not say its rate; expected wav, or raw with --rate")
        return found

    def stop(self) -> None:
        """End the sound after what has been heard so far; for a signal's handler."""
        self._is_stopped = True
        if self._is_waiting:
            self._is_waiting = False
            raise _Stopped  # else the system would go on waiting for more

    def __iter__(self) -> Iterator[np.ndarray]:
        pieces = self._pieces()
        with suppress(_Stopped):
            while True:
                self._is_waiting = True  # before it is looked whether to stop, so that no signal is missed in between
                samples = None if self._is_stopped else next(pieces, None)
                self._is_waiting = False
                if samples is None:
                    return
                yield samples

    def _pieces(self) -> Iterator[np.ndarray]:
        dtype, scale = KINDS[self._kind]
        width = np.dtype(dtype).itemsize * self._channels
        most, rest = max(1, round(_BLOCK_S * self.rate_hz)) * width, b""
        read = getattr(self._stream, "read1", self._stream.read)  # what is there, without waiting for more
        while True:
            part, self._begun = self._begun or read(int(min(most, self._left))), b""
            if not part:
                if self._left or not self._next_file():
                    break
                rest = b""
                continue
            self._left -= len(part)
            data = rest + part
            whole = len(data) // width * width
            rest = data[whole:]
            if whole:
                values = _values(data[:whole], self._kind)
                yield (values.reshape(-1, self._channels).mean(axis=1) / scale).astype(np.float32)

    def _next_file(self) -> bool:
        """Go on to the samples of a wav file that was joined to the one before; False where there is none."""
        self._some(self._padded)
        while len(head := self._some(8)) == 8:
            if head[:4] in _RIFF and self._some(4) == b"WAVE":
                before, after = (self.rate_hz, self._channels, self._kind), self._parts()
                if after != before:
                    raise DataError(
                        f"standard input: a wav file of {after[0]} Hz, {after[1]} channels, {after[2]} follows one of "
                        f"{before[0]}, {before[1]}, {before[2]}; expected joined files to be of one kind"
                    )
                return True
            left = int.from_bytes(head[4:], "little")  # another part, which is read and left out
            left += left % 2
            while left and (part := self._some(min(left, _MOST_HEADER))):
                left -= len(part)
        return False

    def _some(self, count: int) -> bytes:
        """As many bytes, fewer at the stream's end."""
        data = b""
        while len(data) < count and (part := self._stream.read(count - len(data))):
            data += part
        return data
