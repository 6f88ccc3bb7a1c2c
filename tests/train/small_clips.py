"""Clips for training in a second: noise with a band that is louder where the event is, 40 bins, 3 s each."""

import dataclasses
from pathlib import Path

import numpy as np

from pysed.detector.config import SystemConfig, config_from_dict
from pysed.train import engine
from pysed.train.clips import Clips

ASR_DIM = 5
NUM_LABELS = 30


def small_config(**changes) -> SystemConfig:
    """A network and a schedule of a second or two."""
    small = {
        "channels": 32, "temporal_hidden": 12, "gru_hidden": 6, "epochs": 3, "epoch_steps": 1, "batch_size": 4,
        "warmup_steps": 2, "average_decay": 0.8, "precision": "float32",
        "normalisation": "standard", "asr_normalisation": "standard",
    }  # fmt: skip
    return config_from_dict(dict(system="small", **{**small, **changes}), "test")


def make_clips(num_clips: int, seed: int = 0, asr: bool = False, num_bins: int = 40, frames: int = 2) -> Clips:
    """Every second clip has an event of half a second or more: bins 10 to 20 are louder by 3; ``frames`` to a label."""
    rng = np.random.default_rng(seed)
    features = rng.normal(8, 1, (num_clips, frames * NUM_LABELS, num_bins)).astype(np.float32)
    labels = np.zeros((num_clips, NUM_LABELS), np.float32)
    onset_s = np.full(num_clips, np.nan)
    for index in range(0, num_clips, 2):
        first, length = int(rng.integers(2, 18)), int(rng.integers(5, 10))
        labels[index, first : first + length] = 1
        features[index, frames * first : frames * (first + length), 10:20] += 3
        onset_s[index] = first / 10
    second = rng.normal(2, 3, (num_clips, NUM_LABELS, ASR_DIM)).astype(np.float32) if asr else None
    return Clips([f"clip{seed}_{index:02d}" for index in range(num_clips)], features, second, labels, onset_s)


def fit(config, train: Clips, valid: Clips, event, out, seed=1, asr=None, frontend=None, command=None, **options):
    """engine.fit() of a task of these parts."""
    return engine.fit(engine.Task(config, event, seed, asr, frontend, command), train, valid, out, **options)


def with_scenes(clips: Clips) -> Clips:
    """The clips at home and in a tram by turns: in the tram, bins 30 to 36 come and go with a period of a second."""
    scenes = np.arange(len(clips.names)) % 2
    rumble = np.sin(2 * np.pi * np.arange(clips.features.shape[1]) / clips.frames_per_label / 10)
    clips.features[scenes == 1, :, 30:36] += 4 * rumble[:, None].astype(np.float32)
    return dataclasses.replace(clips, scenes=scenes, scene_names=("home", "tram"))


def write_data_dir(folder: Path, train: Clips, valid: Clips, event: str = "cry", frontend: str = "logmel40") -> Path:
    """The clips as a data directory: the archives, events.tsv and utt2split that training reads."""
    from pysed.kaldi.tables import TableWriter

    folder.mkdir(parents=True)
    split, events = [], []
    if train.asr is not None:
        with TableWriter(f"ark,scp:{folder}/p.ark,{folder}/prefinal.scp", "matrix") as table:
            for clips in (train, valid):
                for name, rows in zip(clips.names, clips.asr, strict=True):
                    table.write(name, rows)
    with TableWriter(f"ark,scp:{folder}/f.ark,{folder}/feats_{frontend}.scp", "matrix") as table:
        for part, clips in (("train", train), ("valid", valid)):
            for name, features, labels in zip(clips.names, clips.features, clips.labels, strict=True):
                table.write(name, features)
                split.append(f"{name} {part}\n")
                if labels.any():
                    active = np.flatnonzero(labels)
                    events.append(f"{name}\t{active[0] / 10}\t{(active[-1] + 1) / 10}\t{event}\n")
    (folder / "utt2split").write_text("".join(split))
    (folder / "events.tsv").write_text("".join(events))
    if train.scenes is not None:
        named = [
            f"{name} {clips.scene_names[scene]}\n"
            for clips in (train, valid)
            for name, scene in zip(clips.names, clips.scenes, strict=True)
        ]
        (folder / "utt2scene").write_text("".join(named))
    return folder


def write_data_dir_in_folds(folder: Path, train: Clips, valid: Clips, num_folds: int = 3) -> Path:
    """write_data_dir() and ``utt2fold``, in which a part's clips take turns, two at a time."""
    write_data_dir(folder, train, valid)
    folds = sorted((name, index // 2 % num_folds) for clips in (train, valid) for index, name in enumerate(clips.names))
    (folder / "utt2fold").write_text("".join(f"{name} {fold}\n" for name, fold in folds))
    return folder
