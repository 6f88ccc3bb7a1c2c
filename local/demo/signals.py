"""The bench of the synthesiser: seeded generators, shaped noise, control curves, ringing modes, placement, levels.

A sound here is a float64 array of shape (T,) at ``RATE_HZ``; levels are in dB.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import fft, signal
from scipy.interpolate import PchipInterpolator

RATE_HZ = 16000
LOUDNESS_WINDOW_S = 0.05

Rng = np.random.Generator
Sound = np.ndarray
Curve = Mapping[int, float] | Mapping[float, float]  # frequency in Hz -> level


def generator(seed: int, *keys: str | int) -> Rng:
    """Generator for one named thing (kind, subset, index …), independent of everything else that is drawn."""
    return np.random.default_rng([seed, *(zlib.crc32(str(key).encode()) for key in keys)])


def num_samples(duration_s: float) -> int:
    return round(duration_s * RATE_HZ)


def seconds(count: int) -> np.ndarray:
    """Times of ``count`` samples in seconds, (count,)."""
    return np.arange(count) / RATE_HZ


def log_uniform(rng: Rng, low: float, high: float, size: int | None = None):
    """Draws whose logarithm is uniform: the natural choice for frequencies and times."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def gain(level_db):
    return 10.0 ** (np.asarray(level_db) / 20.0)


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


def unit_rms(sound: Sound) -> Sound:
    """Scale a steady sound to RMS 1."""
    return sound / max(rms(sound), 1e-12)


def moving_rms(sound: Sound, window_s: float) -> np.ndarray:
    """RMS over a centred window, (T,)."""
    length = max(1, num_samples(window_s))
    power = np.convolve(np.square(sound), np.ones(length) / length) if length < 64 else _running_mean(sound, length)
    return np.sqrt(np.maximum(power[length // 2 : length // 2 + len(sound)], 0.0))


def _running_mean(sound: Sound, length: int) -> np.ndarray:
    total = np.cumsum(np.concatenate([np.zeros(length), np.square(sound), np.zeros(length)]))
    return (total[length:] - total[:-length])[1:] / length


def unit_loud(sound: Sound) -> Sound:
    """Scale a short sound so that its loudest 50 ms have RMS 1 (a sparse sound's level against a steady bed)."""
    return sound / max(float(moving_rms(sound, LOUDNESS_WINDOW_S).max(initial=0.0)), 1e-12)


def shaped_noise(rng: Rng, count: int, curve: Curve) -> Sound:
    """Gaussian noise of RMS 1 whose spectrum follows ``curve``: frequency in Hz -> dB, linear over log frequency."""
    size = fft.next_fast_len(max(count, 64), real=True)
    frequencies = np.maximum(fft.rfftfreq(size, 1 / RATE_HZ), 1.0)
    level_db = np.interp(np.log(frequencies), np.log(list(curve)), list(curve.values()))
    spectrum = fft.rfft(rng.standard_normal(size)) * gain(level_db)
    spectrum[0] = 0.0
    return unit_rms(fft.irfft(spectrum, size)[:count])


def wander(rng: Rng, count: int, rate_hz: float, low: float, high: float) -> np.ndarray:
    """Smooth random control curve in [low, high] with about ``rate_hz`` turns a second, (count,)."""
    knots = max(3, int(np.ceil(count / RATE_HZ * rate_hz)) + 2)
    places = np.linspace(0, count, knots) + np.r_[0, rng.uniform(-0.3, 0.3, knots - 2), 0] * count / (knots - 1)
    # The curve moves slowly: evaluating it every 16 samples costs a fraction and loses nothing.
    coarse = np.arange(0, count + 16, 16)
    return np.interp(np.arange(count), coarse, PchipInterpolator(places, rng.uniform(low, high, knots))(coarse))


def curve_through(points: Sequence[tuple[float, float]] | np.ndarray, count: int) -> np.ndarray:
    """Smooth curve through (fraction of the whole, value) points, (count,)."""
    places, values = zip(*points, strict=True)
    return PchipInterpolator(places, values)(np.linspace(0.0, 1.0, count))


def modes(frequencies_hz, decays_s, amplitudes, count: int, phases=0.0) -> Sound:
    """Sum of damped sinusoids: the impulse response of a struck body. Modes above 0.48 of the rate are left out."""
    f, tau, a, p = np.broadcast_arrays(*map(np.atleast_1d, (frequencies_hz, decays_s, amplitudes, phases)))
    keep = f < 0.48 * RATE_HZ
    poles = (-1.0 / tau[keep] + 2j * np.pi * f[keep])[:, None]
    ringing = np.exp(poles * seconds(count) + 1j * p[keep][:, None])  # (modes, count)
    return (a[keep][:, None] * ringing.imag).sum(axis=0)


def burst(rng: Rng, duration_s: float, attack_s: float, decay_s: float, curve: Curve) -> Sound:
    """Noise with an exponential attack and decay."""
    count = num_samples(duration_s)
    t = seconds(count)
    return shaped_noise(rng, count, curve) * (1.0 - np.exp(-t / attack_s)) * np.exp(-t / decay_s)


def add_at(track: Sound, start: int, sound: Sound) -> None:
    """Add ``sound`` into ``track`` from sample ``start``; what falls outside is dropped."""
    first, last = max(start, 0), min(start + len(sound), len(track))
    if first < last:
        track[first:last] += sound[first - start : last - start]


def scatter(
    rng: Rng, count: int, make: Callable[[Rng], Sound], per_minute: float, spread_db: float = 6.0, at_least: int = 0
) -> Sound:
    """Sounds of a kind scattered over a track as a Poisson process, each ``unit_loud`` times a random gain.

    Gains are uniform in [-spread_db, 0] dB.
    """
    track = np.zeros(count)
    for _ in range(max(at_least, rng.poisson(per_minute * count / RATE_HZ / 60.0))):
        sound = unit_loud(make(rng)) * gain(rng.uniform(-spread_db, 0.0))
        add_at(track, int(rng.integers(0, max(1, count - len(sound) // 2))), sound)
    return track


def fade(sound: Sound, in_s: float = 0.0, out_s: float = 0.0) -> Sound:
    """Half-cosine fades; the last sample of a fade-out is 0."""
    sound = sound.copy()
    rise, fall = min(num_samples(in_s), len(sound)), min(num_samples(out_s), len(sound))
    if rise:
        sound[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    if fall:
        sound[-fall:] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(fall) / fall)[::-1]
    return sound


def band(sound: Sound, low_hz: float | None = None, high_hz: float | None = None, order: int = 2) -> Sound:
    """Causal Butterworth high-, low- or band-pass (causal, so that an onset stays where it is)."""
    if low_hz is not None:
        sound = signal.sosfilt(signal.butter(order, low_hz, "high", fs=RATE_HZ, output="sos"), sound)
    if high_hz is not None and high_hz < 0.49 * RATE_HZ:
        sound = signal.sosfilt(signal.butter(order, high_hz, "low", fs=RATE_HZ, output="sos"), sound)
    return sound
