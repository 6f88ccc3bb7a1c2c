"""Passing sounds of places, many of them easily mistaken for an event: dishes for glass, doors and knocks for shots,
dogs, gulls, children and laughter for cries. Each takes a generator and returns one sound, (T,)."""

import numpy as np

from .signals import (
    RATE_HZ,
    Rng,
    Sound,
    add_at,
    band,
    burst,
    curve_through,
    fade,
    gain,
    log_uniform,
    modes,
    num_samples,
    seconds,
)  # fmt: skip
from .voice import Voice, formant_filter, laugh, phonate, speak


def _series(rng: Rng, sounds: list[Sound], gap_s: tuple[float, float]) -> Sound:
    """Sounds one after another, their onsets a random gap apart."""
    starts = np.r_[0, np.cumsum(rng.uniform(*gap_s, len(sounds) - 1))]
    track = np.zeros(num_samples(starts[-1]) + max(map(len, sounds)))
    for start, sound in zip(starts, sounds, strict=True):
        add_at(track, num_samples(start), sound)
    return track


def dishes(rng: Rng) -> Sound:
    """Crockery and cutlery: one to five single strokes on bodies that stay whole."""
    strokes = []
    base = log_uniform(rng, 900, 3800)
    for _ in range(int(rng.integers(1, 6))):
        frequencies = base * rng.uniform(0.97, 1.03) * np.r_[1.0, np.cumsum(rng.uniform(0.5, 1.1, 5)) + 1.0]
        decays = log_uniform(rng, 0.02, 0.2) * (base / frequencies) ** 0.7
        stroke = modes(frequencies, decays, rng.uniform(0.2, 1.0, 6), num_samples(0.7))
        add_at(stroke, 0, 0.5 * burst(rng, 0.01, 0.0003, 0.002, {500: -6, 3000: 0, 8000: 0}))
        strokes.append(stroke * gain(rng.uniform(-12, 0)))
    return _series(rng, strokes, (0.06, 0.45))


def door(rng: Rng) -> Sound:
    """A door falling shut: a latch, a thump of the leaf and frame, a rattle."""
    frequencies = log_uniform(rng, 55, 420, 7)
    slam = modes(frequencies, rng.uniform(0.03, 0.12, 7), rng.uniform(0.3, 1.0, 7), num_samples(0.6))
    slam += 0.9 * burst(rng, 0.6, 0.002, rng.uniform(0.015, 0.05), {60: 0, 400: 0, 1500: -10, 8000: -30})
    latch = modes(log_uniform(rng, 1200, 5000, 5), 0.008, rng.uniform(0.1, 0.4, 5), num_samples(0.08))
    return _series(rng, [0.4 * latch, slam, 0.15 * latch], (0.03, 0.09))


def knocks(rng: Rng) -> Sound:
    """Knuckles or a dropped box on wood: two to six woody blows."""
    frequencies = log_uniform(rng, 130, 1300, 6)
    wood = modes(frequencies, rng.uniform(0.008, 0.03, 6), rng.uniform(0.3, 1.0, 6), num_samples(0.2))
    blows = [
        gain(rng.uniform(-6, 0)) * (wood + 0.5 * burst(rng, 0.2, 0.0005, 0.006, {100: 0, 1200: -3, 8000: -24}))
        for _ in range(int(rng.integers(2, 7)))
    ]
    return _series(rng, blows, (0.12, 0.35))


def clatter(rng: Rng) -> Sound:
    """Something hard dropped: a bang and rattling bounces."""
    frequencies = log_uniform(rng, 250, 5000, 9)
    body = modes(frequencies, rng.uniform(0.01, 0.06, 9), rng.uniform(0.2, 1.0, 9), num_samples(0.35))
    intervals = log_uniform(rng, 0.08, 0.3) * rng.uniform(0.5, 0.75) ** np.arange(int(rng.integers(2, 7)))
    track = np.zeros(num_samples(intervals.sum()) + len(body))
    for i, at in enumerate(np.cumsum(intervals) - intervals[0]):
        add_at(track, num_samples(at), 0.6**i * (body + burst(rng, 0.35, 0.0005, 0.006, {150: 0, 2000: 0, 8000: -14})))
    return track


def footsteps(rng: Rng) -> Sound:
    """Four to twelve steps: heel, then sole, on a hard floor or on gravel."""
    gravel = rng.random() < 0.5
    curve = {200: -10, 1500: 0, 5000: -3, 8000: -8} if gravel else {60: 0, 250: 0, 1000: -12, 4000: -20, 8000: -34}
    steps = []
    for _ in range(int(rng.integers(4, 13))):
        heel = burst(rng, 0.25, 0.003, 0.035 if gravel else 0.012, curve)
        add_at(heel, num_samples(rng.uniform(0.06, 0.1)), 0.5 * burst(rng, 0.15, 0.006, 0.03, curve))
        steps.append(gain(rng.uniform(-5, 0)) * heel)
    pace_s = rng.uniform(0.45, 0.62)
    return _series(rng, steps, (0.96 * pace_s, 1.04 * pace_s))


