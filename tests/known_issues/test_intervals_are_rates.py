"""Intervals of a few recordings went below 0, and those of F above 100 %."""

import numpy as np
import pytest

from pysed.score import comparison


@pytest.mark.parametrize(("rate", "expected"), [("error_rate", [0.0, 1.4]), ("f_measure", [0.0, 1.0])])
def test_an_interval_has_no_value_that_the_rate_cannot_have(monkeypatch, rate, expected):
    monkeypatch.setattr(comparison.bootstrap, "interval", lambda draws: (-0.2, 1.4))
    assert comparison.rate_figure(rate, [0.5], np.empty(0))["interval"] == expected  # type: ignore[arg-type]
    assert comparison.figure([0.5], np.empty(0))["interval"] == [-0.2, 1.4]  # type: ignore[arg-type]
