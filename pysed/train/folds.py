"""Training in folds of recordings: networks that never heard what they are judged on, and their mean as the detector.

Every validation clip of the training set is scored once, by the network whose fold holds its recordings. On these
out-of-fold scores the networks are calibrated and thresholds are chosen: on all recordings, not on a tenth of them.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed import parallel
from pysed.atomic import atomic_open
from pysed.datadir.lists import read_split, read_table
from pysed.decision.calibration import expected_calibration_error
from pysed.decision.tuning import GRIDS, tune
from pysed.detector import checkpoint
from pysed.detector.config import SystemConfig
from pysed.errors import DataError
from pysed.text_files import read_yaml
from pysed.train.clips import Clips, Rows
from pysed.train.records import Records
from pysed.train.validation import calibrate, shown

IDENTITY = ".identity"  # in the folder of a fold that is trained: of what
_STREAMS = (("features", ""), ("asr", "asr_"))


def read_folds(folder: Path, most: int) -> list[dict[str, list[str]]]:
    """The utterances of "train" and "valid" of each of at most ``most`` folds.

    A data directory without ``utt2fold`` has the one split of ``utt2split``. With it, a fold's validation clips are
    those that ``utt2split`` calls valid, and all clips of other folds are trained on; where fewer folds are asked for
    than there are, neighbours are one, and of one alone the first is held out.
    """
    split = read_split(folder)
    path = folder / "utt2fold"
    if not path.is_file():
        return [split]
    fold_of: dict[str, int] = {}
    for name, text in read_table(path, "an utterance and its fold a line").items():
        if not text.isascii() or not text.isdigit() or len(text) > 4:
            raise DataError(f"{path}: {name}: {text[:40]!r}; expected the number of a fold")
        fold_of[name] = int(text)
    names = split["train"] + split["valid"]
    for name in names:
        if name not in fold_of:
            raise DataError(f"{path}: no utterance {name}, which utt2split names; make the mixtures anew")
    numbers = sorted({fold_of[name] for name in names})
    if len(numbers) < 2:
        return [split]
    num_folds = min(most, len(numbers)) if most > 1 else len(numbers)
    part = {number: place * num_folds // len(numbers) for place, number in enumerate(numbers)}
    folds = [
        {
            "train": [name for name in names if part[fold_of[name]] != fold],
            "valid": [name for name in split["valid"] if part[fold_of[name]] == fold],
        }
        for fold in range(num_folds)
    ]
    for fold, each in enumerate(folds):
        if not each["valid"]:
            raise DataError(f"{path}: fold {fold} has no clip for validation; make more mixtures")
    return folds if most > 1 else folds[:1]


def split_by_mixture(folder: Path, share: float, seed: int) -> dict[str, list[str]]:
    """A ``share`` of the mixtures for validation, at least one, drawn by the seed, as the paper reads: recordings of
    "train" stand in "valid" too, and F looks better than it is. DataError where none is left to train on."""
    split = read_split(folder)
    names = sorted(split["train"] + split["valid"])
    num_valid = max(1, round(share * len(names)))
    if num_valid >= len(names):
        raise DataError(f"{folder}: validation_mixtures {share} of {len(names)} mixtures leaves none to train on")
    drawn = set(np.random.default_rng(seed).permutation(len(names))[:num_valid].tolist())
    return {
        "train": [name for index, name in enumerate(names) if index not in drawn],
        "valid": [name for index, name in enumerate(names) if index in drawn],
    }


def check_leaks(folds: list[dict[str, list[str]]], recordings: dict[str, set[str]]) -> None:
    """DataError where a fold's training clips share a recording with its validation clips.

    recordings: utterance -> names of the recordings in it; utterances that it lacks are taken to share none.
    """
    for fold, split in enumerate(folds):
        heard = {name: clip for clip in split["train"] for name in recordings.get(clip, ())}
        for clip in split["valid"]:
            for name in recordings.get(clip, ()):
                if name in heard:
                    raise DataError(
                        f"fold {fold}: {clip} of validation and {heard[name]} of training share recording {name}; "
                        "make the mixtures anew"
                    )


def read_recordings(folder: Path) -> dict[str, set[str]]:
    """The recordings in each utterance, by kind and name, of ``recipes.yaml``; empty where there is none."""
    path = folder / "recipes.yaml"
    recipes = read_yaml(path, "mixtures") if path.is_file() else []
    found: dict[str, set[str]] = {}
    try:
        for recipe in recipes:
            second = (recipe.get("variation") or {}).get("second")
            parts = (("bg", recipe["background"]), ("bg", second), ("event", recipe["event"]))
            found[recipe["name"]] = {f"{kind} {part['recording']}" for kind, part in parts if part}
    except (LookupError, TypeError, AttributeError):
        raise DataError(f"{path}: not the recipes that stage 1 writes; make the mixtures anew") from None
    return found


def is_trained(folder: Path, identity: str) -> bool:
    """Whether a fold of this identity is trained; the mark of another one is removed."""
    mark = folder / IDENTITY
    whole = all((folder / name).is_file() for name in (IDENTITY, "final.pt", "metrics.csv"))
    if whole and mark.read_text() == identity:
        return True
    if parallel.rank() == 0:
        mark.unlink(missing_ok=True)
    return False


def begin_with_state(records: Records, folders: list[Path], resumed: bool = False) -> None:
    """records.begin() once a fold has an epoch's state, or its model."""
    if any((folder / name).is_file() for folder in folders for name in ("checkpoint.pt", "final.pt")):
        records.begin(resumed=resumed)


