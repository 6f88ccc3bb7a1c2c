"""Gunshots: the muzzle's blast wave, gas noise, a bullet's shock wave, and the answer of the place.

The blast is a Friedlander wave, p(t) = (1 - t/t+) exp(-b t/t+); a supersonic bullet adds an N-wave that arrives first
(Maher 2009, "Audio forensic examination"). Indoors the tail is the room's, outdoors it is echoes from walls and trees
and a rumble whose treble the air takes first.
"""

from dataclasses import dataclass

import numpy as np

from .rooms import diffuse_tail
from .signals import RATE_HZ, Rng, Sound, add_at, band, burst, gain, log_uniform, modes, num_samples, seconds


@dataclass(frozen=True)
class Range:
    """Weapon, place and recorder of one recording."""

    positive_phase_s: float
    gas_s: float
    gas_db: float
    supersonic: bool
    air_hz: float
    echo_delays_s: np.ndarray
    echo_db: np.ndarray
    tail_s: float
    tail_db: float
    treble: float
    drive_db: float
    cycle_s: float

    @classmethod
    def draw(cls, rng: Rng) -> "Range":
        indoors = rng.random() < 0.35
        echoes = int(rng.integers(2, 7))
        delays = log_uniform(rng, 0.004, 0.03, echoes) if indoors else log_uniform(rng, 0.03, 0.5, echoes)
        return cls(
            positive_phase_s=log_uniform(rng, 0.00025, 0.002),
            gas_s=log_uniform(rng, 0.004, 0.02),
            gas_db=rng.uniform(-10, 0),
            supersonic=bool(rng.random() < 0.35),
            air_hz=log_uniform(rng, 1200, 7000),
            echo_delays_s=np.sort(delays),
            echo_db=rng.uniform(-20, -7, echoes) - 12 * (delays / delays.max()),
            tail_s=rng.uniform(0.9, 2.0) if indoors else rng.uniform(1.6, 3.6),
            tail_db=rng.uniform(-10, -4) if indoors else rng.uniform(-15, -7),
            treble=rng.uniform(0.4, 0.8) if indoors else rng.uniform(0.15, 0.4),
            drive_db=rng.choice([6.0, 12.0, 20.0], p=[0.3, 0.4, 0.3]),
            cycle_s=log_uniform(rng, 0.07, 0.14),
        )


def blast(rng: Rng, place: Range) -> Sound:
    """The report itself with its ground reflection, about 0.2 s, peak 1."""
    t = seconds(num_samples(0.2))
    ratio = t / place.positive_phase_s
    wave = (1.0 - ratio) * np.exp(-rng.uniform(0.5, 1.2) * ratio)
    sound = wave.copy()
    gas = burst(rng, 0.2, 0.0004, place.gas_s, {80: -6, 400: 0, 2000: -3, 8000: -14})
    sound += gain(place.gas_db) * 0.5 * gas
    low = burst(rng, 0.2, 0.002, 2.5 * place.gas_s, {40: 0, 300: 0, 900: -20, 8000: -60})
    sound += gain(place.gas_db) * rng.uniform(0.5, 1.2) * low
    ground = num_samples(rng.uniform(0.0008, 0.007))
    add_at(sound, ground, 0.6 * sound[: len(sound) - ground].copy())
    if place.supersonic:
        lead, width = num_samples(rng.uniform(0.004, 0.06)), max(3, num_samples(rng.uniform(0.0002, 0.0005)))
        sound = np.r_[np.zeros(lead), sound]
        add_at(sound, 0, rng.uniform(0.5, 1.2) * np.linspace(1.0, -1.0, width))
        add_at(sound, 2, 0.3 * burst(rng, 0.03, 0.0002, 0.004, {500: -12, 3000: 0, 8000: 0}))
    return sound / np.abs(sound).max()


def report(rng: Rng, place: Range) -> Sound:
    """One shot as heard: blast, echoes, tail."""
    direct = blast(rng, place)
    sound = np.zeros(len(direct) + num_samples(place.tail_s) + num_samples(0.6))
    add_at(sound, 0, direct)
    for delay_s, level_db in zip(place.echo_delays_s, place.echo_db, strict=True):
        # A far wall is rough: its echo comes smeared and dull.
        smear = burst(rng, 0.03, 0.0005, 0.002 + 0.02 * delay_s, {100: 0, 1500: 0, 8000: -12 - 20 * delay_s})
        echo = np.convolve(direct, smear / np.sqrt(np.sum(smear**2)))
        add_at(
            sound,
            num_samples(delay_s),
            gain(level_db + rng.uniform(-1, 1)) * band(echo, None, 5000 / (1 + 4 * delay_s)),
        )
    tail = diffuse_tail(rng, place.tail_s, place.treble)
    attack = 1.0 - np.exp(-seconds(len(tail)) / 0.004)
    add_at(sound, num_samples(0.002), gain(place.tail_db) * tail * attack)
    return sound


def action(rng: Rng) -> Sound:
    """The metallic click of the weapon's action."""
    frequencies = log_uniform(rng, 1800, 6500, 6)
    return modes(frequencies, rng.uniform(0.003, 0.02, 6), rng.uniform(0.2, 1.0, 6), num_samples(0.1))


def synthesise(recording: Rng, rng: Rng) -> Sound:
    """One shot or a burst of shots; ``recording`` seeds weapon and place, ``rng`` this event; (T,)."""
    place = Range.draw(recording)
    manner = rng.choice(["single", "pair", "automatic"], p=[0.6, 0.2, 0.2])
    if manner == "single":
        starts_s: np.ndarray = np.zeros(1)
    elif manner == "pair":
        starts_s = np.r_[0.0, np.cumsum(rng.uniform(0.22, 0.6, rng.integers(1, 3)))]
    else:
        starts_s = place.cycle_s * np.arange(rng.integers(3, 8)) * rng.uniform(0.98, 1.02)
    track = np.zeros(num_samples(starts_s[-1] + place.tail_s + 1.2))
    for start_s in starts_s:
        add_at(track, num_samples(start_s), gain(rng.uniform(-2, 0)) * report(rng, place))
        if rng.random() < 0.3:
            add_at(track, num_samples(start_s + rng.uniform(0.05, 0.12)), 0.01 * action(rng))
    track = band(track, 30.0, min(place.air_hz, 0.48 * RATE_HZ), order=1)
    # Microphones and recorders overload on shots: a soft limit flattens the report against its tail.
    drive = gain(place.drive_db)
    return np.tanh(drive * track / np.abs(track).max()) / drive
