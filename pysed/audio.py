"""Audio files in, 16-bit wav out, one named resampler (SoX resampler library, very high quality).

One policy for every file, whoever reads it: lengths are counted by decoding where a header does not bind; a file that
is cut off or damaged is read as far as it goes, with a warning that says how far (`refuse_damage`: an error instead);
samples that are not finite are an error; channels that cancel each other in their mean bring a warning.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from pysed.atomic import atomic_path
from pysed.audio_streams import Stream, StreamFile, find_streams
from pysed.errors import DataError
from pysed.kaldi.messages import warn

RATES_HZ = 50, 20_000_000
_BLOCK = 1 << 18  # samples of all channels read at once
_TOLERANCE_S = 0.001
_CANCELLED = 0.1  # of the power that the mean of independent channels has
_LOUD = 10.0  # beyond full scale: 16-bit values in a float file
_CUT = re.compile(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

_strict = False
_said: set[str] = set()


def refuse_damage(refuse: bool) -> None:
    """Whether this process refuses files that are cut off or damaged, rather than warn and read what is there."""
    global _strict
    _strict = refuse


class _Opened(soundfile.SoundFile):
    """libsndfile's view of a stream, read forwards: it is not asked to seek after each read."""

    def seekable(self) -> bool:
        return False


class _Decoder:
    """Decodes a file's streams one after the other; counts, checks and averages channels on the way."""

    def __init__(self, path: Path, dtype: str = "float32"):
        self.path, self.dtype = path, dtype
        self.streams = find_streams(path)
        self.place = 0  # frames given out
        self.faults: list[str] = []
        self._opened: _Opened | None = None
        self._file: StreamFile | None = None
        self._number = -1
        self._count = 0
        self._power = np.zeros(2)  # of the mean, and the channels' mean power times their number
        self._peak = 0.0
        self._open_next()
        assert self._opened is not None
        self.rate_hz: int = self._opened.samplerate
        self.num_frames: int = self._opened.frames
        self.binds: bool = (
            len(self.streams) == 1 and self.streams[0].has_true_length and not self._missing_s(self.num_frames)
        )
        if not RATES_HZ[0] <= self.rate_hz <= RATES_HZ[1]:
            raise DataError(f"{path}: {self.rate_hz} Hz; expected a rate of {RATES_HZ[0]} to {RATES_HZ[1]:,} Hz")

    def _open_next(self) -> bool:
        self._close_stream()
        self._number += 1
        if self._number == len(self.streams):
            return False
        try:
            self._file = None if self._stream().is_whole_file else StreamFile(self.path, self._stream())
            self._opened = _Opened(os.fsencode(self.path) if self._file is None else self._file)
        except soundfile.LibsndfileError as error:
            if self._number == 0:
                raise DataError(
                    f"{self.path}: not readable as audio ({error.error_string}); expected wav, flac, ogg, mp3, ..."
                ) from None
            self.faults.append(f"what follows {self._at()} is not readable ({error.error_string})")
            return False
        self._count = 0
        if self._number and self._opened.samplerate != self.rate_hz:
            raise DataError(
                f"{self.path}: changes from {self.rate_hz} to {self._opened.samplerate} Hz at {self._at()}; "
                "convert it, for example with 'ffmpeg -i IN OUT.wav'"
            )
        return True

    def _at(self) -> str:
        return f"{self.place / self.rate_hz:.3f} s"

    def _stream(self) -> Stream:
        return self.streams[self._number]

    def _missing_s(self, count: int) -> float:
        """Seconds that the open stream's header announces beyond ``count`` frames."""
        assert self._opened is not None
        announced_s, rate_hz = self._stream().announced_s, self._opened.samplerate
        if announced_s is None and (match := _CUT.search(self._opened.extra_info)):
            stated, found = int(match[1]), int(match[2])
            if found < stated < 0x7FFFF000 and found:
                announced_s = count / rate_hz * stated / found
        missing_s = 0.0 if announced_s is None else announced_s - count / rate_hz
        return missing_s if missing_s > _TOLERANCE_S else 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        """(T,) of the mean of channels, of any number of samples, up to the end."""
        while self._opened is not None:
            samples, has_ended = self._read()
            if len(samples):
                yield self._mean(samples)
            if has_ended and not self._open_next():
                return

    def _read(self) -> tuple[np.ndarray, bool]:
        """The next (T, C) of the open stream, and whether it ends with them; then ``faults`` says what is missing."""
        assert self._opened is not None
        channels = self._opened.channels
        samples = np.empty((max(1, _BLOCK // channels), channels), self.dtype)
        reason = ""
        if self._opened.format == "FLAC":
            samples.fill(np.nan)
        try:
            count = len(self._opened.read(out=samples))
        except soundfile.LibsndfileError as error:
            reason = error.error_string  # what was decoded before is in place
            count = int(np.argmax(np.isnan(samples[:, 0]))) if self._opened.format == "FLAC" else 0
        self._count += count
        has_ended = bool(reason) or count < len(samples)
        if has_ended:
            self._note_fault(self.place + count, reason)
        return samples[:count], has_ended

    def _note_fault(self, place: int, reason: str) -> None:
        """The open stream ended at a frame of the file: note what is missing."""
        stream, missing_s, end_s = self._stream(), self._missing_s(self._count), place / self.rate_hz
        if missing_s:
            total_s = end_s + missing_s
            self.faults.append(f"cut off or damaged: {end_s:.3f} s of the announced {total_s:.3f} s can be read")
        elif stream.is_open:
            self.faults.append(f"no end mark, probably cut off: {end_s:.3f} s can be read")
        elif reason and stream.announced_s is None:
            self.faults.append(f"damaged ({reason}): {end_s:.3f} s can be read")

    def _mean(self, samples: np.ndarray) -> np.ndarray:
        """(T, C) → (T,), checked."""
        assert self._opened is not None
        channels = samples.shape[1]
        mean = samples[:, 0] if channels == 1 else samples.mean(axis=1, dtype=self.dtype)
        if not self._opened.subtype.startswith("PCM"):
            self._peak = max(self._peak, self._finite_peak(mean))
        self.place += len(mean)
        if channels > 1:
            self._power += float(mean @ mean), float(np.vdot(samples, samples)) / channels**2
        return mean

    def _finite_peak(self, mean: np.ndarray) -> float:
        peak = float(max(mean.max(), -mean.min()))
        if not np.isfinite(peak):
            first = int(np.argmin(np.isfinite(mean)))
            raise DataError(
                f"{self.path}: a sample that is not a finite number at {(self.place + first) / self.rate_hz:.3f} s; "
                "expected numbers from -1 to 1: mend or cut it there"
            )
        return peak

    def skip(self, num_frames: int) -> None:
        """Go to a place in a stream whose header binds."""
        assert self._opened is not None
        self._opened.seek(num_frames)
        self.place = self._count = num_frames

    def _close_stream(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Close the file and say what was odd about what was read of it."""
        self._close_stream()
        if self._power[0] < _CANCELLED * self._power[1]:
            decibels = 10 * np.log10(max(self._power[0], 1e-12 * self._power[1]) / self._power[1])
            _say(
                f"{self.path}: its channels cancel each other: their mean has {decibels:.0f} dB of the power of "
                "independent ones; take one channel, or turn one's sign"
            )
        if self._peak > _LOUD:
            _say(f"{self.path}: values up to {self._peak:.3g}; expected -1 to 1: what is beyond is clipped")


def _say(message: str) -> None:
    """Warn, once."""
    if message not in _said:
        _said.add(message)
        warn(message)


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
    decoder = _Decoder(path)
    try:
        if decoder.binds:
            return _Counted(decoder.rate_hz, decoder.num_frames, True, ())
        num_frames = sum(len(block) for block in decoder.blocks())
        return _Counted(decoder.rate_hz, num_frames, False, tuple(decoder.faults))
    finally:
        decoder.close()


def _counted(path: Path) -> _Counted:
    """`_count`, with the policy about damage."""
    if not path.is_file():
        raise DataError(f"{path}: no such audio file; check the list that names it")
    try:
        status = path.stat()
        if not status.st_size:
            raise DataError(f"{path}: empty file; expected audio; fetch or copy it again")
        counted = _count(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); expected audio") from None
    if not counted.num_frames:
        raise DataError(f"{path}: no samples; expected audio; fetch or copy it again")
    for fault in counted.faults:
        if _strict:
            raise DataError(f"{path}: {fault}; --strict refuses it: fetch or copy it again")
        _say(f"{path}: {fault}")
    return counted


def duration_of(path: str | Path) -> float:
    """Length of an audio file in seconds; raises DataError where it cannot be read."""
    counted = _counted(Path(path))
    return counted.num_frames / counted.rate_hz


def rate_of(path: str | Path) -> int:
    """Rate of an audio file in Hz; raises DataError where it cannot be read."""
    return _counted(Path(path)).rate_hz


class AudioFile:
    """An audio file as mono, channels averaged; parts in order of time are cheapest, also where they overlap.

    Memory holds the part asked for alone. Raises DataError for a missing, empty or unreadable file, and for samples
    that are not finite.
    """

    def __init__(self, path: str | Path, dtype: str = "float32"):
        self.path = Path(path)
        counted = _counted(self.path)
        self.rate_hz, self.num_frames = counted.rate_hz, counted.num_frames
        self._binds, self._dtype = counted.binds, dtype
        self._start(0)

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
        self._decoder = _Decoder(self.path, self._dtype)
        if self._binds and first:
            self._decoder.skip(first)
        self._kept, self._kept_from = np.empty(0, self._dtype), self._decoder.place
        self._blocks = self._decoder.blocks()

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
            self._start(first)
        parts, reached = [self._kept], self._kept_from + len(self._kept)
        while reached < last:
            block = next(self._blocks, None)
            if block is None:
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


def resample(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample (T,) → (T',) with soxr VHQ; dtype kept."""
    if from_hz == to_hz:
        return samples
    import soxr

    return soxr.resample(samples, from_hz, to_hz, quality="VHQ")


def write_wav(path: str | Path, samples: np.ndarray, rate_hz: int) -> None:
    """Write (T,) in [-1, 1] as 16-bit PCM wav, rounded to nearest, clipped, under a temporary name first."""
    quantised = np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)
    with atomic_path(path) as temporary:
        soundfile.write(str(temporary), quantised, rate_hz, subtype="PCM_16", format="WAV")