def subset(clips: Clips, names: list[str]) -> Clips:
    """The named clips, in this order; features stay where they are."""
    place = {name: index for index, name in enumerate(clips.names)}
    rows = np.array([place[name] for name in names])
    return replace(
        clips,
        names=list(names),
        features=Rows(np.asarray(clips.features), rows),
        asr=None if clips.asr is None else Rows(np.asarray(clips.asr), rows),
        labels=clips.labels[rows],
        onset_s=clips.onset_s[rows],
        scenes=None if clips.scenes is None else clips.scenes[rows],
    )


def out_of_fold(folders: list[Path], valid: list[Clips]) -> np.ndarray:
    """Scores (N, T100), or (N, T100, 2) with those of onsets, of all folds' validation clips, one fold after another,
    each by its own fold's network."""
    scores = []
    for folder, clips in zip(folders, valid, strict=True):
        scores.append(
            checkpoint.load_network(folder).tracks_of_clips(
                np.asarray(clips.features), None if clips.asr is None else np.asarray(clips.asr)
            )
        )
    return np.concatenate(scores)


def join(config: SystemConfig, folders: list[Path], valid: list[Clips], seed: int) -> tuple[dict[str, Any], str]:
    """The content of the checkpoint of the mean of all folds' networks, and a line about it.

    config: with as many folds as there are folders, each of which holds a trained fold's ``final.pt``.
    """
    contents = [checkpoint.load(folder / "final.pt") for folder in folders]
    raw = out_of_fold(folders, valid)
    labels = np.concatenate([clips.labels for clips in valid])
    slope, offset, scores = calibrate(raw, labels)
    onset_s = np.concatenate([clips.onset_s for clips in valid])
    tuned = tune(scores, onset_s, median_frames=config.median_frames, **GRIDS[config.tuned])
    state: dict[str, torch.Tensor] = {}
    for index, content in enumerate(contents):
        part = f"parts.{index}."
        state |= {f"{part}network.{name}": value for name, value in content["state"].items()}
        for stream, prefix in _STREAMS:
            statistics = content["normalisation"].get(stream, {"shift": torch.zeros(0), "scale": torch.ones(0)})
            state |= {f"{part}{prefix}{name}": statistics[name] for name in ("shift", "scale")}
        state |= {f"{part}slope": slope, f"{part}offset": offset}
    neutral = {
        stream: {
            "kind": statistics["kind"],
            "shift": torch.zeros_like(statistics["shift"]),
            "scale": torch.ones_like(statistics["scale"]),
        }
        for stream, statistics in contents[0]["normalisation"].items()
    }
    final = {
        **contents[0],
        "config": config.as_dict(),
        "seed": seed,
        "state": state,
        "normalisation": neutral,
        **{key: getattr(tuned, key) for key in ("t_base", "beta", "max_gap_s", "low_ratio")},
        "validation": tuned.as_dict(),
    }
    error = expected_calibration_error(scores[..., 0] if scores.ndim == 3 else scores, labels)
    told = ", ".join(f"{key} {value}" for key, value in tuned.as_dict().items())
    return final, (
        f"{len(folders)} folds, {len(scores)} clips judged by networks that never heard them: {told}; "
        f"slope {shown(slope)}, offset {shown(offset)}, expected calibration error {error:.4f}"
    )


def mean_metrics(folders: list[Path], out: Path) -> None:
    """``metrics.csv`` of the folds' own: of each epoch the mean over the folds that reached it, and their seconds."""
    rows: dict[int, list[dict[str, str]]] = {}
    for folder in folders:
        with open(folder / "metrics.csv", newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                rows.setdefault(int(row["epoch"]), []).append(row)
    with atomic_open(out / "metrics.csv") as stream:
        writer = csv.DictWriter(stream, list(rows[min(rows)][0]), lineterminator="\n")
        writer.writeheader()
        for epoch in sorted(rows):
            mean: dict[str, Any] = {"epoch": epoch}
            for key in rows[epoch][0]:
                values = [float(row[key]) for row in rows[epoch] if row[key]]
                if key != "epoch":
                    divisor = 1 if key == "seconds" else len(values)
                    mean[key] = round(sum(values) / divisor, 6) if values else ""
            writer.writerow(mean)
