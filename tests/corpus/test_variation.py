"""Variation of training mixtures: pitch and length, responses and levels measured on tones and noise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pysed.corpus.mixing import render
from pysed.corpus.recipes import CorpusSettings, subset_recipes
from pysed.corpus.sources import Background, EventClip, Sources, load_sources
from pysed.corpus.variation import (
    RESPONSE_HZ,
    SECOND_SHARE,
    Variation,
    change_speed,
    draw_variation,
    filter_response,
    vary_background,
)

RATE_HZ = 16000
FLAT = (0.0,) * len(RESPONSE_HZ)


def tone(frequency_hz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def strongest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 18))
    return spectrum.argmax() * RATE_HZ / (1 << 18)


def make_sources() -> Sources:
    events = {"babycry": [EventClip("babycry", Path(f"e{i}.wav"), 0.0, 2.0 + i, f"rec{i}", {}) for i in range(10)]}
    return Sources("devtrain", events, [Background(Path(f"b{i}.wav"), "home", f"place{i}", {}) for i in range(20)])


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_speed_moves_pitch_and_length(speed):
    changed = change_speed(tone(440), speed, RATE_HZ)
    assert len(changed) == pytest.approx(RATE_HZ / speed, abs=2)
    assert strongest_hz(changed) == pytest.approx(440 * speed, rel=2e-3)


def test_response_is_the_asked_for_at_its_frequencies_and_without_delay():
    response = (0.0, 2.0, -4.0, 3.0, 9.0, -3.0, 0.0)
    for frequency_hz, gain_db in zip(RESPONSE_HZ[1:-1], response[1:-1], strict=True):
        filtered = filter_response(tone(frequency_hz), response, RATE_HZ)[2000:-2000]
        assert 20 * np.log10(np.sqrt(2) * filtered.std()) == pytest.approx(gain_db, abs=0.7)
    click = np.zeros(4001)
    click[2000] = 1
    assert np.abs(filter_response(click, response, RATE_HZ)).argmax() == 2000


def test_second_background_has_its_level_and_the_length_stays():
    first, second = tone(500, 2), 0.01 * tone(3000, 1.5)
    mixed = vary_background(first, second, Variation(1.0, FLAT, None, -10.0), RATE_HZ)
    assert len(mixed) == len(first)
    assert (mixed - first).std() / first.std() == pytest.approx(10 ** (-10 / 20), rel=0.02)
    for speed in (0.9, 1.1):
        assert len(vary_background(first, None, Variation(speed, FLAT, None, 0.0), RATE_HZ)) == len(first)


def test_draws_keep_to_their_ranges_and_their_number():
    backgrounds = make_sources().backgrounds
    random = np.random.RandomState(0)
    drawn = [draw_variation(random, backgrounds) for _ in range(400)]
    assert all(0.8 <= v.event_speed <= 1.25 and 1 / 1.12 - 1e-4 <= v.background_speed <= 1.12 for v in drawn)
    assert np.mean([v.second is not None for v in drawn]) == pytest.approx(SECOND_SHARE, abs=0.08)
    assert np.std([v.event_response for v in drawn]) == pytest.approx(4, abs=0.3)


def test_only_training_mixtures_are_varied_and_the_official_draws_stay():
    plain, varied = (
        subset_recipes(make_sources(), "babycry", CorpusSettings({}, variation=share), 100, held_out=True)
        for share in (0.0, 0.6)
    )
    assert [r.event for r in plain] == [r.event for r in varied]
    assert [r.background for r in plain] == [r.background for r in varied]
    assert [r for r in plain if r.split == "valid"] == [r for r in varied if r.split == "valid"]
    changed = [r for r in varied if r.variation is not None]
    assert 40 <= len(changed) <= 68, "0.6 of the 90 that are not for validation"
    train_places = {r.background.recording for r in varied if r.split == "train"}
    for recipe in changed:
        if recipe.variation.second is not None:
            assert recipe.variation.second.recording in train_places
        if recipe.event is not None:
            assert recipe.event_length_s == pytest.approx(recipe.event.length_s / recipe.variation.event_speed)
            assert 0 <= recipe.offset_s <= 30 - recipe.event_length_s
            assert abs(recipe.ebr_db) <= 9
    assert len({r.name for r in varied}) == 100


def test_varied_mixtures_measure_what_their_recipes_say(tiny_corpus):
    """The varied background alone, rendered by itself, is taken off: what is left is the event, in place and ratio."""
    sources = load_sources(tiny_corpus, "devtrain")
    recipes = subset_recipes(sources, "babycry", CorpusSettings({}, variation=1.0), 12, held_out=True)
    varied = [recipe for recipe in recipes if recipe.variation is not None and recipe.event is not None]
    assert len(varied) >= 3
    for recipe in varied:
        mixture = render(recipe, RATE_HZ, 30.0)
        background = render(replace(recipe, event=None, offset_s=None, ebr_db=None), RATE_HZ, 30.0)
        first = int(recipe.offset_s * RATE_HZ)
        last = first + round(recipe.event_length_s * RATE_HZ)
        left = mixture - background
        assert np.abs(left).max() > 1e-3 and np.abs(np.r_[left[: first - 1], left[last + 1 :]]).max() < 1e-9
        ratio = np.sum(left[first:last] ** 2) / np.sum(background[first:last] ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(recipe.ebr_db, abs=0.01)
