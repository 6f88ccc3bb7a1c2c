"""Clips of noise, to measure training on."""

import numpy as np

from pysed.detector.config import SystemConfig
from pysed.features.frontend import FrontEnd
from pysed.features.grid import HOP_S
from pysed.train.clips import Clips

CLIP_S, ASR_DIM = 30, 128


def make_clips(config: SystemConfig, frontend: FrontEnd, num_clips: int, seed: int) -> Clips:
    """Clips of random features, every other one with an event."""
    random = np.random.default_rng(seed)
    num_labels = round(CLIP_S / HOP_S)
    shape = (num_clips, num_labels * frontend.frames_per_label, frontend.num_mel_bins)
    labels = np.zeros((num_clips, num_labels), np.float32)
    labels[::2, 100:120] = 1
    return Clips(
        [f"clip{seed}_{index}" for index in range(num_clips)],
        random.normal(8, 2, shape).astype(np.float32),
        random.normal(size=(num_clips, num_labels, ASR_DIM)).astype(np.float32) if config.asr else None,
        labels,
        np.where(labels.any(axis=1), 100 * HOP_S, np.nan),
        *((np.arange(num_clips) % 15, tuple(map(str, range(15)))) if config.scene_weight else ()),
    )
