"""Intervals of a few recordings went below 0, and those of F above 100 %."""

import numpy as np
import pytest

from pysed.score import bootstrap


def draws(centre: float, error: float) -> bootstrap.Draws:
    """A figure of two recordings of events with that standard error."""
    none = np.zeros(2)
    return bootstrap.Draws(centre, centre + np.array([-error, error]), none, none, none, (2, 1, 1))


@pytest.mark.parametrize(("rate", "most"), [("error_rate", np.inf), ("f_measure", 1.0), ("recall", 1.0)])
@pytest.mark.parametrize("centre", [0.02, 0.5, 0.98])
def test_an_interval_has_no_value_that_the_rate_cannot_have(rate, most, centre):
    low, high = bootstrap.interval(draws(centre, 0.2), rate)
    assert 0 <= low < centre < high <= most
    low, high = bootstrap.interval(draws(centre, 0.2))
    assert low < 0 and high > 1  # of a figure that is no rate