def typing(rng: Rng) -> Sound:
    """A run on a keyboard: plastic clicks, down and up."""
    keys = []
    for _ in range(int(rng.integers(6, 30))):
        key = modes(log_uniform(rng, 900, 4500, 4), 0.004, rng.uniform(0.2, 0.8, 4), num_samples(0.12))
        key += 0.8 * burst(rng, 0.12, 0.0004, 0.004, {300: -3, 2500: 0, 8000: -6})
        add_at(key, num_samples(rng.uniform(0.05, 0.09)), 0.4 * key[: num_samples(0.03)].copy())
        keys.append(gain(rng.uniform(-8, 0)) * key)
    return _series(rng, keys, (0.07, 0.3))


def tone(rng: Rng, pitches_hz, each_s: float, decay_s: float = 10.0, partials=(1.0, 0.3, 0.1)) -> Sound:
    """Electronic or struck tones in a row."""
    notes = []
    for pitch in pitches_hz:
        t = seconds(num_samples(each_s))
        note = sum(
            a * np.sin(2 * np.pi * pitch * (k + 1) * t) for k, a in enumerate(partials) if pitch * (k + 1) < 7600
        )
        notes.append(fade(note * np.exp(-t / decay_s), 0.004, 0.01))
    return np.concatenate(notes)


def register_beep(rng: Rng) -> Sound:
    """A cash register's scanner: one to three short beeps."""
    pitch = rng.uniform(1800, 3200)
    beep = np.r_[tone(rng, [pitch], rng.uniform(0.06, 0.15), partials=(1.0, 0.1, 0.15)), np.zeros(num_samples(0.25))]
    return np.tile(beep, int(rng.integers(1, 4)))


def chime(rng: Rng) -> Sound:
    """An announcement gong of two to four notes."""
    root = rng.uniform(380, 620)
    steps = rng.choice([0, 3, 4, 5, 7, 9, 12], size=int(rng.integers(2, 5)), replace=False)
    return tone(rng, root * 2.0 ** (steps / 12.0), rng.uniform(0.35, 0.7), 0.4)


def announcement(rng: Rng) -> Sound:
    """A gong and a voice from loudspeakers (300-4000 Hz)."""
    voice = speak(rng, Voice.draw(rng, "woman"), rng.uniform(3, 6), 0.95)
    return band(np.r_[0.7 * chime(rng), 1.2 * voice], 300, 4000)


def door_signal(rng: Rng) -> Sound:
    """The warning before doors close: a fast run of equal beeps."""
    pitch, on_s = rng.uniform(700, 2200), rng.uniform(0.08, 0.2)
    beep = np.r_[tone(rng, [pitch], on_s), np.zeros(num_samples(on_s))]
    return np.tile(beep, int(rng.integers(4, 9)))


def bell(rng: Rng) -> Sound:
    """A tram's or bicycle's bell: a few strokes on an inharmonic body."""
    strike = log_uniform(rng, 700, 2400)
    partials = strike * np.array([0.5, 1.0, 1.19, 1.56, 2.0, 2.66, 3.01]) * rng.uniform(0.99, 1.01, 7)
    ring = modes(partials, rng.uniform(0.15, 0.5, 7), rng.uniform(0.2, 1.0, 7), num_samples(1.2))
    return _series(rng, [ring] * int(rng.integers(1, 5)), (0.15, 0.4))


def horn(rng: Rng) -> Sound:
    """A car's horn: two reeds a third apart."""
    t = seconds(num_samples(rng.uniform(0.2, 1.0)))
    root = rng.uniform(330, 480)
    return fade(sum(np.tanh(3 * np.sin(2 * np.pi * f * t)) for f in (root, 1.24 * root)), 0.02, 0.05)


def squeal(rng: Rng) -> Sound:
    """Wheels or brakes squealing: a stick-slip tone with overtones, drifting."""
    count = num_samples(rng.uniform(0.8, 3.0))
    pitch = log_uniform(rng, 900, 2600) * curve_through([(0, 1.0), (0.5, rng.uniform(0.95, 1.1)), (1, 0.9)], count)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.004 * rng.standard_normal(count))) / RATE_HZ
    tone_ = np.sin(phase) + 0.4 * np.sin(2 * phase) * (pitch < 3600) + 0.2 * np.sin(3 * phase) * (pitch < 2500)
    return tone_ * curve_through([(0, 0), (0.3, rng.uniform(0.4, 1)), (0.7, 1), (1, 0)], count)


def air_brake(rng: Rng) -> Sound:
    """Compressed air let go."""
    return burst(rng, 0.9, 0.02, rng.uniform(0.08, 0.3), {200: -24, 1500: -5, 4000: 0, 8000: -2})


