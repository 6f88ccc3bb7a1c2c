"""Augmentation keeps labels true: each change alone, against what its name promises."""

import dataclasses

import numpy as np
import pytest
from small_clips import make_clips, small_config

from pysed.features.normalise import apply_normalisation
from pysed.train.augment import augment, crop, mask, shift_matrix
from pysed.train.data import make_batch

NONE = {
    "time_shift": False, "mask_bins": 0, "mask_frames": 0, "mix_share": 0.0, "shift_bins": 0.0,
}  # fmt: skip
CHANGES = {
    "time_shift": True, "mask_bins": 8, "mask_frames": 6, "mix_share": 1.0, "shift_bins": 2.0,
}  # fmt: skip
IDENTITY = {
    "features": {"kind": "standard", "shift": np.zeros(40, np.float32), "scale": np.ones(40, np.float32)},
    "asr": {"kind": "standard", "shift": np.zeros(5, np.float32), "scale": np.ones(5, np.float32)},
}


def augmented(clips, seed=0, **changes):
    """(features, asr, labels) of all clips after the named changes."""
    features, labels = clips.features.copy(), clips.labels.copy()
    asr = None if clips.asr is None else clips.asr.copy()
    augment(features, asr, labels, clips, small_config(**{**NONE, **changes}), np.random.default_rng(seed))
    return features, asr, labels


