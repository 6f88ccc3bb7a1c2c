"""Augmentation of training clips: log-mel features as another place and voice might have made them.

Level and colour of a whole clip are not varied: normalisation by the clip's own mean takes them out anyway.

Every change keeps the labels true. Recogniser features, where there are any, are turned in time with their clip and
otherwise left as they are: they cannot be computed anew here.
"""

import numpy as np

from pysed.detector.config import SystemConfig
from pysed.train.clips import Clips


def augment(
    features: np.ndarray,
    asr: np.ndarray | None,
    labels: np.ndarray,
    clips: Clips,
    config: SystemConfig,
    random: np.random.Generator,
) -> None:
    """Change a batch in place. features: (B, T, F) log energies, asr: (B, T100, A) or None, labels: (B, T100).

    As far as the configuration asks: the clip is turned in time (what leaves at the end enters at the start), another
    clip without an event is added to it in power, its spectrum is shifted along the mel axis. The added clip is brought
    to the clip's level (mean power over frames and bins) and then lowered by up to ``mix_below``, drawn evenly; that is
    a difference of natural logarithms of power, 4.34 dB each: 3 is 13 dB. So no added clip is louder than the clip.
    """
    shift_spectra(features, turn_and_add(features, asr, labels, clips, config, random))


def turn_and_add(
    features: np.ndarray,
    asr: np.ndarray | None,
    labels: np.ndarray,
    clips: Clips,
    config: SystemConfig,
    random: np.random.Generator,
) -> np.ndarray:
    """augment() but for the shift of spectra, whose bins it returns: (B,), drawn or zero."""
    quiet = np.flatnonzero(~clips.labels.any(axis=1))
    bins = np.zeros(len(features))
    for index in range(len(features)):
        if config.time_shift:
            turn = int(random.integers(labels.shape[1]))
            features[index] = np.roll(features[index], turn * clips.frames_per_label, axis=0)
            labels[index] = np.roll(labels[index], turn)
            if asr is not None:
                asr[index] = np.roll(asr[index], turn, axis=0)
        if config.mix_share and len(quiet) and random.random() < config.mix_share:
            other = clips.features[quiet[random.integers(len(quiet))]]
            other = np.roll(other, int(random.integers(len(other))), axis=0)
            gain = level(features[index]) - level(other) - random.uniform(0, config.mix_below)
            features[index] = np.logaddexp(features[index], other + np.float32(gain))
        if config.shift_bins:
            bins[index] = random.uniform(-1, 1) * config.shift_bins
    return bins


def shift_spectra(features: np.ndarray, bins: np.ndarray) -> None:
    """Move each clip's spectra up by so many bins, in place. features: (B, T, F), bins: (B,)."""
    for clip, by in zip(features, bins, strict=True):
        if by:
            clip[:] = clip @ shift_matrix(by, features.shape[2])


def level(features: np.ndarray) -> float:
    """The natural logarithm of a clip's mean power over frames and bins; features: (T, F) log energies."""
    loudest = features.max()
    return float(loudest + np.log(np.mean(np.exp(features - loudest))))


def shift_matrix(bins: float, num_bins: int) -> np.ndarray:
    """(F, F) float32: ``x @ shift_matrix`` is the spectrum x moved up by ``bins``, interpolated, its ends repeated."""
    source = np.clip(np.arange(num_bins) - bins, 0, num_bins - 1)
    low = np.minimum(np.floor(source).astype(int), num_bins - 2)
    matrix = np.zeros((num_bins, num_bins), dtype=np.float32)
    matrix[low, np.arange(num_bins)] = 1 - (source - low)
    matrix[low + 1, np.arange(num_bins)] += source - low
    return matrix


def crop(
    features: np.ndarray,
    asr: np.ndarray | None,
    labels: np.ndarray,
    length: int,
    random: np.random.Generator,
    hold_event: bool = False,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """``length`` labels of each clip, from a random place on. 0, or more than there are: all.

    With ``hold_event``, of a clip with an event, a place that holds it, or as much of it as fits.

    features: (B, T, F), asr: (B, T100, A) or None, labels: (B, T100) -> the same with fewer frames.
    """
    num_clips, num_labels = labels.shape
    if not 0 < length < num_labels:
        return features, asr, labels
    starts = np.zeros((num_clips, 1), dtype=int)
    for index, row in enumerate(labels):
        active = np.flatnonzero(row) if hold_event else np.empty(0, dtype=int)
        ends = (active[-1] + 1 - length, active[0]) if len(active) else (0, num_labels - length)
        low, high = np.clip(sorted(ends), 0, num_labels - length)
        starts[index] = random.integers(low, high + 1)
    ratio = features.shape[1] // num_labels
    rows = np.arange(num_clips)[:, None]
    frames = starts + np.arange(length)
    features = features[rows, ratio * starts + np.arange(ratio * length)]
    return features, None if asr is None else asr[rows, frames], labels[rows, frames]


def mask(features: np.ndarray, config: SystemConfig, random: np.random.Generator) -> None:
    """Replace a band of up to mask_bins bins and a stretch of up to mask_frames frames by the mean, in place.

    features: (B, T, F), normalised.
    """
    _, num_frames, num_bins = features.shape
    fill = float(features.mean()) if config.normalisation == "minmax" else 0.0
    for clip in features:
        if config.mask_bins:
            width = int(random.integers(min(config.mask_bins, num_bins) + 1))
            first = int(random.integers(num_bins - width + 1))
            clip[:, first : first + width] = fill
        if config.mask_frames:
            width = int(random.integers(min(config.mask_frames, num_frames) + 1))
            first = int(random.integers(num_frames - width + 1))
            clip[first : first + width] = fill
