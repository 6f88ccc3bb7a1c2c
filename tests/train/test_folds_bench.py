"""The benchmark of training in folds: what it projects, by hand, and a measurement of a few clips."""

import pytest

from pysed.bench import folds


def test_minutes_by_hand():
    """1,200 clips a fold are 75 steps, 20 epochs: two at once take three rounds, five at once one."""
    fold = 20 * (75 * 0.4 + 3)
    assert folds.minutes(0.4, 3.0, 1) == pytest.approx(5 * fold / 60)
    assert folds.minutes(0.4, 3.0, 2) == pytest.approx(3 * fold / 60)
    assert folds.minutes(0.4, 3.0, 5) == pytest.approx(fold / 60)


def test_a_measurement_side_by_side(monkeypatch):
    for name, value in (("_STEPS", 1), ("_REPEATS", 1), ("NUM_CLIPS", 50)):
        monkeypatch.setattr(folds, name, value)
    step, valid = folds.measured_at_once("cbrnn", 2)
    assert 0 < step < 60 and 0 < valid < 60
