"""Steady textures of places: weather, engines, rolling stock, ventilation, crowds. Each returns (T,) with RMS 1."""

import numpy as np
from scipy import signal

from .rooms import diffuse_tail, reverberate
from .signals import (
    RATE_HZ,
    Rng,
    Sound,
    add_at,
    band,
    burst,
    fade,
    gain,
    log_uniform,
    modes,
    num_samples,
    seconds,
    shaped_noise,
    unit_rms,
    wander,
)  # fmt: skip
from .voice import Voice, speak


def wind(rng: Rng, count: int) -> Sound:
    """Gusts over a microphone: low turbulence whose treble grows with the gust's speed."""
    gust = wander(rng, count, 0.4, 0.15, 1.0) * wander(rng, count, 3.0, 0.7, 1.0)
    rumble = shaped_noise(rng, count, {20: -6, 60: 0, 150: -8, 600: -30, 8000: -60})
    rush = shaped_noise(rng, count, {50: -20, 300: 0, 1500: -10, 8000: -26})
    return unit_rms(rumble * gust**2 + 0.35 * rush * gust**3)


def leaves(rng: Rng, count: int) -> Sound:
    """Rustling foliage: broad high noise in flurries."""
    flurry = wander(rng, count, 0.5, 0.35, 1.0) ** 1.5 * wander(rng, count, 14.0, 0.5, 1.0)
    return unit_rms(shaped_noise(rng, count, {200: -30, 1500: -4, 4000: 0, 8000: -6}) * flurry)


def waves(rng: Rng, count: int) -> Sound:
    """Surf: breakers that rise, crash bright and drain away, over a distant roar."""
    sea = 0.35 * shaped_noise(rng, count, {40: -10, 150: 0, 800: -10, 8000: -28}) * wander(rng, count, 0.3, 0.6, 1.0)
    at = -rng.uniform(0.0, 6.0)
    while at < count / RATE_HZ:
        rise, run = rng.uniform(1.0, 2.5), rng.uniform(1.5, 3.5)
        t = seconds(num_samples(rise + 3 * run))
        crash = np.minimum(t / rise, 1.0) ** 3 * np.exp(-np.maximum(t - rise, 0) / run)
        drain = np.clip((t - rise) / run, 0, 1) * np.exp(-np.maximum(t - rise - run, 0) / run)
        white = shaped_noise(rng, len(t), {60: -8, 400: 0, 3000: -5, 8000: -14})
        fizz = shaped_noise(rng, len(t), {800: -30, 3000: -4, 6000: 0, 8000: -2})
        add_at(sea, num_samples(at), fade(rng.uniform(0.5, 1.2) * (white * crash + 0.25 * fizz * drain), 0.0, 0.3))
        at += rng.uniform(3.5, 8.0)
    return unit_rms(sea)


def stream(rng: Rng, count: int) -> Sound:
    """Running water: bubbles, each a damped sinusoid of rising pitch (Minnaert resonance), over a hiss."""
    bubbles = [
        np.sin(2 * np.pi * (f + 2500 * t) * t) * np.exp(-t * f / 12)
        for f in log_uniform(rng, 500, 3000, 12)
        for t in [seconds(num_samples(0.05))]
    ]
    track = 0.25 * shaped_noise(rng, count, {200: -20, 1000: -3, 3000: 0, 8000: -10})
    for bubble in bubbles:
        impulses = (rng.random(count) < 4.0 / RATE_HZ) * rng.exponential(1.0, count)
        track += signal.oaconvolve(impulses, bubble)[:count]
    return unit_rms(track)


def engine(rng: Rng, count: int, idle_hz: float, span: float = 1.4, roughness: float = 0.3) -> Sound:
    """Combustion engine: firing pulses of irregular strength through exhaust and body resonances, speed wandering.

    idle_hz: lowest firing rate; the highest is ``span`` times it.
    """
    firing = wander(rng, count, 0.15, 1.0, span) * idle_hz * wander(rng, count, 4.0, 0.995, 1.005)
    phase = np.cumsum(firing) / RATE_HZ
    strength = (1.0 + roughness * rng.standard_normal(int(phase[-1]) + 1))[phase.astype(int)]
    pulse = strength * np.exp(-6.0 * (phase % 1.0)) * (0.7 + 0.3 * np.cos(np.pi * phase))
    body = sum(
        a * signal.lfilter(*signal.iirpeak(f, 4.0, fs=RATE_HZ), pulse)
        for f, a in zip(log_uniform(rng, 60, 900, 5), rng.uniform(0.3, 1.0, 5), strict=True)
    )
    muffler_hz = log_uniform(rng, 250, 900)
    load = 0.5 + 0.5 * (firing / idle_hz - 1.0) / max(span - 1.0, 0.1)
    road = shaped_noise(rng, count, {30: -3, 80: 0, 300: -10, 1500: -26, 8000: -48})
    whine = 0.01 * np.sin(2 * np.pi * rng.uniform(7, 13) * phase + 0.2 * np.sin(2 * np.pi * phase))
    return unit_rms(unit_rms(band(pulse + body, 25, muffler_hz, order=1)) * load + 0.5 * road * load + whine)


