"""Calibration against scores whose probabilities are known by hand."""

import numpy as np
import pytest

from pysed.decision.calibration import calibrated, expected_calibration_error, fit_logistic


def counted(groups):
    """Scores and labels of (score, number, positives) groups."""
    scores = np.concatenate([np.full(number, score) for score, number, _ in groups])
    labels = np.concatenate([np.arange(number) < positives for _, number, positives in groups]).astype(float)
    return scores, labels


def test_two_scores_become_the_shares_of_positives():
    """Two groups and two numbers to choose: the best fit is exact. 0.9 is right in 60 of 100, 0.2 in 5 of 100."""
    scores, labels = counted([(0.9, 1000, 600), (0.2, 1000, 50)])
    slope, offset = fit_logistic(scores, labels)
    np.testing.assert_allclose(calibrated(np.array([0.9, 0.2]), slope, offset), [0.6, 0.05], atol=1e-4)
    # logit(0.6) = slope · logit(0.9) + offset, and the same of the other
    expected = (np.log(1.5) - np.log(1 / 19)) / (np.log(9) - np.log(0.25))
    assert slope == pytest.approx(expected, rel=1e-3)


def test_probabilities_stay_as_they_are():
    scores, labels = counted([(0.1, 1000, 100), (0.5, 1000, 500), (0.8, 1000, 800)])
    slope, offset = fit_logistic(scores, labels)
    assert slope == pytest.approx(1, abs=1e-3) and offset == pytest.approx(0, abs=1e-3)
    assert expected_calibration_error(scores, labels) == pytest.approx(0, abs=1e-9)


def test_what_cannot_be_calibrated_is_left_alone():
    assert fit_logistic(np.array([0.2, 0.7]), np.zeros(2)) == (1.0, 0.0)
    assert fit_logistic(np.array([]), np.array([])) == (1.0, 0.0)
    scores, labels = counted([(0.9, 100, 10), (0.1, 100, 90)])  # higher scores are wrong more often
    assert fit_logistic(scores, labels) == (1.0, 0.0)
    with pytest.raises(ValueError, match="3 scores, 2 labels"):
        fit_logistic(np.zeros(3), np.zeros(2))


def test_few_certain_scores_do_not_run_away():
    slope, offset = fit_logistic(np.array([0.0, 0.1, 0.9, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert np.isfinite([slope, offset]).all() and 0 < slope < 100


def test_expected_calibration_error_by_hand():
    """Bin of 0.9: off by 0.3 with 100 of 200 scores; bin of 0.2: off by 0.1 with the other half."""
    scores, labels = counted([(0.95, 100, 65), (0.25, 100, 15)])
    assert expected_calibration_error(scores, labels) == pytest.approx(0.5 * 0.3 + 0.5 * 0.1)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0
