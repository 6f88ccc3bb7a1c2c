"""An event that was drawn twice kept its last offset in all mixtures, also in those that are not official ones.

With few validation recordings, all validation mixtures of a class then had the same onset.
"""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from pysed.corpus.official import official_mixtures
from pysed.corpus.recipes import CorpusSettings, subset_recipes
from pysed.corpus.sources import OFFICIAL_ORDER, Background, EventClip, Sources

LENGTH_S = 1.5


def few_recordings(num_events: int) -> Sources:
    """Each event a recording of its own."""
    events = {
        label: [EventClip(label, Path(f"{i}.wav"), 0.0, LENGTH_S, f"r{i}", {}) for i in range(num_events)]
        for label in OFFICIAL_ORDER
    }
    return Sources("devtrain", events, [Background(Path(f"b{i}.wav"), "home", f"b{i}", {}) for i in range(4)])


@pytest.mark.parametrize("config", ["demo", "default"])
def test_every_mixture_has_an_onset_of_its_own_evenly_spread(root, config):
    settings = CorpusSettings.load(root / f"conf/corpora/{config}.yaml")
    for label in OFFICIAL_ORDER:
        recipes = subset_recipes(few_recordings(4), label, settings, 800, held_out=True)
        for split in ("train", "valid"):
            onsets = [r.offset_s for r in recipes if r.event is not None and r.split == split and r.variation is None]
            assert len(onsets) >= 40 and len(set(onsets)) == len(onsets)
            even = scipy.stats.kstest(onsets, "uniform", (0, settings.duration_s - LENGTH_S))
            assert even.pvalue > 0.001, (label, split)


def test_official_mixtures_keep_the_quirk():
    drawn = official_mixtures(few_recordings(2), "glassbreak", CorpusSettings({}, official=True), 100)
    by_event = {}
    for mixture in drawn:
        if mixture.event is not None:
            by_event.setdefault(mixture.event.path, set()).add(mixture.start_s)
    assert len(by_event) == 2 and all(len(starts) == 1 for starts in by_event.values())
    assert np.mean([m.event is not None for m in drawn]) == 0.5
