"""Audio files in, 16-bit wav out, one named resampler (SoX resampler library, very high quality)."""

from pathlib import Path

import numpy as np
import soundfile

from pysed.atomic import atomic_path
from pysed.errors import DataError


def duration_of(path: str | Path) -> float:
    """Length of an audio file in seconds; raises DataError where libsndfile cannot read it."""
    return _info(path).duration


def _info(path: str | Path):
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such audio file; check the list that names it")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: empty file; expected audio; fetch or copy it again")
    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: not readable as audio ({error.error_string}); expected wav, flac, ogg, ...") from None
    if info.frames == 0:
        raise DataError(f"{path}: no samples; expected audio; fetch or copy it again")
    return info


def read_audio(path: str | Path, start_s: float = 0.0, duration_s: float | None = None) -> tuple[np.ndarray, int]:
    """Read a file, or a part of it, as mono.

    Returns samples (T,) float32 in [-1, 1] (channels averaged) and the rate in Hz. Raises DataError for a missing,
    empty, unreadable or truncated file, and for a part that is not all inside it (half a millisecond is forgiven).
    """
    info = _info(path)
    first = round(start_s * info.samplerate)
    wanted = info.frames - first if duration_s is None else round(duration_s * info.samplerate)
    if first < 0 or wanted <= 0 or first + wanted > info.frames + info.samplerate // 2000:
        end = "end" if duration_s is None else f"{start_s + duration_s:.3f}"
        raise DataError(f"{path}: part {start_s:.3f} to {end} s is not inside the file's {info.duration:.3f} s")
    wanted = min(wanted, info.frames - first)
    try:
        samples, rate_hz = soundfile.read(str(path), wanted, first, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: damaged audio ({error.error_string}); fetch or copy it again") from None
    if len(samples) < wanted:
        raise DataError(f"{path}: truncated: {len(samples)} of {wanted} samples; fetch or copy it again")
    return samples.mean(axis=1, dtype=np.float32), rate_hz


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
