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


def write_wav(path: str | Path, samples: np.ndarray, rate_hz: int) -> None:
    """Write (T,) in [-1, 1] as 16-bit PCM wav, rounded to nearest, clipped, under a temporary name first."""
    quantised = np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()  # libsndfile would hide what the system says of a disk that is full
    soundfile.write(buffer, quantised, rate_hz, subtype="PCM_16", format="WAV")
    with atomic_open(path, "wb") as stream:
        stream.write(buffer.getbuffer())