@pytest.mark.parametrize("kind", ["standard", "clip"])
def test_cropping_first_changes_nothing(kind):
    """Without added clips only the crop is computed: as if the whole clip had been changed, normalised, then cut."""
    clips, chosen = make_clips(8, asr=True), np.arange(8)
    config = small_config(**{**CHANGES, "mix_share": 0.0, "crop_s": 1.5, "crop_from": "event"})
    normalise = {**IDENTITY, "features": {**IDENTITY["features"], "kind": kind, "shift": np.float32(0.3)}}
    mine = make_batch(clips, chosen, normalise, config, np.random.default_rng(2))
    random = np.random.default_rng(2)
    features, asr, labels = clips.features.copy(), clips.asr.copy(), clips.labels.copy()
    augment(features, asr, labels, clips, config, random)
    features = apply_normalisation(features, normalise["features"])
    features, asr, labels = crop(features, asr, labels, 15, random, True)
    mask(features, config, random)
    assert features.shape[1] == 30 and 0 < labels.mean() < 1
    np.testing.assert_allclose(mine[0], features, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(mine[1], asr)
    np.testing.assert_array_equal(mine[2], labels)


def test_nothing_asked_nothing_changed():
    clips = make_clips(6, asr=True)
    features, asr, labels = augmented(clips)
    for mine, its in ((features, clips.features), (asr, clips.asr), (labels, clips.labels)):
        np.testing.assert_array_equal(mine, its)


def test_time_shift_turns_all_streams_together():
    clips = make_clips(40, asr=True)
    # Every stream carries its label: whatever the turn, they still have to say the same.
    clips.features[:] = np.repeat(clips.labels, 2, axis=1)[..., None]
    clips.asr[:] = clips.labels[..., None]
    features, asr, labels = augmented(clips, time_shift=True)
    np.testing.assert_array_equal(features, np.broadcast_to(np.repeat(labels, 2, axis=1)[..., None], features.shape))
    np.testing.assert_array_equal(asr, np.broadcast_to(labels[..., None], asr.shape))
    np.testing.assert_array_equal(labels.sum(axis=1), clips.labels.sum(axis=1))
    moved = (labels != clips.labels).any(axis=1)[clips.labels.any(axis=1)]
    assert moved.mean() > 0.7  # a turn of nothing is one in thirty


def test_mixing_only_adds_energy_of_clips_without_the_event():
    clips = make_clips(10)
    quiet = ~clips.labels.any(axis=1)
    clips.features[quiet] = 3.0
    features, _, labels = augmented(clips, mix_share=1.0, mix_below=2.0)
    np.testing.assert_array_equal(labels, clips.labels)
    # The other is flat: in power, the same is added everywhere, 0 to 2 (in the logarithm) below the clip's own mean.
    own = np.exp(clips.features.astype(np.float64))
    added = np.exp(features.astype(np.float64)) - own
    below = np.log(own.mean(axis=(1, 2))) - np.log(added.mean(axis=(1, 2)))
    assert added.std(axis=(1, 2)).max() < 1e-2 * added.mean() and below.min() > -1e-3 and below.max() < 2.001


def test_mixing_without_quiet_clips_is_left_out():
    clips = make_clips(4)
    clips.labels[:, 3] = 1
    np.testing.assert_array_equal(augmented(clips, mix_share=1.0)[0], clips.features)


def test_shift_matrix_worked_by_hand():
    spectrum = np.array([1.0, 2.0, 4.0, 8.0], np.float32)
    np.testing.assert_array_equal(spectrum @ shift_matrix(0, 4), spectrum)
    np.testing.assert_array_equal(spectrum @ shift_matrix(1, 4), [1, 1, 2, 4])
    np.testing.assert_array_equal(spectrum @ shift_matrix(-2, 4), [4, 8, 8, 8])
    np.testing.assert_allclose(spectrum @ shift_matrix(0.5, 4), [1, 1.5, 3, 6])
    np.testing.assert_allclose(spectrum @ shift_matrix(-0.25, 4), [1.25, 2.5, 5, 8])
    np.testing.assert_array_equal(spectrum @ shift_matrix(9, 4), [1, 1, 1, 1])


@pytest.mark.parametrize("bins", [-3.3, -0.7, 0.2, 2.5])
def test_shifted_spectra_are_interpolated(bins):
    spectrum = np.random.default_rng(0).normal(size=40).astype(np.float32)
    expected = np.interp(np.arange(40) - bins, np.arange(40), spectrum)
    np.testing.assert_allclose(spectrum @ shift_matrix(bins, 40), expected, atol=1e-5)


def test_mel_shift_moves_the_whole_clip_alike():
    clips = make_clips(6)
    clips.features[:] = np.arange(40, dtype=np.float32)
    features, _, _ = augmented(clips, shift_bins=3.0)
    middle = features[:, :, 5:35] - np.arange(5, 35)
    np.testing.assert_allclose(middle, np.broadcast_to(middle[:, :1, :1], middle.shape), atol=1e-4)
    assert 0.1 < np.abs(middle[:, 0, 0]).max() <= 3.0 and len(np.unique(middle[:, 0, 0].round(3))) == 6


@pytest.mark.parametrize("normalisation", ["standard", "minmax", "clip"])
def test_mask_hides_one_band_and_one_stretch(normalisation):
    original = np.random.default_rng(3).uniform(0.2, 1, (60, 50, 40)).astype(np.float32)
    features = original.copy()
    config = small_config(**{**NONE, "mask_bins": 8, "mask_frames": 6, "normalisation": normalisation})
    mask(features, config, np.random.default_rng(0))
    fill = original.mean(dtype=np.float64) if normalisation == "minmax" else 0.0
    widths = set()
    for before, after in zip(original, features, strict=True):
        hidden = before != after
        np.testing.assert_allclose(after[hidden], fill, atol=1e-5)
        bins, frames = hidden.all(axis=0), hidden.all(axis=1)
        assert np.array_equal(hidden, bins[None] | frames[:, None])  # a cross of one band and one stretch, no more
        for line, most in ((bins, 8), (frames, 6)):
            assert line.sum() <= most and (np.diff(np.flatnonzero(line)) == 1).all()
        widths.add((int(bins.sum()), int(frames.sum())))
    assert {bins for bins, _ in widths} == set(range(9)) and {frames for _, frames in widths} == set(range(7))


def test_the_clips_themselves_are_left_alone():
    clips = make_clips(6, asr=True)
    before = dataclasses.replace(
        clips, features=clips.features.copy(), asr=clips.asr.copy(), labels=clips.labels.copy()
    )
    config = small_config(**CHANGES, asr=True)
    chosen = np.array([3, 0, 5])
    features, asr, labels = make_batch(clips, chosen, IDENTITY, config, np.random.default_rng(0))
    assert (features.shape, asr.shape, labels.shape) == ((3, 60, 40), (3, 30, 5), (3, 30))
    assert features.dtype == asr.dtype == labels.dtype == np.float32
    for name in ("features", "asr", "labels"):
        np.testing.assert_array_equal(getattr(clips, name), getattr(before, name))


def test_batches_repeat_by_seed():
    clips = make_clips(6, asr=True)
    config = small_config(**CHANGES, asr=True)
    first, second, other = (
        make_batch(clips, np.arange(6), IDENTITY, config, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for mine, its, another in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(mine, its)
        assert not np.array_equal(mine, another)


def test_normalisation_comes_before_masking_and_after_the_rest():
    clips = make_clips(4)
    statistics = {"kind": "standard", "shift": np.full(40, 8.0, np.float32), "scale": np.full(40, 0.5, np.float32)}
    normalise = {"features": statistics}
    plain, _, _ = make_batch(clips, np.arange(4), normalise, small_config(**NONE), np.random.default_rng(0))
    np.testing.assert_allclose(plain, (clips.features - 8) / 2, atol=1e-6)
    masked, _, _ = make_batch(
        clips, np.arange(4), normalise, small_config(**{**NONE, "mask_bins": 20}), np.random.default_rng(0)
    )
    assert np.array_equal(masked == 0, masked != plain)


def test_crop_holds_the_event_and_keeps_streams_together():
    clips = make_clips(400, asr=True)
    num_clips, num_labels = clips.labels.shape
    place = np.broadcast_to(np.arange(num_labels, dtype=np.float32), clips.labels.shape)
    clips.features[:] = np.repeat(place, 2, axis=1)[..., None]
    clips.asr[:] = place[..., None]
    features, asr, labels = crop(clips.features, clips.asr, clips.labels, 12, np.random.default_rng(0), True)
    assert features.shape[1:] == (24, 40) and asr.shape[1] == labels.shape[1] == 12
    np.testing.assert_array_equal(asr[:, :, 0], features[:, ::2, 0])
    np.testing.assert_array_equal(asr[:, :, 0], features[:, 1::2, 0])
    np.testing.assert_array_equal(np.diff(asr[:, :, 0], axis=1), 1)
    for index in range(num_clips):
        np.testing.assert_array_equal(labels[index], clips.labels[index, asr[index, :, 0].astype(int)])
    np.testing.assert_array_equal(labels.sum(axis=1), clips.labels.sum(axis=1))
    starts = asr[:, 0, 0]
    np.testing.assert_array_equal(np.unique(starts[1::2]), np.arange(num_labels - 12 + 1))  # without an event: anywhere
    before = (clips.onset_s[::2] * 10).round() - starts[::2]
    assert len(np.unique(before)) >= 7  # the event lies anywhere in the crop


def test_crop_from_anywhere_keeps_the_share_of_event_frames():
    clips = make_clips(2000)
    _, _, labels = crop(clips.features, None, clips.labels, 10, np.random.default_rng(0))
    assert labels.mean() == pytest.approx(clips.labels[:, 5:25].mean(), rel=0.15)  # ends are seen less than the middle
    assert 0.1 < (labels[::2].any(axis=1)).mean() < 0.9  # not every clip with an event shows it


def test_crop_of_an_event_too_long_for_it_is_all_event():
    labels = np.zeros((50, 30), np.float32)
    labels[:, 5:25] = 1
    _, _, cropped = crop(np.zeros((50, 60, 3), np.float32), None, labels, 8, np.random.default_rng(0), True)
    assert cropped.shape == (50, 8) and cropped.all()


@pytest.mark.parametrize("length", [0, 30, 31])
def test_crop_of_nothing_or_more_than_all_is_all(length):
    clips = make_clips(3)
    features, asr, labels = crop(clips.features, None, clips.labels, length, np.random.default_rng(0))
    assert features is clips.features and asr is None and labels is clips.labels


def test_a_batch_is_normalised_by_the_mean_of_the_whole_clip():
    clips = make_clips(4)
    normalise = {"features": {**IDENTITY["features"], "kind": "clip"}}
    config = small_config(**{**NONE, "normalisation": "clip", "crop_s": 1.0})
    features, _, _ = make_batch(clips, np.arange(4), normalise, config, np.random.default_rng(0))
    whole = clips.features - clips.features.mean(axis=1, keepdims=True)
    for index in range(4):
        assert any(np.allclose(features[index], whole[index, start : start + 20], atol=1e-5) for start in range(41))
