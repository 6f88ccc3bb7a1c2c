"""Rows of another rate on the 100 ms grid: impulses, constants, ramps, and an independent float64 integral."""

import subprocess
import sys

import numpy as np
import pytest

from pysed.features.grid import grid_weights, to_grid

CENTRES_S = 0.0125 + 0.03 * np.arange(998)  # a chain model's rows for 30 s


def test_constant_is_preserved_everywhere():
    np.testing.assert_allclose(to_grid(np.full((998, 3), 7.25, np.float32)), np.full((300, 3), 7.25), rtol=1e-7)


def test_ramp_is_preserved_within():
    ramp = to_grid(CENTRES_S[:, None])[:, 0]
    np.testing.assert_allclose(ramp[1:-1], (np.arange(1, 299) + 0.5) * 0.1, atol=2e-6)
    assert ramp[0] > 0.05 and ramp[-1] < 29.95, "the ends are clamped to the first and last row"


@pytest.mark.parametrize("row", [4, 100, 333, 334, 335, 990])
def test_impulse_lands_in_its_frame_with_its_centre_of_mass(row):
    rows = np.zeros((998, 1))
    rows[row] = 1
    grid = to_grid(rows)[:, 0].astype(np.float64)
    assert grid.argmax() == int(CENTRES_S[row] / 0.1)
    assert grid.sum() * 0.1 == pytest.approx(0.03, rel=1e-5), "its area is kept: one row's worth of time"
    centre = (grid * (np.arange(300) + 0.5) * 0.1).sum() / grid.sum()
    # The grid knows no place within a frame: an impulse inside one frame is said to be at its middle.
    assert abs(centre - CENTRES_S[row]) <= 0.05
    assert np.count_nonzero(grid) <= 2


def test_centre_of_mass_is_unbiased():
    # A smooth bump many frames wide shows the axis's offset itself: less than 0.1 ms.
    for centre_s in (10.0, 10.03, 10.055):
        bump = np.exp(-0.5 * ((CENTRES_S - centre_s) / 0.25) ** 2)
        grid = to_grid(bump[:, None])[:, 0].astype(np.float64)
        assert (grid * (np.arange(300) + 0.5) * 0.1).sum() / grid.sum() == pytest.approx(centre_s, abs=1e-4)


@pytest.mark.parametrize(
    ("num_rows", "shift", "first", "hop", "num_frames"),
    [(998, 0.03, 0.0125, 0.1, 300), (40, 0.01, 0.0125, 0.1, 5), (12, 0.03, 0.0125, 0.01, 40), (7, 0.1, 0.05, 0.1, 7)],
)
def test_equals_the_numerical_mean_of_the_interpolated_rows(num_rows, shift, first, hop, num_frames):
    rows = np.random.default_rng(4).normal(size=(num_rows, 2))
    grid = to_grid(rows, row_shift_s=shift, first_centre_s=first, hop_s=hop, num_frames=num_frames)
    steps = 2000
    times = (np.arange(num_frames * steps) + 0.5) * hop / steps
    for dim in range(2):
        fine = np.interp(times, first + shift * np.arange(num_rows), rows[:, dim])
        np.testing.assert_allclose(grid[:, dim], fine.reshape(num_frames, steps).mean(axis=1), atol=2e-5)


def test_one_row_and_short_input_hold_on():
    np.testing.assert_allclose(to_grid(np.array([[2.0, 3.0]]), num_frames=4), [[2, 3]] * 4)
    grid = to_grid(np.arange(10.0)[:, None], num_frames=20)
    np.testing.assert_allclose(grid[5:], 9)


def test_weights_sum_to_one_and_are_few():
    weights = grid_weights(998, 0.03, 0.0125, 0.1, 300)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.min() >= 0 and weights.nnz < 300 * 7


def test_bad_input():
    for rows in (np.zeros(5), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="rows of shape"):
            to_grid(rows)
    with pytest.raises(ValueError, match="more than 0"):
        to_grid(np.zeros((3, 1)), hop_s=0)


@pytest.mark.parametrize("click_s", [1.0125, 2.75, 3.05, 4.449])
def test_a_click_in_audio_lands_in_its_frame(click_s):
    from pysed.kaldi.features import MfccOptions, compute_mfcc

    samples = np.random.default_rng(0).normal(0, 1, 16000 * 6).astype(np.float32)
    samples[round(click_s * 16000)] = 20000
    loudness = compute_mfcc(samples, 16000, MfccOptions(dither=0.0))[:, :1]
    loudness = np.exp(loudness.astype(np.float64) / 2)
    for step in (1, 3):  # every frame, and every third as a chain model gives them
        grid = to_grid(loudness[::step], row_shift_s=0.01 * step, num_frames=60)[:, 0].astype(np.float64)
        grid -= np.median(grid)
        # The click fills 25 ms of windows: it may share an edge with the next frame, but its centre tells.
        centre = (grid * (np.arange(60) + 0.5) * 0.1).sum() / grid.sum()
        assert abs(centre - click_s) <= 0.055
        assert abs(grid.argmax() - int(click_s / 0.1)) <= (1 if click_s % 0.1 < 0.0125 or click_s % 0.1 > 0.0875 else 0)


def test_a_detector_without_a_recogniser_starts_without_scipy():
    code = (
        "import sys, pysed.commands.detect, pysed.detect.archive, pysed.detect.formats; print('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
