"""A file's streams decoded one after the other by libsndfile, or by ffmpeg what libsndfile refuses, averaged over
channels, and checked on the way."""

import os
import re
from pathlib import Path

import numpy as np
import soundfile

from pysed.audio import ffmpeg
from pysed.audio.stream_file import Stream, StreamFile
from pysed.audio.streams import find_streams
from pysed.errors import DataError, warn_once

RATES_HZ = 50, 20_000_000
_BLOCK = 1 << 18  # samples of all channels read at once
_TOLERANCE_S = 0.001
_SURPLUS_S = 0.5
_CANCELLED = 0.1  # of the power that the mean of independent channels has
LOUD = 10.0  # beyond full scale: 16-bit values in a float file
_CUT = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


class _Opened(soundfile.SoundFile):
    """libsndfile's view of a stream, read forwards: it is not asked to seek after each read."""

    fault = ""

    def seekable(self) -> bool:
        return False


class Decoder:
    """Decodes a file's streams one after the other; counts, checks and averages channels on the way.

    ``channels``: "mix" for their mean, a number from 1 for one of them, "each" for all side by side, (T, C).
    """

    def __init__(self, path: Path, dtype: str = "float32", channels: int | str = "mix"):
        self.path, self.dtype, self.channels = path, dtype, channels
        self.streams = find_streams(path)
        self.place = 0  # frames given out
        self.faults: list[str] = []
        self._opened: _Opened | ffmpeg.FfmpegSound | None = None
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
            len(self.streams) == 1
            and self.streams[0].has_true_length
            and not self._is_open()
            and not self._missing_s(self.num_frames)
        )
        self.faults += [
            f"its header announces less than there is: bytes for {stream.surplus_s:.3f} s more follow and are not read"
            for stream in self.streams
            if stream.surplus_s > _SURPLUS_S
        ]
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
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw, which has no header
            reason = getattr(error, "error_string", "no header")
            self._close_stream()
            if self._number == 0:
                self._open_by_ffmpeg(reason)
                return True
            self.faults.append(f"what follows {self._at()} is not readable ({reason})")
            return False
        self._count = 0
        if self._number and self._opened.samplerate != self.rate_hz:
            raise DataError(
                f"{self.path}: changes from {self.rate_hz} to {self._opened.samplerate} Hz at {self._at()}; "
                "convert it, for example with 'ffmpeg -i IN OUT.wav'"
            )
        return True

    def _open_by_ffmpeg(self, reason: str) -> None:
        """Open what libsndfile refuses for this reason."""
        refusal = f"{self.path}: not readable as audio ({reason}); expected wav, flac, ogg, mp3, ..."
        if not ffmpeg.may_read(self.path):
            raise DataError(refusal) from None
        if not ffmpeg.is_installed():
            raise DataError(f"{refusal}; for other kinds install ffmpeg") from None
        self.streams = [Stream(0, self.path.stat().st_size)]
        self._opened, self._count = ffmpeg.FfmpegSound(self.path), 0

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

    def _is_open(self) -> bool:
        """Whether the open stream lacks its end, though nothing says how much is missing."""
        assert self._opened is not None
        return self._stream().is_open or "truncated file" in self._opened.extra_info  # which libsndfile says of voc

    def read(self, limit: int) -> np.ndarray:
        """The next samples (T,) of the channels chosen: one to ``limit``, none at the end."""
        while self._opened is not None:
            samples, has_ended = self._read(limit)
            mean = self._mean(samples) if len(samples) else np.empty(0, self.dtype)
            if has_ended:
                self._open_next()
            if len(mean):
                return mean
        return np.empty(0, self.dtype)

    def _read(self, limit: int) -> tuple[np.ndarray, bool]:
        """The next (T, C) of the open stream, and whether it ends with them; then ``faults`` says what is missing."""
        assert self._opened is not None
        channels = self._opened.channels
        samples = np.empty((min(limit, max(1, _BLOCK // channels)), channels), self.dtype)
        reason = ""
        if self._opened.format == "FLAC":
            samples.fill(np.nan)
        try:
            count = len(self._opened.read(out=samples))
        except soundfile.LibsndfileError as error:
            reason = error.error_string  # what was decoded before is in place
            count = int(np.argmax(np.isnan(samples[:, 0]))) if self._opened.format == "FLAC" else 0
        reason = reason or self._opened.fault
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
        elif self._is_open():
            self.faults.append(f"no end mark, probably cut off: {end_s:.3f} s can be read")
        elif reason and stream.announced_s is None:
            self.faults.append(f"damaged ({reason}): {end_s:.3f} s can be read")

    def _mean(self, samples: np.ndarray) -> np.ndarray:
        """(T, C) → (T,), checked; (T, C) of each channel."""
        assert self._opened is not None
        channels = samples.shape[1]
        if isinstance(self.channels, int) and self.channels > channels:
            raise DataError(f"{self.path}: {channels} channels; expected a channel {self.channels}")
        with np.errstate(invalid="ignore", over="ignore"):
            if self.channels == "each":
                mean = samples
            elif isinstance(self.channels, int):
                mean = samples[:, self.channels - 1]
            else:
                mean = samples[:, 0] if channels == 1 else samples.mean(axis=1, dtype=self.dtype)
        if not self._opened.subtype.startswith("PCM"):
            self._peak = max(self._peak, self._finite_peak(mean))
        self.place += len(mean)
        if channels > 1 and self.channels == "mix":
            self._power += float(mean @ mean), float(np.vdot(samples, samples)) / channels**2
        return mean

    def _finite_peak(self, mean: np.ndarray) -> float:
        peak = float(max(mean.max(), -mean.min()))
        if not np.isfinite(peak):
            first = int(np.argmin(np.isfinite(mean.reshape(len(mean), -1)).all(axis=1)))
            raise DataError(
                f"{self.path}: a sample that is not a finite number at {(self.place + first) / self.rate_hz:.3f} s; "
                "expected numbers from -1 to 1: mend or cut it there"
            )
        return peak

    def skip(self, num_frames: int) -> bool:
        """Go to a place in a stream whose header binds; False where its coding (GSM, DWVW) cannot: open it anew."""
        assert self._opened is not None
        try:
            self._opened.seek(num_frames)
        except soundfile.LibsndfileError:
            return False
        self.place = self._count = num_frames
        return True

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
            warn_once(
                f"{self.path}: its channels cancel each other: their mean has {decibels:.0f} dB of the power of "
                "independent ones; take one channel, or turn one's sign"
            )
        if self._peak > LOUD:
            warn_once(f"{self.path}: values up to {self._peak:.3g}; expected -1 to 1: what is beyond is clipped")
