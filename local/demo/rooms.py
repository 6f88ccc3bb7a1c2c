"""Places as impulse responses: direct sound, a few early reflections, a diffuse tail whose treble dies first.

The tail is Gaussian noise with exponential decay per octave band (Moorer 1979, "About this reverberation business");
air and walls absorb high frequencies more, so the decay time falls from band to band.
"""

import numpy as np
from scipy import signal

from .signals import RATE_HZ, Rng, Sound, add_at, band, gain, log_uniform, num_samples, rms, seconds

BAND_EDGES_HZ = (60, 250, 700, 1800, 4000, 7600)


def diffuse_tail(rng: Rng, t60_s: float, treble: float, duration_s: float | None = None) -> Sound:
    """Noise decaying by 60 dB in ``t60_s`` in the lowest band and in ``treble * t60_s`` in the highest; RMS 1 at 0."""
    count = num_samples(t60_s if duration_s is None else duration_s)
    decays = t60_s * np.geomspace(1.0, treble, len(BAND_EDGES_HZ) - 1)
    t = seconds(count)
    tail = np.zeros(count)
    noise = rng.standard_normal(count)
    for low, high, decay in zip(BAND_EDGES_HZ, BAND_EDGES_HZ[1:], decays, strict=False):
        tail += band(noise, low, high) * 10.0 ** (-3.0 * t / decay)
    return tail / max(rms(tail[: num_samples(0.02)]), 1e-9)


def room(rng: Rng, t60_s: float, wet_db: float, size_m: float = 5.0, treble: float = 0.35) -> Sound:
    """Impulse response of a room: direct sound 1, ``wet_db`` the energy of everything else against it."""
    wet = np.zeros(num_samples(t60_s) + num_samples(0.1))
    mean_free_path_s = size_m / 343.0
    for delay in np.cumsum(rng.exponential(mean_free_path_s, 8)) + 0.3 * mean_free_path_s:
        reflection = band(np.r_[1.0, np.zeros(63)], None, log_uniform(rng, 2000, 7000), order=1)
        add_at(wet, num_samples(delay), rng.choice([-1, 1]) * reflection / (1.0 + delay / mean_free_path_s))
    tail = diffuse_tail(rng, t60_s, treble)
    add_at(wet, num_samples(2 * mean_free_path_s), 0.1 * tail)
    wet *= gain(wet_db) / np.sqrt(np.sum(wet**2))
    wet[0] += 1.0
    return wet


def open_air(rng: Rng, distance_m: float, wet_db: float) -> Sound:
    """Impulse response out of doors: ground reflection, a few dull echoes of walls or trees, a faint tail."""
    wet = room(rng, log_uniform(rng, 0.4, 1.0), wet_db, size_m=rng.uniform(12, 40), treble=0.25)
    add_at(wet, num_samples(rng.uniform(1.5, 6.0) / distance_m / 3), -0.4 * np.ones(1))
    return wet


def reverberate(sound: Sound, response: Sound) -> Sound:
    """Sound in a place; (T + len(response) - 1,)."""
    return signal.oaconvolve(sound, response)


def telephone(sound: Sound, high_hz: float) -> Sound:
    """What a cheap recorder keeps: a steep low-pass (4th-order elliptic) and little bass."""
    if high_hz < 0.45 * RATE_HZ:
        sound = signal.sosfilt(signal.ellip(6, 0.5, 50, high_hz, fs=RATE_HZ, output="sos"), sound)
    return band(sound, 90.0)
