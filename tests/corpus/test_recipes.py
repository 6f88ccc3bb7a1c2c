"""The draws: hand-worked against numpy's own stream, the official shared offset, and the split of recordings."""

from pathlib import Path

import numpy as np
import pytest

from pysed.corpus.recipes import CorpusSettings, draw_class, subset_recipes
from pysed.corpus.sources import Background, EventClip, Sources
from pysed.errors import DataError


def make_sources(num_events=6, num_backgrounds=8, classes=("babycry", "gunshot")) -> Sources:
    events = {
        label: [
            EventClip(label, Path(f"{label}{i}.wav"), 0.5, 1.5 + 0.1 * i, f"{label}-rec{i // 2}", {})
            for i in range(num_events)
        ]
        for label in classes
    }
    backgrounds = [Background(Path(f"bg{i}.wav"), "home", f"place{i // 2}", {}) for i in range(num_backgrounds)]
    return Sources("devtrain", events, backgrounds)


@pytest.mark.parametrize("official", [False, True])
def test_draws_follow_the_published_order(official):
    """The stream is replayed by hand: events, backgrounds, presence, offsets, ratios."""
    sources, settings, random = make_sources(), CorpusSettings({"devtest": 10}), np.random.RandomState(42)
    draws = draw_class(random, sources.events["babycry"], sources.backgrounds, 10, settings, share_offsets=official)

    stream = np.random.RandomState(42)
    chosen = stream.choice(6, 5)
    backgrounds = stream.choice(8, 10)
    present = stream.permutation(np.array([True] * 5 + [False] * 5))
    lengths = [1.0 + 0.1 * i for i in chosen]
    offsets = [(30 - length) * stream.rand() for length in lengths]
    ratios = stream.choice([-6, 0, 6], size=5)
    last = dict(zip(chosen, offsets, strict=True))  # a later draw of the same event overwrites the earlier offset
    assert len(last) < 5, "an event is drawn twice"
    assert [draw[0].path.name for draw in draws] == [f"bg{i}.wav" for i in backgrounds]
    assert [draw[1] is not None for draw in draws] == present.tolist()
    found = [draw for draw in draws if draw[1] is not None]
    assert [draw[1].path.name for draw in found] == [f"babycry{i}.wav" for i in chosen]
    assert [draw[2] for draw in found] == pytest.approx([last[i] for i in chosen] if official else offsets)
    assert [draw[3] for draw in found] == ratios.tolist()


def test_the_stream_of_a_subset_runs_through_all_classes():
    sources, settings = make_sources(), CorpusSettings({"devtest": 10})
    stream = np.random.RandomState(42)
    draw_class(stream, sources.events["babycry"], sources.backgrounds, 10, settings)
    wanted = draw_class(stream, sources.events["gunshot"], sources.backgrounds, 10, settings)
    found = subset_recipes(sources, "gunshot", settings, 10, held_out=False)
    assert [(r.background, r.event, r.offset_s, r.ebr_db) for r in found] == wanted


def test_no_recording_stands_in_both_splits():
    recipes = subset_recipes(make_sources(20, 40), "gunshot", CorpusSettings({"devtrain": 60}), 60, held_out=True)
    assert len(recipes) == 60 and sum(r.split == "valid" for r in recipes) == 6
    for kind in ("event", "background"):
        used = {
            split: {getattr(r, kind).recording for r in recipes if r.split == split and getattr(r, kind)}
            for split in ("train", "valid")
        }
        assert used["train"] and used["valid"] and not used["train"] & used["valid"]
    assert sum(r.event is not None for r in recipes if r.split == "valid") == 3


