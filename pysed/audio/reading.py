"""Audio files as mono samples, whole or in parts.

One policy for every file, whoever reads it: lengths are counted by decoding where a header does not bind; a file that
is cut off or damaged is read as far as it goes, with a warning that says how far (`refuse_damage`: an error instead);
samples that are not finite are an error; channels that cancel each other in their mean bring a warning.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from pysed.audio.decoder import Decoder
from pysed.errors import DataError, warn_once

_MANY = 1 << 30  # samples: more than are read at once
_strict = False
T = TypeVar("T")


def refuse_damage(refuse: bool) -> None:
    """Whether this process refuses files that are cut off or damaged, rather than warn and read what is there."""
    global _strict
    _strict = refuse


@dataclass(frozen=True)
class _Counted:
    """Length of a file, and whether its header can be relied on for seeking."""

    rate_hz: int
    num_frames: int
    binds: bool
    faults: tuple[str, ...]


@lru_cache(maxsize=4096)
def _count(path: Path, size: int, changed_ns: int) -> _Counted:
    """Count a file's samples, by decoding where the header does not bind."""
    decoder = Decoder(path)
    try:
        if decoder.binds:
            return _Counted(decoder.rate_hz, decoder.num_frames, True, tuple(decoder.faults))
        while len(decoder.read(_MANY)):
            pass
        return _Counted(decoder.rate_hz, decoder.place, False, tuple(decoder.faults))
    finally:
        decoder.close()


def _counted(path: Path) -> _Counted:
    """`_count`, with the policy about damage."""
    _check_file(path)
    status = _reading(path, path.stat)
    counted = _reading(path, lambda: _count(path, status.st_size, status.st_mtime_ns))
    _judge(path, counted.num_frames, counted.faults)
    return counted


def _judge(path: Path, num_frames: int, faults: Iterable[str]) -> None:
    """The policy about what was found in a file."""
    if not num_frames:
        raise DataError(f"{path}: no samples; expected audio; fetch or copy it again")
    for fault in faults:
        if _strict:
            raise DataError(f"{path}: {fault}; --strict refuses it: fetch or copy it again")
        warn_once(f"{path}: {fault}")


class AudioBlocks:
    """A file from start to end, decoded once: iterate for its samples (T,), or (T, C) of each channel.

    ``channels`` as Decoder's; the policy about damage and the errors are `AudioFile`'s, the damage at the end.
    """

    def __init__(self, path: str | Path, channels: int | str = "mix", block_s: float = 10.0):
        self.path = Path(path)
        _check_file(self.path)
        self._decoder = _reading(self.path, lambda: Decoder(self.path, channels=channels))
        self.rate_hz = self._decoder.rate_hz
        self.num_frames = 0  # read so far
        self._block = max(1, round(block_s * self.rate_hz))

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            while len(block := _reading(self.path, lambda: self._decoder.read(self._block))):
                self.num_frames = self._decoder.place
                yield block
            _judge(self.path, self.num_frames, self._decoder.faults)
        finally:
            self._decoder.close()


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path}: no such audio file; check the list that names it")
    if not _reading(path, path.stat).st_size:
        raise DataError(f"{path}: empty file; expected audio; fetch or copy it again")


def _reading(path: Path, step: Callable[[], T]) -> T:
    """What ``step`` gives; DataError for what the system refuses."""
    try:
        return step()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); expected audio") from None


def duration_of(path: str | Path) -> float:
    """Length of an audio file in seconds; raises DataError where it cannot be read."""
    counted = _counted(Path(path))
    return counted.num_frames / counted.rate_hz


def rate_of(path: str | Path) -> int:
    """Rate of an audio file in Hz; raises DataError where it cannot be read."""
    return _counted(Path(path)).rate_hz


class AudioFile:
    """An audio file as mono, channels averaged; parts in order of time are cheapest, also where they overlap.

    ``channels``: "mix", or the number, from 1, of one of them. Memory holds the part asked for alone. Raises DataError
    for a missing, empty or unreadable file, and for samples that are not finite.
    """

    def __init__(self, path: str | Path, dtype: str = "float32", channels: int | str = "mix"):
        self.path = Path(path)
        counted = _counted(self.path)
        self.rate_hz, self.num_frames = counted.rate_hz, counted.num_frames
        self._binds, self._dtype, self._channels = counted.binds, dtype, channels
        _reading(self.path, partial(self._start, 0))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_frames / self.rate_hz

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._decoder.close()

    def _start(self, first: int) -> None:
        """Decode from frame ``first``, or from the start where that cannot be gone to."""
        self._decoder = Decoder(self.path, self._dtype, self._channels)
        if self._binds and first and not self._decoder.skip(first):
            self._decoder.close()
            self._binds = False  # from here on it is read forwards
            self._decoder = Decoder(self.path, self._dtype, self._channels)
        self._kept, self._kept_from = np.empty(0, self._dtype), self._decoder.place

    def read(self, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
        """Samples (T,) in [-1, 1] of a part. Raises DataError for one that is not inside (half a millisecond is
        forgiven)."""
        first = round(start_s * self.rate_hz)
        wanted = self.num_frames - first if duration_s is None else round(duration_s * self.rate_hz)
        if first < 0 or wanted <= 0 or first + wanted > self.num_frames + self.rate_hz // 2000:
            end = "end" if duration_s is None else f"{start_s + duration_s:.3f}"
            raise DataError(
                f"{self.path}: part {start_s:.3f} to {end} s is not inside the file's {self.duration_s:.3f} s"
            )
        last = min(first + wanted, self.num_frames)
        reached = self._kept_from + len(self._kept)
        if first < self._kept_from or (self._binds and first > reached):
            self._decoder.close()
            _reading(self.path, partial(self._start, first))
        parts, reached = [self._kept], self._kept_from + len(self._kept)
        while reached < last:
            block = _reading(self.path, partial(self._decoder.read, last - reached))
            if not len(block):
                raise DataError(
                    f"{self.path}: ended after {reached} of {self.num_frames} samples; it changed while it was read"
                )
            reached += len(block)
            if reached <= first:
                parts, self._kept_from = [], reached
            else:
                parts.append(block)
        self._kept = np.concatenate(parts)
        samples = self._kept[first - self._kept_from : last - self._kept_from]
        self._kept, self._kept_from = self._kept[first - self._kept_from :], first
        return samples


def read_audio(
    path: str | Path, start_s: float = 0.0, duration_s: float | None = None, dtype: str = "float32"
) -> tuple[np.ndarray, int]:
    """Read a file, or a part of it, as mono: samples (T,) in [-1, 1] (channels averaged) and the rate in Hz.

    Raises DataError as `AudioFile` does.
    """
    with AudioFile(path, dtype) as audio:
        return audio.read(start_s, duration_s), audio.rate_hz