def songbird(rng: Rng) -> Sound:
    """A phrase of song: notes swept up and down between 2 and 7 kHz, each repeated."""
    notes = []
    for _ in range(int(rng.integers(1, 4))):
        count = num_samples(log_uniform(rng, 0.04, 0.25))
        centre = log_uniform(rng, 2300, 5800)
        sweep = centre * curve_through([(0, rng.uniform(0.75, 1.3)), (0.5, 1.0), (1, rng.uniform(0.75, 1.3))], count)
        sweep *= 1 + 0.06 * np.sin(2 * np.pi * rng.uniform(10, 60) * seconds(count)) * (rng.random() < 0.4)
        note = np.sin(2 * np.pi * np.cumsum(sweep.clip(max=7600)) / RATE_HZ) * np.hanning(count)
        notes += [np.r_[note, np.zeros(num_samples(0.02))]] * int(rng.integers(1, 7))
    return _series(rng, notes, (0.09, 0.3))


def gull(rng: Rng) -> Sound:
    """A gull's long call: harmonic wails falling from about 1 kHz."""
    calls = []
    for _ in range(int(rng.integers(1, 6))):
        count = num_samples(rng.uniform(0.2, 0.6))
        pitch = rng.uniform(700, 1100) * curve_through([(0, 0.7), (0.2, 1.1), (1, rng.uniform(0.6, 0.9))], count)
        source = phonate(rng, pitch, jitter=0.02, shimmer=0.1, tilt_hz=5000)
        calls.append(
            formant_filter(source, np.array([[1500.0, 3200.0, 5200.0]] * 2), np.array([250.0, 350.0, 500.0]))
            * np.hanning(count)
        )
    return _series(rng, calls, (0.35, 0.7))


def dog(rng: Rng) -> Sound:
    """Barks: 0.1-0.25 s of rough voice, pitch 350-900 Hz up and down."""
    barks = []
    base, tract = log_uniform(rng, 300, 750), rng.uniform(0.8, 1.3)
    formants = tract * np.array(
        [[700.0, 1500.0, 2900.0, 4300.0], [1000.0, 1800.0, 3000.0, 4300.0], [600.0, 1300.0, 2800.0, 4300.0]]
    )
    for _ in range(int(rng.integers(1, 6))):
        count = num_samples(rng.uniform(0.1, 0.25))
        pitch = base * rng.uniform(0.95, 1.05) * curve_through([(0, 0.7), (0.35, 1.15), (1, 0.6)], count)
        source = phonate(rng, pitch, jitter=0.05, roughness=rng.uniform(0.3, 0.9), breath=0.25, tilt_hz=3000)
        bark = formant_filter(source, formants, np.array([180.0, 220.0, 300.0, 400.0]))
        barks.append(gain(rng.uniform(-4, 0)) * bark * curve_through([(0, 0), (0.15, 1), (0.6, 0.7), (1, 0)], count))
    return _series(rng, barks, (0.22, 0.7))


def children(rng: Rng) -> Sound:
    """Children shouting at play, or laughing."""
    voice = Voice.draw(rng, "child")
    if rng.random() < 0.35:
        return laugh(rng, voice)
    return fade(speak(rng, voice, rng.uniform(1.0, 3.0), 1.0), 0.02, 0.05)


def laughter(rng: Rng) -> Sound:
    """A grown-up's laugh."""
    return laugh(rng, Voice.draw(rng, str(rng.choice(["man", "woman"]))))


def talk(rng: Rng) -> Sound:
    """Somebody says something near by."""
    return fade(speak(rng, Voice.draw(rng, str(rng.choice(["man", "woman"]))), rng.uniform(1.5, 5.0), 0.95), 0.02, 0.05)


def cough(rng: Rng) -> Sound:
    """One to three coughs: a burst of turbulence through the open throat."""
    coughs = [
        burst(rng, 0.35, 0.004, rng.uniform(0.04, 0.09), {200: -3, 600: 0, 1300: -2, 3000: -8, 8000: -18})
        for _ in range(int(rng.integers(1, 4)))
    ]
    return _series(rng, coughs, (0.3, 0.5))


def rustle(rng: Rng) -> Sound:
    """Paper or plastic bags."""
    count = num_samples(rng.uniform(0.3, 1.2))
    crackle = np.repeat(rng.exponential(1.0, count // 40 + 1) ** 2, 40)[:count]
    return burst(rng, count / RATE_HZ, 0.05, 0.5, {400: -24, 2500: -3, 6000: 0, 8000: -2}) * crackle


def clock(rng: Rng) -> Sound:
    """Five to fifteen ticks of a clock."""
    tick = modes(log_uniform(rng, 1500, 5500, 4), 0.004, rng.uniform(0.3, 1, 4), num_samples(0.1))
    return _series(rng, [tick, 0.7 * tick] * int(rng.integers(3, 8)), (0.5, 0.5))


def indicator(rng: Rng) -> Sound:
    """A car's indicator relay: tick and tock."""
    tick = modes(log_uniform(rng, 900, 4000, 4), 0.005, rng.uniform(0.3, 1, 4), num_samples(0.1))
    return _series(rng, [tick, 0.6 * tick] * int(rng.integers(3, 8)), (0.35, 0.37))
