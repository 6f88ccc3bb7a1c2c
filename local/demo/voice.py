"""Voices after the source-filter model (Fant 1960): glottal pulses and aspiration through moving formants.

Pulses are Rosenberg's (1971, type C) flow derivative: what radiates from the lips. They are generated four times
oversampled, because their closing edge would alias at infant pitch.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from .signals import RATE_HZ, Rng, Sound, log_uniform, num_samples, shaped_noise, unit_rms

OVERSAMPLING = 4
HOP = 128
WINDOW = 512

# Mean formants of men's vowels in Hz (Peterson and Barney 1952); other voices scale them by their tract length.
VOWELS_HZ = np.array(
    [
        (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
        (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
    ],
    dtype=float,
)  # fmt: skip


@dataclass(frozen=True)
class Voice:
    """A speaker: mean pitch, formant scale (1 for a man, about 1.4 for a child) and the manner of phonation."""

    pitch_hz: float
    tract: float
    open_quotient: float
    tilt_hz: float
    breath: float
    tempo: float

    @classmethod
    def draw(cls, rng: Rng, kind: str) -> "Voice":
        """A random "man", "woman" or "child"."""
        low, high, tract = {"man": (85, 150, 1.0), "woman": (165, 255, 1.17), "child": (240, 360, 1.38)}[kind]
        return cls(
            pitch_hz=log_uniform(rng, low, high),
            tract=tract * rng.uniform(0.94, 1.06),
            open_quotient=rng.uniform(0.5, 0.75),
            tilt_hz=log_uniform(rng, 600, 2500),
            breath=rng.uniform(0.02, 0.1),
            tempo=rng.uniform(0.8, 1.2),
        )


def glottal_pulse(phase: np.ndarray, open_quotient: float, skew: float = 0.7) -> np.ndarray:
    """Flow derivative at ``phase`` in cycles; the flow rises for ``skew`` of the open part; negative peak -1."""
    position = phase % 1.0
    rise = open_quotient * skew
    fall = open_quotient - rise
    opening = fall / rise * np.sin(np.pi * position / rise)
    closing = -np.sin(0.5 * np.pi * (position - rise) / fall)
    return np.where(position < rise, opening, np.where(position < open_quotient, closing, 0.0))


def phonate(
    rng: Rng,
    pitch_hz: np.ndarray,
    *,
    open_quotient: float = 0.6,
    tilt_hz: float = 2000.0,
    jitter: float = 0.01,
    shimmer: float = 0.05,
    roughness: float | np.ndarray = 0.0,
    breath: float | np.ndarray = 0.03,
) -> Sound:
    """Voice source following ``pitch_hz`` (T,), of about unit peak, (T,).

    jitter, shimmer: relative deviations from cycle to cycle. roughness in [0, 1]: period doubling (every other cycle
    weaker) and deep shimmer, the subharmonics of pressed and hoarse voices. breath: aspiration noise, strongest while
    the glottis is open.
    """
    count = len(pitch_hz)
    fine = np.interp(np.arange(count * OVERSAMPLING) / OVERSAMPLING, np.arange(count), pitch_hz)
    step = fine / (RATE_HZ * OVERSAMPLING)
    cycle = np.cumsum(step).astype(int)
    phase = np.cumsum(step * (1.0 + jitter * rng.standard_normal(cycle[-1] + 1))[cycle])
    cycle = phase.astype(int)
    rough = np.repeat(np.broadcast_to(roughness, (count,)), OVERSAMPLING)
    deviation = rng.standard_normal(cycle[-1] + 1)[cycle]
    strength = 1.0 + (shimmer + 0.25 * rough) * deviation - 0.5 * rough * (cycle % 2)
    pulses = signal.resample_poly(glottal_pulse(phase, open_quotient) * strength, 1, OVERSAMPLING)
    # The return phase of a real glottis rounds the closing edge: a one-pole low-pass on the derivative.
    pole = np.exp(-2.0 * np.pi * tilt_hz / RATE_HZ)
    pulses = signal.lfilter([1.0 - pole], [1.0, -pole], pulses) * (1.0 + 0.5 * RATE_HZ / (RATE_HZ + 6 * tilt_hz))
    opening = 0.25 + 0.75 * ((phase[::OVERSAMPLING] % 1.0) < open_quotient)
    return pulses + breath * opening * shaped_noise(rng, count, {200: -12, 1500: 0, 8000: 0})


def formant_filter(source: Sound, formants_hz: np.ndarray, bandwidths_hz: np.ndarray) -> Sound:
    """Cascade of moving resonances, applied to the short-time spectrum.

    source: (T,). formants_hz: (F, K), F moments spread evenly over the sound. bandwidths_hz: (K,). Returns (T,) with
    RMS 1. Two-pole sections as in Klatt (1980), "Software for a cascade/parallel formant synthesizer".
    """
    frequencies, _, spectrum = signal.stft(source, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    moments = np.linspace(0, len(formants_hz) - 1, spectrum.shape[1])
    z = np.exp(-2j * np.pi * frequencies / RATE_HZ)  # (B,)
    radius = np.exp(-np.pi * np.asarray(bandwidths_hz) / RATE_HZ)
    for track, r in zip(formants_hz.T, radius, strict=True):
        at_frames = np.interp(moments, np.arange(len(track)), track)
        cosine = 2.0 * r * np.cos(2.0 * np.pi * at_frames / RATE_HZ)
        section = 1.0 - cosine[None, :] * z[:, None] + (r * r) * (z * z)[:, None]  # (B, F)
        spectrum = spectrum * ((1.0 - cosine + r * r)[None, :] / section)
    _, sound = signal.istft(spectrum, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    return unit_rms(sound[: len(source)])


def _smooth(track: np.ndarray, width: int) -> np.ndarray:
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(track, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    return np.apply_along_axis(lambda column: np.convolve(column, window / window.sum(), "valid"), 0, padded)


def speak(rng: Rng, voice: Voice, duration_s: float, talkativeness: float = 0.8) -> Sound:
    """Speech-like syllables in phrases with falling pitch, fricatives, stops and pauses; RMS 1, (T,)."""
    count = num_samples(duration_s)
    frames = count // HOP + 1
    second = RATE_HZ / HOP
    formants = np.tile(voice.tract * VOWELS_HZ[8], (frames, 1))
    drive = np.zeros((frames, 3))  # voicing, bright and dull frication
    pitch = np.full((frames, 1), voice.pitch_hz)
    at = int(rng.uniform(0, 1.0) * second)
    while at < frames:
        syllables = int(rng.integers(3, 13))
        slope = rng.uniform(0.15, 0.35)
        for i in range(syllables):
            onset = int(rng.uniform(0.04, 0.10) * second / voice.tempo)
            nucleus = int(rng.uniform(0.08, 0.20) * second / voice.tempo)
            stress = rng.uniform(0.5, 1.0)
            kind = rng.choice(["bright", "dull", "stop", "nasal", "none"], p=[0.18, 0.12, 0.3, 0.2, 0.2])
            vowel = slice(at + onset, at + onset + nucleus)
            formants[at : vowel.stop] = voice.tract * VOWELS_HZ[rng.integers(len(VOWELS_HZ))]
            if kind == "nasal":
                formants[at : vowel.start, 0] = 270.0
            drive[at : vowel.start] = {
                "bright": (0.0, 0.5, 0.0), "dull": (0.1, 0.0, 0.3), "stop": (0.0, 0.0, 0.0),
                "nasal": (0.35, 0.0, 0.0), "none": (0.4, 0.0, 0.0),
            }[kind]  # fmt: skip
            if kind == "stop":
                drive[max(vowel.start - 2, 0) : vowel.start + 1, 1 + int(rng.integers(2))] = 0.7
            drive[vowel, 0] = stress
            accent = rng.uniform(0.9, 1.25) if stress > 0.75 else rng.uniform(0.85, 1.0)
            pitch[at : vowel.stop] = voice.pitch_hz * (1.15 - slope * i / syllables) * accent
            at = vowel.stop
        at += int(rng.exponential(0.25 + 1.5 * (1.0 - talkativeness)) * second) + 8
    return _render(rng, voice, count, _smooth(formants, 9), _smooth(drive, 5), _smooth(pitch, 15)[:, 0])


def laugh(rng: Rng, voice: Voice) -> Sound:
    """Laughter: aspirated calls at about five a second, falling in pitch and strength (Bachorowski et al. 2001)."""
    calls, rate = int(rng.integers(3, 10)), rng.uniform(4.0, 6.0)
    count = num_samples((calls + 1) / rate)
    frames = count // HOP + 1
    t = np.arange(frames) * HOP / RATE_HZ
    open_part = (np.sin(2.0 * np.pi * rate * t) > -0.1) * np.linspace(1.0, 0.3, frames)
    drive = np.stack([open_part, np.zeros(frames), 0.25 * (np.roll(open_part, 4) < 0.1)], axis=1)
    pitch = voice.pitch_hz * np.linspace(1.5, 1.1, frames) * (1.0 + 0.1 * np.sin(2.0 * np.pi * rate * t))
    formants = np.tile(voice.tract * VOWELS_HZ[rng.choice([4, 8, 3])], (frames, 1))
    return _render(rng, voice, count, formants, _smooth(drive, 7), pitch)


def _render(rng: Rng, voice: Voice, count: int, formants: np.ndarray, drive: np.ndarray, pitch: np.ndarray) -> Sound:
    """Frame-wise tracks (hop ``HOP``) to sound: voiced part through the formants plus frication."""
    places = np.arange(count) / HOP
    voicing, bright, dull = (np.interp(places, np.arange(len(drive)), column) for column in drive.T)
    source = phonate(
        rng,
        np.interp(places, np.arange(len(pitch)), pitch)
        * (1.0 + 0.01 * np.sin(2 * np.pi * 5.5 * places * HOP / RATE_HZ)),
        open_quotient=voice.open_quotient,
        tilt_hz=voice.tilt_hz,
        breath=voice.breath,
    )
    # The resonances above the third stand in for all higher ones: without them the voice turns dull.
    upper = voice.tract * np.arange(3500.0, 7000.0 / voice.tract, 1000.0)
    resonances = np.concatenate([formants, np.tile(upper, (len(formants), 1))], axis=1)
    voiced = formant_filter(source * voicing, resonances, np.r_[70.0, 100.0, 150.0, 0.08 * upper])
    hiss = shaped_noise(rng, count, {1500: -40, 4000: -6, 6000: 0, 8000: -3}) * bright
    puff = shaped_noise(rng, count, {300: -20, 1200: 0, 3000: -4, 8000: -14}) * dull
    return unit_rms(voiced + 0.8 * hiss + 0.8 * puff)