def test_no_recording_stands_in_two_folds():
    settings = CorpusSettings({"devtrain": 100}, folds=4, variation=1.0, validation_fraction=0.2)
    sources = make_sources(20, 40)
    recipes = subset_recipes(sources, "gunshot", settings, 100, held_out=True)
    assert len(recipes) == 100 and sum(r.split == "valid" for r in recipes) == 20
    assert {r.fold for r in recipes} == set(range(4))
    used: dict[str, dict[int, set[str]]] = {"event": {}, "background": {}}
    for r in recipes:
        assert (r.variation is None) == (r.split == "valid")  # what is judged is as a test's mixtures are
        second = r.variation.second if r.variation else None
        for kind, clip in (("event", r.event), ("background", r.background), ("background", second)):
            if clip is not None:
                used[kind].setdefault(r.fold, set()).add(clip.recording)
    for kind in used:
        for fold in range(4):
            others = set().union(*(used[kind][other] for other in range(4) if other != fold))
            assert used[kind][fold] and not used[kind][fold] & others
    assert set().union(*used["event"].values()) == {e.recording for e in sources.events["gunshot"]}
    for fold in range(4):
        for split in ("train", "valid"):
            part = [r for r in recipes if (r.fold, r.split) == (fold, split)]
            assert len(part) == (20 if split == "train" else 5)
            assert abs(sum(r.event is not None for r in part) - len(part) / 2) <= 0.5


def test_too_few_recordings_for_the_folds():
    settings = CorpusSettings({"devtrain": 100}, folds=4)
    with pytest.raises(DataError, match="gunshot: 3 recordings for 4 folds; expected one a fold or more"):
        subset_recipes(make_sources(6, 40), "gunshot", settings, 100, held_out=True)
    with pytest.raises(DataError, match="10 training mixtures in 4 folds; expected at least 16"):
        subset_recipes(make_sources(20, 40), "gunshot", settings, 10, held_out=True)


def test_recipes_are_the_same_every_time_and_named_apart():
    first, second = (
        subset_recipes(make_sources(), "babycry", CorpusSettings({"devtrain": 20}), 20, held_out=True) for _ in "ab"
    )
    assert first == second
    assert len({r.name for r in first}) == 20 and first[3].name.startswith("mixture_devtrain_babycry_003_")


def test_too_few_recordings_or_mixtures_are_refused():
    settings = CorpusSettings({"devtrain": 10})
    with pytest.raises(DataError, match="one recording only"):
        subset_recipes(make_sources(num_events=2), "babycry", settings, 10, held_out=True)
    with pytest.raises(DataError, match="expected at least 4"):
        subset_recipes(make_sources(), "babycry", settings, 3, held_out=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1", "no 'mixtures'; expected mixtures of each subset"),
        ("mixtures: {devtrain: many}", "mixtures: devtrain 'many'; expected a whole number"),
        ("{mixtures: {a: 1}, presense: 1}", "unknown key 'presense'"),
        ("mixtures: {devtrain: 0}", "mixtures: devtrain 0; expected at least 1"),
        ("{mixtures: {a: 1}, presence: 2}", "presence 2.0; expected at least 0 and at most 1"),
        ("{mixtures: {a: 1}, folds: 0}", "folds 0; expected at least 1 and at most 20"),
        ("{mixtures: {a: 1}, folds: 2, official: true}", "folds 2; expected 1: official mixtures are drawn across all"),
        ("{mixtures: {a: 1}, ebrs: []}", "ebrs: nothing; expected one or more"),
        ("{mixtures: {a: 1}, ebrs: [loud]}", "ebrs 'loud'; expected a number"),
        ("{mixtures: {a: 1}, rate_hz: fast}", "rate_hz 'fast'; expected a whole number"),
        ("{mixtures: {a: 1}, seed: -1}", "seed -1; expected at least 0"),
        ("mixtures: [", "not YAML"),
    ],
)
def test_faults_of_settings(tmp_path, text, words):
    path = tmp_path / "corpus.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        CorpusSettings.load(path)


def test_louder_events_in_the_same_mixtures():
    sources, settings = make_sources(20, 40), CorpusSettings({"devtest": 30}, ebrs=(-6, 0, 6))
    as_they_are = subset_recipes(sources, "gunshot", settings, 30, held_out=False)
    louder = subset_recipes(sources, "gunshot", settings.shifted(12), 30, held_out=False)
    for before, after in zip(as_they_are, louder, strict=True):
        assert (before.background, before.event, before.offset_s) == (after.background, after.event, after.offset_s)
        assert after.ebr_db == (None if before.ebr_db is None else before.ebr_db + 12)
    with pytest.raises(DataError, match="shifted by 200"):
        settings.shifted(200)
