"""Mixtures from recipes: an event laid over a background at a ratio to what it covers.

Source: the official synthesizer's behaviour (DCASE 2017 task 2): the ratio is that of RMS values of the event and of
the background under it, everything is scaled by 0.2 against clipping, and normalised if it clips all the same.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from pysed.audio import read_audio, resample
from pysed.corpus.recipes import Recipe
from pysed.corpus.sources import EventClip
from pysed.corpus.variation import change_speed, filter_response, vary_background

ANTICLIPPING = 0.2


def rms(samples: np.ndarray) -> float:
    """Root mean square of (T,)."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@lru_cache(maxsize=32)
def _background(path: Path, rate_hz: int, duration_s: float) -> np.ndarray:
    samples, from_hz = read_audio(path)
    samples = resample(samples, from_hz, rate_hz)[: round(duration_s * rate_hz)]
    missing = round(duration_s * rate_hz) - len(samples)
    return np.pad(samples, (0, missing)) if missing else samples


@lru_cache(maxsize=512)
def _event(path: Path, onset_s: float, length_s: float, rate_hz: int) -> np.ndarray:
    samples, from_hz = read_audio(path, onset_s, length_s)
    return resample(samples, from_hz, rate_hz)


def event_samples(event: EventClip, rate_hz: int) -> np.ndarray:
    """The bare event (T,) at a rate."""
    return _event(event.path, event.onset_s, event.length_s, rate_hz)


def mix(background: np.ndarray, event: np.ndarray | None, offset: int, ebr_db: float) -> np.ndarray:
    """Lay ``event`` (E,) over ``background`` (T,) from sample ``offset`` with a ratio in dB; (T,), anticlipped.

    The ratio is taken over the covered part. An event of silence, or over digital silence, is added unscaled.
    """
    mixture = background.astype(np.float64)
    if event is not None:
        event = event[: len(mixture) - offset].astype(np.float64)
        covered = slice(offset, offset + len(event))
        event_rms, background_rms = rms(event), rms(mixture[covered])
        scale = 10 ** (ebr_db / 20) * background_rms / event_rms if event_rms > 0 and background_rms > 0 else 1.0
        mixture[covered] += scale * event
    mixture *= ANTICLIPPING
    peak = np.abs(mixture).max(initial=0.0)
    return mixture / peak if peak > 1 else mixture


def fade(event: np.ndarray, fade_s: float, rate_hz: int) -> np.ndarray:
    """(E,) with its first and last ``fade_s``, at most its halves, raised and lowered by half a cosine."""
    length = min(round(fade_s * rate_hz), len(event) // 2)
    if not length:
        return event
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = event.astype(np.float64)
    faded[:length] *= ramp
    faded[-length:] *= ramp[::-1]
    return faded


def render(recipe: Recipe, rate_hz: int, duration_s: float, fade_s: float = 0.0) -> np.ndarray:
    """The mixture of a recipe: (duration_s · rate_hz,) float64 in [-1, 1]; the event's ratio is that with its fades."""
    background, variation = _background(recipe.background.path, rate_hz, duration_s), recipe.variation
    if variation is not None:
        second = None if variation.second is None else _background(variation.second.path, rate_hz, duration_s)
        background = vary_background(background, second, variation, rate_hz)
    if recipe.event is None:
        return mix(background, None, 0, 0.0)
    assert recipe.offset_s is not None and recipe.ebr_db is not None, recipe.name
    event = event_samples(recipe.event, rate_hz)
    if variation is not None:
        event = change_speed(event, variation.event_speed, rate_hz)
        event = filter_response(event, variation.event_response, rate_hz)
    offset = min(int(recipe.offset_s * rate_hz), max(0, len(background) - len(event)))
    return mix(background, fade(event, fade_s, rate_hz), offset, recipe.ebr_db)