def traffic(rng: Rng, count: int, per_minute: float) -> Sound:
    """Cars passing: tyre noise that swells and brightens, over a far roar."""
    track = 0.3 * shaped_noise(rng, count, {30: -6, 100: 0, 600: -8, 2000: -18, 8000: -40})
    for _ in range(1 + rng.poisson(per_minute * count / RATE_HZ / 60)):
        pass_s = rng.uniform(1.0, 3.0)
        t = seconds(num_samples(6 * pass_s)) - 3 * pass_s
        near = 1.0 / (1.0 + (t / (0.5 * pass_s)) ** 2)
        tyres = shaped_noise(rng, len(t), {60: -8, 500: -3, 1000: 0, 2500: -8, 8000: -26})
        motor = engine(rng, len(t), log_uniform(rng, 35, 90), 1.15)
        passing = fade((tyres * near + 0.5 * motor * near**0.6), 0.5, 0.5) * gain(rng.uniform(-14, 2))
        add_at(track, int(rng.integers(-len(t) // 2, count)), passing)
    return unit_rms(track)


def rails(rng: Rng, count: int, joint_s: float) -> Sound:
    """Rolling stock: wheel roar and pairs of clacks as the bogies' axles cross rail joints every ``joint_s``."""
    roar = shaped_noise(rng, count, {25: -6, 70: 0, 250: -5, 700: -12, 2500: -24, 8000: -44})
    track = roar * wander(rng, count, 0.5, 0.6, 1.0)
    frequencies = log_uniform(rng, 90, 1500, 8)
    wheel = modes(frequencies, rng.uniform(0.01, 0.05, 8), frequencies**-0.3, num_samples(0.2))
    axle_s = joint_s * rng.uniform(0.1, 0.16)
    at = rng.uniform(0, joint_s)
    while at < count / RATE_HZ:
        for delay in (0.0, axle_s, *([0.45 * joint_s, 0.45 * joint_s + axle_s] if joint_s > 0.9 else [])):
            clack = wheel + 0.7 * burst(rng, 0.2, 0.001, 0.012, {80: 0, 800: -3, 4000: -16, 8000: -30})
            add_at(track, num_samples(at + delay), gain(rng.uniform(-6, 2)) * 2.5 * clack)
        at += joint_s * rng.uniform(0.98, 1.02)
    return unit_rms(track)


def ventilation(rng: Rng, count: int, mains_hz: float = 50.0) -> Sound:
    """Air handling: duct noise, blade-rate tones, mains hum."""
    t = seconds(count)
    air = shaped_noise(rng, count, {30: -6, 90: 0, 400: -8, 1500: -18, 8000: -42})
    tones = sum(
        rng.uniform(0.02, 0.25) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
        for f in (2 * mains_hz, 4 * mains_hz, *log_uniform(rng, 90, 900, 3))
    )
    return unit_rms(air * wander(rng, count, 0.3, 0.85, 1.0) + 0.5 * tones)


def street_hum(rng: Rng, count: int) -> Sound:
    """The distant city: brown noise, slowly breathing."""
    return unit_rms(
        shaped_noise(rng, count, {25: -4, 60: 0, 500: -16, 2000: -30, 8000: -50}) * wander(rng, count, 0.2, 0.6, 1)
    )


def babble(rng: Rng, count: int, voices: int, kinds: tuple[str, ...] = ("man", "woman"), t60_s: float = 0.7) -> Sound:
    """A crowd talking in a room: a few nearer voices, and copies of them far off, smeared by the room."""
    near, far = np.zeros(count), np.zeros(count)
    for _ in range(voices):
        speech = speak(rng, Voice.draw(rng, str(rng.choice(kinds))), count / RATE_HZ, rng.uniform(0.4, 0.9))
        near += gain(rng.uniform(-12, 0)) * speech
        for _ in range(3):
            far += gain(rng.uniform(-8, 0)) * np.roll(speech, rng.integers(count))
    tail = diffuse_tail(rng, t60_s, 0.5)
    return unit_rms(near + 0.8 * unit_rms(reverberate(far, tail)[:count]))
