"""Sound from standard input as it comes: raw PCM, or a wav file whose length may not be known yet."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from pysed.errors import DataError

#: Kinds of samples by the names of sox and ffmpeg: type, and what full scale is.
KINDS = {
    "s16": ("<i2", 32768.0),
    "s32": ("<i4", 2147483648.0),
    "f32": ("<f4", 1.0),
    "f64": ("<f8", 1.0),
    "u8": ("u1", 128.0),
}
_OF_WAVE = {(1, 8): "u8", (1, 16): "s16", (1, 32): "s32", (3, 32): "f32", (3, 64): "f64"}
_BLOCK_S = 0.1
_MOST_HEADER = 1 << 20
_RIFF = (b"RIFF", b"RF64")


def _is_unknown(size: int) -> bool:
    """Whether a header's size of samples says that it is not known: 0, or near 2 or 4 GiB, as whole frames allow."""
    return not size or 0x7FFF0000 <= size <= 0x80000000 or size >= 0xFFFF0000


class SoundInput:
    """Samples (T,), the mean of the channels, of a stream of bytes: iterate for them.

    Without ``rate_hz`` the stream is a wav file, whose header says what follows, or several that were joined. Raises
    DataError for other streams.
    """

    def __init__(self, stream: BinaryIO, rate_hz: int | None = None, channels: int = 1, kind: str = "s16"):
        self._stream = stream
        self._left: float = float("inf")  # bytes of samples, as far as the header says
        self.rate_hz, self._channels, self._kind = self._header() if rate_hz is None else (rate_hz, channels, kind)
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
                        f"standard input: wav of coding {tag}, {bits} bits; expected PCM of 8, 16 or 32 bits, or floats"
                    )
                found = rate_hz, channels, _OF_WAVE[tag, bits]
        if found is None:
            raise DataError("standard input: a wav file that does not say its rate; expected wav, or raw with --rate")
        return found

    def __iter__(self) -> Iterator[np.ndarray]:
        dtype, scale = KINDS[self._kind]
        width = np.dtype(dtype).itemsize * self._channels
        most, rest = max(1, round(_BLOCK_S * self.rate_hz)) * width, b""
        read = getattr(self._stream, "read1", self._stream.read)  # what is there, without waiting for more
        while True:
            part = read(int(min(most, self._left)))
            if not part:
                if self._left or not self._next_file():
                    break
                rest = b""
                continue
            self._left -= len(part)
            data = rest + part
            whole = len(data) // width * width
            rest = data[whole:]
            values = np.frombuffer(data[:whole], dtype).astype(np.float64)
            if self._kind == "u8":
                values -= 128
            if len(values):
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
