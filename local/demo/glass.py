"""Breaking glass: an impact, the crackle of running cracks, shards that ring and bounce.

Bodies ring in inharmonic modes: those of a thin plate or shell, whose frequencies crowd as f ~ k^2 in their lower part,
with decay times that fall with frequency (internal friction: constant Q). Shards arrive at exponentially spreading
times and bounce with geometrically shrinking intervals (van den Doel et al. 2001, "FoleyAutomatic").
"""

from dataclasses import dataclass

import numpy as np

from .rooms import reverberate, room
from .signals import Rng, Sound, add_at, band, burst, gain, log_uniform, modes, num_samples


@dataclass(frozen=True)
class Vessel:
    """What breaks and where: register and ring of its parts, how many shards it makes, the room."""

    register_hz: float
    ring_s: float
    shards: int
    spread_s: float
    body_hz: float
    body_db: float
    crack_db: float
    room: np.ndarray

    @classmethod
    def draw(cls, rng: Rng) -> "Vessel":
        low, high, ring, shards, spread = [
            (600, 1800, 0.06, (120, 260), (0.32, 0.75)),  # window pane
            (1300, 2600, 0.08, (60, 150), (0.22, 0.55)),  # bottle
            (2000, 3800, 0.12, (30, 100), (0.20, 0.50)),  # drinking glass
        ][rng.integers(3)]
        return cls(
            register_hz=log_uniform(rng, low, high),
            ring_s=ring * rng.uniform(0.6, 1.5),
            shards=int(rng.integers(*shards)),
            spread_s=rng.uniform(*spread),
            body_hz=log_uniform(rng, 120, 400),
            body_db=rng.uniform(-16, -4),
            crack_db=rng.uniform(-4, 6),
            room=room(rng, rng.uniform(0.2, 0.7), rng.uniform(-12, -2), size_m=rng.uniform(3, 9), treble=0.5),
        )


def shard(rng: Rng, register_hz: float, ring_s: float) -> Sound:
    """One fragment struck once, of peak about 1."""
    count = int(rng.integers(3, 9))
    # Small plates of random outline: a fundamental and modes crowding above it, none of them harmonic.
    frequencies = register_hz * np.r_[1.0, np.cumsum(rng.uniform(0.25, 0.95, count - 1)) + 1.0]
    decays = ring_s * (register_hz / frequencies) ** 0.8 * rng.uniform(0.5, 1.6, count)
    ringing = modes(frequencies, decays, rng.uniform(0.2, 1.0, count), num_samples(min(5 * ring_s, 0.6)))
    add_at(ringing, 0, 0.9 * burst(rng, 0.02, 0.0002, log_uniform(rng, 0.001, 0.004), {800: -20, 3000: 0, 8000: 3}))
    return ringing / np.abs(ringing).max()


def fall(rng: Rng, vessel: Vessel) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and gains of one shard's bounces."""
    bounces = int(rng.integers(1, 6))
    restitution = rng.uniform(0.35, 0.7)
    intervals = log_uniform(rng, 0.03, 0.11) * restitution ** np.arange(bounces)
    return np.cumsum(intervals) - intervals[0], restitution ** (1.3 * np.arange(bounces))


def synthesise(recording: Rng, rng: Rng) -> Sound:
    """One breakage of 0.5 to 3 s; ``recording`` seeds the vessel and the room, ``rng`` this event; (T,)."""
    vessel = Vessel.draw(recording)
    track = np.zeros(num_samples(4.0))
    hit = burst(rng, 0.02, 0.0003, 0.004, {100: -6, 1000: 0, 8000: -2})
    add_at(track, 0, 0.8 * hit)
    body = vessel.body_hz * np.array([1.0, 1.6, 2.3, 3.1]) * rng.uniform(0.95, 1.05, 4)
    thump = modes(body, rng.uniform(0.01, 0.05, 4), [1.0, 0.7, 0.5, 0.4], num_samples(0.3))
    add_at(track, 0, gain(vessel.body_db) * 0.4 * thump)
    crack = burst(rng, 0.5, 0.001, rng.uniform(0.012, 0.05), {500: -24, 2000: -6, 4500: 0, 8000: -2})
    # Cracks run in steps: the noise is broken into random micro-impulses.
    grains = np.repeat(rng.exponential(1.0, len(crack) // 16 + 1) ** 1.5, 16)[: len(crack)]
    add_at(track, num_samples(rng.uniform(0.0005, 0.004)), gain(vessel.crack_db) * 0.5 * crack * grains)
    main = vessel.register_hz * np.r_[1.0, np.cumsum(rng.uniform(0.15, 0.7, 13)) + 1.0]
    ring = modes(main, vessel.ring_s * (main[0] / main) ** 0.6, rng.uniform(0.1, 0.6, 14), num_samples(0.8))
    add_at(track, 0, 0.45 * ring)
    second_fall_s = rng.uniform(0.15, 0.6) if rng.random() < 0.4 else 0.0
    number = max(6, int(vessel.shards * rng.uniform(0.6, 1.3)))
    for _ in range(number):
        start_s = min(rng.exponential(vessel.spread_s), rng.uniform(2, 3) * vessel.spread_s) + 0.004
        if second_fall_s and rng.random() < 0.3:  # the larger pieces reach the floor together
            start_s = second_fall_s + rng.exponential(0.05)
        sound = shard(rng, vessel.register_hz * log_uniform(rng, 0.8, 3.0), vessel.ring_s * log_uniform(rng, 0.15, 1.6))
        strength = gain(rng.uniform(-24, 0)) * np.exp(-start_s / (3.0 * vessel.spread_s))
        for delay_s, bounce in zip(*fall(rng, vessel), strict=True):
            add_at(track, num_samples(start_s + delay_s), strength * bounce * sound)
    sound = band(reverberate(track, vessel.room), rng.uniform(60, 250))
    # Recorders limit the first crack, so that the shards behind it are heard at all.
    drive = gain(rng.uniform(8, 20))
    return np.tanh(drive * sound / np.abs(sound).max()) / drive
