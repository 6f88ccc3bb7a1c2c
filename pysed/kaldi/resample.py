"""Kaldi's resampler: a windowed sinc evaluated at each output time.

Source: Kaldi ``src/feat/resample.cc`` (LinearResample, ResampleWaveform). The filter's coefficients
repeat every unit of gcd(rates); many units are done by one matrix product.
"""

from functools import lru_cache
from math import ceil, gcd

import numpy as np

from pysed.errors import DataError

_DENSE_LIMIT = 1 << 22
_BLOCK_SAMPLES = 1 << 20


@lru_cache(maxsize=8)
def _filters(from_hz: int, to_hz: int, cutoff_hz: float, num_zeros: int) -> tuple[np.ndarray, np.ndarray]:
    """First input index (P,) of each of the P output phases; coefficients (P, N) float32, zeros at the end."""
    num_phases = to_hz // gcd(from_hz, to_hz)
    half_width = num_zeros / (2.0 * cutoff_hz)
    times = np.arange(num_phases) / to_hz
    first = np.ceil((times - half_width) * from_hz).astype(np.int64)
    last = np.floor((times + half_width) * from_hz).astype(np.int64)
    index = first[:, None] + np.arange((last - first).max() + 1)
    # Kaldi hands the time over as a float, and keeps window, sinc and weight as floats.
    t = (index / from_hz - times[:, None]).astype(np.float32).astype(np.float64)
    window = np.where(np.abs(t) < half_width, 0.5 * (1 + np.cos(2 * np.pi * cutoff_hz / num_zeros * t)), 0.0)
    safe = np.where(t == 0, 1.0, t)
    sinc = np.where(t == 0, 2 * cutoff_hz, np.sin(2 * np.pi * cutoff_hz * safe) / (np.pi * safe))
    weights = (sinc.astype(np.float32) * window.astype(np.float32)) / np.float32(from_hz)
    weights[index > last[:, None]] = 0.0
    return first, weights.astype(np.float32)


def num_output_samples(num_samples: int, from_hz: int, to_hz: int) -> int:
    """How many samples a whole signal of ``num_samples`` gives."""
    return -(-num_samples * (to_hz // gcd(from_hz, to_hz)) // (from_hz // gcd(from_hz, to_hz)))


def linear_resample(samples: np.ndarray, from_hz: int, to_hz: int, cutoff_hz: float, num_zeros: int) -> np.ndarray:
    """Kaldi's LinearResample over a whole signal: (T,) float32 at from_hz → (T',) float32 at to_hz.

    ``cutoff_hz``: of the low pass, at most half of either rate; ``num_zeros``: of the sinc on each side.
    """
    if from_hz <= 0 or to_hz <= 0 or cutoff_hz <= 0 or 2 * cutoff_hz > min(from_hz, to_hz) or num_zeros <= 0:
        raise DataError(f"resampling {from_hz} Hz to {to_hz} Hz, cutoff {cutoff_hz} Hz: expected positive rates, "
                        "and a cutoff of at most half of either")  # fmt: skip
    samples = np.asarray(samples, np.float32)
    unit_in, unit_out = from_hz // gcd(from_hz, to_hz), to_hz // gcd(from_hz, to_hz)
    first, weights = _filters(from_hz, to_hz, float(np.float32(cutoff_hz)), num_zeros)
    num_out = num_output_samples(len(samples), from_hz, to_hz)
    if not num_out:
        return np.zeros(0, np.float32)
    num_taps = weights.shape[1]
    start = int(first.min())
    before, after = max(0, -start), num_taps + unit_in + max(0, int(first.max()))
    # One block holds enough units that little of its filter matrix is padding.
    units = max(1, ceil(4 * num_taps / unit_in))
    span = int(first.max()) - start + num_taps + (units - 1) * unit_in
    if span * units * unit_out > _DENSE_LIMIT:
        return _gather(samples, first, weights, unit_in, unit_out, num_out)
    matrix = np.zeros((units * unit_out, span), np.float32)
    for unit in range(units):
        for phase in range(unit_out):
            offset = unit * unit_in + int(first[phase]) - start
            matrix[unit * unit_out + phase, offset : offset + num_taps] = weights[phase]
    num_blocks = -(-num_out // (units * unit_out))
    step = units * unit_in
    padded = np.zeros(before + max(len(samples) + after, num_blocks * step + span), np.float32)
    padded[before : before + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded[before + start :], span)[::step]
    out = np.empty((num_blocks, units * unit_out), np.float32)
    for low in range(0, num_blocks, group := max(1, _BLOCK_SAMPLES // span)):
        part = slice(low, min(low + group, num_blocks))
        np.matmul(np.ascontiguousarray(windows[part]), matrix.T, out=out[part])
    return out.ravel()[:num_out].copy()


def _gather(
    samples: np.ndarray, first: np.ndarray, weights: np.ndarray, unit_in: int, unit_out: int, num_out: int
) -> np.ndarray:
    """The same for rates with so small a common divisor that the filter matrix would not fit."""
    out = np.empty(num_out, np.float32)
    taps = np.arange(weights.shape[1])
    for low in range(0, num_out, group := max(1, _BLOCK_SAMPLES // len(taps))):
        index = np.arange(low, min(low + group, num_out))
        unit, phase = np.divmod(index, unit_out)
        place = (first[phase] + unit * unit_in)[:, None] + taps
        inside = (place >= 0) & (place < len(samples))
        values = np.where(inside, samples[np.clip(place, 0, len(samples) - 1)], np.float32(0))
        out[index] = np.einsum("ij,ij->i", values, weights[phase])
    return out


def resample_waveform(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Kaldi's ResampleWaveform: cutoff at 0.99 of the lower rate's half, six zeros. (T,) → (T',) float32."""
    return linear_resample(samples, from_hz, to_hz, 0.99 * 0.5 * min(from_hz, to_hz), 6)
