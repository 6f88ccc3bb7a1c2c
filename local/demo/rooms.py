"""Places as impulse responses: direct sound, a few early reflections, a diffuse tail whose treble dies first.

The tail is exponentially decaying Gaussian noise (Moorer 1979, "About this reverberation business"); air and walls
absorb high frequencies more, so its decay time falls smoothly with frequency.
"""

import numpy as np
from scipy import signal

from .signals import RATE_HZ, Rng, Sound, add_at, band, gain, log_uniform, num_samples, rms

WINDOW = 256
BASS_HZ = 125.0


def diffuse_tail(rng: Rng, t60_s: float, treble: float, duration_s: float | None = None) -> Sound:
    """Noise decaying by 60 dB in ``t60_s`` in the bass and in ``treble * t60_s`` at the top; RMS 1 at its start."""
    count = num_samples(t60_s if duration_s is None else duration_s)
    frequencies, times, noise = signal.stft(
        rng.standard_normal(count), RATE_HZ, nperseg=WINDOW, noverlap=3 * WINDOW // 4
    )
    octaves = np.log(np.maximum(frequencies, BASS_HZ) / BASS_HZ) / np.log(0.5 * RATE_HZ / BASS_HZ)
    decay = 10.0 ** (-3.0 * times[None, :] / (t60_s * treble**octaves)[:, None])
    tail = signal.istft(noise * decay, RATE_HZ, nperseg=WINDOW, noverlap=3 * WINDOW // 4)[1][:count]
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


def microphone(rng: Rng, sound: Sound) -> Sound:
    """A recorder's colour: a first-order shelf of -8..8 dB somewhere between 400 and 2000 Hz."""
    bass = band(sound, None, log_uniform(rng, 400, 2000), order=1)
    return sound + (gain(rng.uniform(-8, 8)) - 1.0) * bass
