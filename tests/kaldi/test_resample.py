"""Kaldi's LinearResample against its formula, summed densely in double precision."""

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.resample import linear_resample, num_output_samples, resample_waveform


def dense(samples: np.ndarray, from_hz: int, to_hz: int, cutoff_hz: float, num_zeros: int) -> np.ndarray:
    """y(u) = sum over n of x(n) h(n / from - u / to) / from, h a sinc under a raised cosine."""
    num_out = sum(1 for u in range(len(samples) * to_hz // from_hz + 2) if u * from_hz < len(samples) * to_hz)
    t = np.arange(len(samples))[None, :] / from_hz - np.arange(num_out)[:, None] / to_hz
    window = np.where(
        np.abs(t) < num_zeros / (2 * cutoff_hz), 0.5 * (1 + np.cos(2 * np.pi * cutoff_hz / num_zeros * t)), 0
    )
    return (2 * cutoff_hz * np.sinc(2 * cutoff_hz * t) * window / from_hz) @ samples.astype(np.float64)


@pytest.mark.parametrize(
    "from_hz, to_hz", [(16000, 8000), (8000, 16000), (44100, 16000), (48000, 16000), (16000, 44100), (22050, 16000),
                       (11025, 16000), (16000, 15999), (32000, 16000), (16001, 8000)]
)  # fmt: skip
@pytest.mark.parametrize("num_samples", [1, 7, 700, 3001])
def test_against_the_formula(from_hz, to_hz, num_samples):
    rng = np.random.default_rng(from_hz + to_hz + num_samples)
    samples = (1000 * rng.standard_normal(num_samples)).astype(np.float32)
    expected = dense(samples, from_hz, to_hz, float(np.float32(0.99 * 0.5 * min(from_hz, to_hz))), 6)
    result = resample_waveform(samples, from_hz, to_hz)
    assert result.dtype == np.float32
    assert len(result) == len(expected) == num_output_samples(num_samples, from_hz, to_hz)
    # Kaldi's times and coefficients are single precision; ours are the same ones.
    assert np.linalg.norm(result - expected) <= 1e-5 * np.linalg.norm(expected) + 1e-3


def test_a_tone_keeps_its_pitch_and_level():
    time = np.arange(44100) / 44100
    result = resample_waveform(1000 * np.sin(2 * np.pi * 440 * time).astype(np.float32), 44100, 16000)
    expected = 1000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(result - expected)[100:-100].max() < 3


def test_empty_and_bad_rates():
    assert len(resample_waveform(np.zeros(0, np.float32), 16000, 8000)) == 0
    with pytest.raises(DataError, match="cutoff"):
        linear_resample(np.zeros(10, np.float32), 16000, 8000, 5000.0, 6)
