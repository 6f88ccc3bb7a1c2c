"""16-bit wav out, and one named resampler (SoX resampler library, very high quality)."""

import io
from pathlib import Path

import numpy as np
import soundfile

from pysed.atomic import atomic_open


def resample(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample (T,) → (T',) with soxr VHQ; dtype kept."""
    if from_hz == to_hz:
        return samples
    import soxr

    return soxr.resample(samples, from_hz, to_hz, quality="VHQ")


class Resampler:
    """The same for sound that comes in pieces, (T,) float32 each."""

    def __init__(self, from_hz: int, to_hz: int):
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="VHQ")

    def push(self, samples: np.ndarray, is_last: bool = False) -> np.ndarray:
        """The samples that are certain with these; all that are left with the last ones, which may be none."""
        samples = np.ascontiguousarray(samples, np.float32)
        return samples if self._stream is None else self._stream.resample_chunk(samples, is_last)


def write_wav(path: str | Path, samples: np.ndarray, rate_hz: int) -> None:
    """Write (T,) in [-1, 1] as 16-bit PCM wav, rounded to nearest, clipped, under a temporary name first."""
    quantised = np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()  # libsndfile would hide what the system says of a disk that is full
    soundfile.write(buffer, quantised, rate_hz, subtype="PCM_16", format="WAV")
    with atomic_open(path, "wb") as stream:
        stream.write(buffer.getbuffer())
