"""Cries of infants: expiratory bursts of a driven voice, in-breaths between them.

Figures after Wasz-Höckert et al. (1968) and LaGasse et al. (2005): pitch 300-600 Hz in rising-falling melodies, bursts
of about a second, hyperphonation above 1 kHz and dysphonation (roughness) in passages, formants of a
tract half as long as a grown-up's (the first near 1.1 kHz).
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from .rooms import reverberate, room, telephone
from .signals import (
    Rng,
    Sound,
    add_at,
    band,
    curve_through,
    fade,
    gain,
    log_uniform,
    num_samples,
    seconds,
    shaped_noise,
    unit_rms,
    wander,
)  # fmt: skip
from .voice import formant_filter, phonate

BANDWIDTHS_HZ = np.array([140.0, 220.0, 350.0, 550.0])
# Melody shapes as (fraction of the burst, pitch relative to the infant's mean).
MELODIES = (
    ((0, 0.80), (0.25, 1.08), (0.7, 1.05), (1, 0.75)),
    ((0, 1.00), (0.10, 1.15), (0.6, 1.00), (1, 0.70)),
    ((0, 0.75), (0.50, 1.00), (0.8, 1.20), (1, 0.95)),
    ((0, 0.85), (0.15, 1.10), (0.4, 0.95), (0.65, 1.12), (1, 0.80)),
    ((0, 0.95), (0.30, 1.05), (0.9, 1.02), (1, 0.90)),
)


@dataclass(frozen=True)
class Infant:
    """What stays the same over one recording: the voice, how upset it is, the room and the recorder."""

    pitch_hz: float
    formants_hz: np.ndarray
    tilt_hz: float
    breath: float
    distress: float
    room: np.ndarray
    recorder_hz: float

    @classmethod
    def draw(cls, rng: Rng) -> "Infant":
        scale = rng.uniform(0.8, 1.12)
        return cls(
            pitch_hz=log_uniform(rng, 310, 560),
            formants_hz=scale * np.array([1150.0, 2900.0, 4700.0, 6300.0]) * rng.uniform(0.9, 1.08, 4),
            tilt_hz=log_uniform(rng, 600, 4000),
            breath=log_uniform(rng, 0.01, 0.08),
            distress=rng.uniform(0.0, 1.0),
            room=room(rng, rng.uniform(0.15, 0.5), rng.uniform(-14, -3), size_m=rng.uniform(2, 5)),
            recorder_hz=rng.choice([3600.0, 5500.0, 8000.0], p=[0.3, 0.15, 0.55]),
        )


def expiration(rng: Rng, infant: Infant, duration_s: float) -> Sound:
    """One cry burst of RMS 1."""
    count = num_samples(duration_s)
    t = seconds(count)
    melody = np.array(MELODIES[rng.integers(len(MELODIES))])
    melody[:, 1] **= rng.uniform(0.8, 2.4)
    pitch = infant.pitch_hz * rng.uniform(0.92, 1.1) * curve_through(melody, count)
    pitch *= 1.0 + rng.uniform(0.0, 0.025) * np.sin(2 * np.pi * rng.uniform(5, 8) * t + rng.uniform(0, 6))
    pitch *= wander(rng, count, 12.0, 0.985, 1.015)
    if rng.random() < 0.15 + 0.2 * infant.distress:  # hyperphonation: the register breaks for a passage
        start, width = rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.4)
        inside = np.clip(
            log_uniform(rng, 6, 60) * np.minimum(t / duration_s - start, start + width - t / duration_s) + 0.5, 0, 1
        )
        pitch *= 1.0 + inside * rng.uniform(0.7, 1.3)
    roughness = np.clip(wander(rng, count, 3.0, -1.0, 0.4 + infant.distress), 0, 1) if rng.random() < 0.6 else 0.0
    source = phonate(
        rng,
        np.minimum(pitch, 1600.0),
        open_quotient=rng.uniform(0.5, 0.7),
        tilt_hz=infant.tilt_hz,
        jitter=0.01,
        shimmer=0.06,
        roughness=roughness,
        breath=infant.breath * wander(rng, count, 3.0, 0.5, 2.5),
    )
    # The mouth opens into the cry and closes at its end: the first formant follows it most.
    opening = curve_through([(0, 0.72), (0.2, 1.0), (0.75, rng.uniform(0.9, 1.1)), (1, 0.75)], 64)
    spread = np.array([1.0, 0.5, 0.25, 0.15])
    formants = infant.formants_hz * (1.0 + spread * (opening[:, None] - 1.0)) * rng.uniform(0.96, 1.04, 4)
    cry = formant_filter(source, formants.clip(max=7200), BANDWIDTHS_HZ)
    loudness = curve_through([(0, 0.5), (0.15, 1.0), (0.7, rng.uniform(0.6, 1.0)), (1, 0.15)], count)
    if rng.random() < 0.25:  # a sob: the breath catches irregularly towards the end
        catches = np.cumsum(rng.uniform(0.12, 0.35, 12)) + rng.uniform(0.0, 0.6) * duration_s
        closed = (np.abs(t[:, None] - catches) < rng.uniform(0.015, 0.04, 12)).any(axis=1)
        loudness = signal.oaconvolve(loudness * (1.0 - 0.9 * closed), np.hanning(401) / 200.0, "same")
    return unit_rms(fade(cry * loudness, rng.uniform(0.004, 0.03), rng.uniform(0.03, 0.12)))


def inspiration(rng: Rng, infant: Infant, duration_s: float) -> Sound:
    """In-breath: turbulent noise through the open tract, now and then with a squeak of voice."""
    count = num_samples(duration_s)
    noise = shaped_noise(rng, count, {300: -18, 1500: 0, 5000: -2, 8000: -8})
    if rng.random() < 0.4:
        noise += 0.8 * phonate(rng, infant.pitch_hz * curve_through([(0, 1.2), (1, rng.uniform(1.5, 2.2))], count))
    formants = np.tile(infant.formants_hz.clip(max=7200), (2, 1))
    breath = formant_filter(noise, formants, 2.5 * BANDWIDTHS_HZ)
    return breath * curve_through([(0, 0), (0.6, 1), (1, 0)], count)


def synthesise(recording: Rng, rng: Rng) -> Sound:
    """One cry of 0.8 to about 5 s; ``recording`` seeds the infant and the room, ``rng`` this event; (T,)."""
    infant = Infant.draw(recording)
    bursts = int(rng.choice([1, 2, 3, 4, 5], p=[0.3, 0.3, 0.2, 0.12, 0.08]))
    track = np.zeros(num_samples(12.0))
    at = 0
    for i in range(bursts):
        burst_s = log_uniform(rng, 0.6, 2.2) if bursts < 3 else log_uniform(rng, 0.35, 1.2)
        add_at(track, at, expiration(rng, infant, burst_s) * gain(rng.uniform(-5, 0) - 1.5 * (i == 0)))
        at += num_samples(burst_s)
        if i < bursts - 1:
            at += num_samples(rng.uniform(0.02, 0.12))
            breath_s = rng.uniform(0.12, 0.3)
            add_at(track, at, inspiration(rng, infant, breath_s) * gain(rng.uniform(-32, -14)))
            at += num_samples(breath_s + rng.uniform(0.02, 0.25))
    return band(telephone(reverberate(track[:at], infant.room), infant.recorder_hz), 80.0)
