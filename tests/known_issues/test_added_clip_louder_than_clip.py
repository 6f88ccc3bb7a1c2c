"""Mixing augmentation lowered the added clip relative to its own level: many were louder than the clip they went to."""

import numpy as np
import pytest

from pysed.detector.config import config_from_dict
from pysed.train.augment import augment
from pysed.train.clips import Clips


@pytest.mark.parametrize("below", [0.0, 3.0])
def test_an_added_clip_is_at_most_as_loud_as_the_clip(below):
    """Clips of widely different levels; the power that is added is compared with the clip's, in float64."""
    rng = np.random.default_rng(5)
    levels = rng.uniform(2, 14, (40, 1, 1))
    features = (rng.normal(0, 2, (40, 60, 20)) + levels).astype(np.float32)
    labels = np.zeros((40, 30), np.float32)
    labels[::2, 10:14] = 1
    clips = Clips([str(i) for i in range(40)], features, None, labels, np.where(labels.any(axis=1), 1.0, np.nan))
    still = {"time_shift": False, "mask_bins": 0, "mask_frames": 0, "shift_bins": 0.0}
    config = config_from_dict({"system": "x", **still, "mix_share": 0.999, "mix_below": below}, "test")
    changed = features.copy()
    augment(changed, None, labels.copy(), clips, config, np.random.default_rng(1))
    before = np.exp(features.astype(np.float64))
    added = np.exp(changed.astype(np.float64)) - before
    difference_db = 10 * np.log10(added.mean(axis=(1, 2)) / before.mean(axis=(1, 2)))
    lowest_db = -10 * np.log10(np.e) * below
    assert lowest_db - 0.1 < difference_db.min() and difference_db.max() < 0.1
    if below:
        assert difference_db.min() < lowest_db / 2 < difference_db.max(), "drawn evenly in between"
