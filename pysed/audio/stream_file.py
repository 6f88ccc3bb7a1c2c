"""A stretch of a file's bytes, handed to libsndfile as if it were a file of its own."""

import io
import mmap
from dataclasses import dataclass
from pathlib import Path

_ENDLESS = 1 << 50  # bytes an mp3 without a frame count is said to have: libsndfile then reads to its true end
_TAG_AT_END = 128  # bytes that its decoder looks at for an ID3v1 tag


@dataclass(frozen=True)
class Stream:
    """One stream, bytes ``start`` to ``end`` of a file, to be decoded by itself.

    ``prefix``: bytes to be read before those, a header put right. ``is_endless``: libsndfile is to think that it goes
    on, and read to the end. ``announced_s``: length by the header. ``is_open``: it has no end mark.
    ``has_true_length``: libsndfile's count of its samples can be relied on. ``is_whole_file``: libsndfile may be given
    the file itself. ``surplus_s``: seconds that would fit into what follows the announced end, and is not read.
    """

    start: int
    end: int
    prefix: bytes = b""
    is_endless: bool = False
    announced_s: float | None = None
    is_open: bool = False
    has_true_length: bool = False
    is_whole_file: bool = False
    surplus_s: float = 0.0


class StreamFile(io.RawIOBase):
    """A stream as a file for libsndfile, which it reads without loading it whole."""

    def __init__(self, path: str | Path, stream: Stream):
        self._file = open(path, "rb", buffering=1 << 16)  # noqa: SIM115
        self._stream = stream
        self._length = len(stream.prefix) + stream.end - stream.start
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
        prefix = self._stream.prefix
        if self._at < len(prefix):
            data = prefix[self._at : self._at + len(buffer)]
        elif self._at < self._length:
            self._file.seek(self._stream.start + self._at - len(prefix))
            data = self._file.read(min(len(buffer), self._length - self._at))
        elif self._size - _TAG_AT_END <= self._at:
            data = bytes(min(len(buffer), max(0, self._size - self._at)))
        else:
            data = b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def after_id3(data: mmap.mmap, at: int) -> int:
    """The place behind the ID3v2 tags at ``at``; ``at`` itself without any."""
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at
