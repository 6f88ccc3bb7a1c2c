"""Training of one system for one event class: set-up, one epoch after another, finish."""

import copy
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed import __version__, parallel
from pysed.decision.tuning import GRIDS, Tuning, tune
from pysed.detector import checkpoint
from pysed.detector.config import SystemConfig
from pysed.errors import DataError
from pysed.features.frontend import frames_per_label
from pysed.features.grid import HOP_S
from pysed.features.normalise import statistics
from pysed.networks import build_model
from pysed.networks.network import DetectionNetwork
from pysed.train.clips import Clips
from pysed.train.data import check_events, load_clips, make_batch
from pysed.train.failures import naming_fold, not_finite, what_is_not_finite
from pysed.train.folds import (
    IDENTITY,
    begin_with_state,
    check_leaks,
    is_trained,
    join,
    mean_metrics,
    read_folds,
    read_recordings,
    split_by_mixture,
    subset,
)
from pysed.train.joint import JointLayers
from pysed.train.loss import batch_loss
from pysed.train.precision import keep_freed_memory, use_bfloat16
from pysed.train.records import EpochBar, Records, print_line, progress
from pysed.train.side_by_side import side_by_side
from pysed.train.state import resume, run_identity, save_state, seed_everything
from pysed.train.steps import descend, learning_rate, parameter_groups, update_average
from pysed.train.validation import calibrate, cross_entropy, measures, merit, scene_accuracy, scores_of, shown


@dataclass(frozen=True)
class Task:
    """What is trained: a system for an event class, by a seed; and what is noted with the model.

    asr: {"model", "layer"} of the recogniser features, frontend: FrontEnd.as_dict(); both go into the checkpoint,
    ``command``, what to type to get the model, into config.yaml.
    """

    config: SystemConfig
    event: str
    seed: int = 1
    asr: dict[str, str] | None = None
    frontend: dict[str, Any] | None = None
    command: str | None = None


def train(
    task: Task, data: str | os.PathLike, out: str | os.PathLike, stop_after: int | None = None, jobs: int = 1
) -> Path | None:
    """Train on the training split of ``data``, choose epoch and thresholds on its validation split; or in folds.

    Writes ``config.yaml``, ``metrics.csv`` (a row an epoch), ``train.log`` and ``final.pt`` into ``out``, returns the
    last one's path. A run that was cut off goes on from ``checkpoint.pt`` and ends with the very weights of an unbroken
    one. ``stop_after``: end after that many epochs as if cut off (returns None). ``jobs``: folds trained side by side.

    Raises DataError for bad data, and when the loss stops being a number, naming the cause; MemoryError for a fold that
    ran out of memory.
    """
    data, out, event = Path(data), Path(out), task.event
    if task.config.validation_mixtures:
        folds = [split_by_mixture(data, task.config.validation_mixtures, task.seed)]
    else:
        folds = read_folds(data, task.config.folds)
        check_leaks(folds, read_recordings(data))
    config = replace(task.config, folds=len(folds))  # as many as the data has, at most
    task = replace(task, config=config)
    if len(folds) > 1:
        return fit_folds(task, folds, data, out, stop_after, jobs)
    split = folds[0]
    clips = load_clips(data, split["train"], event, config, frames_per_label(task.frontend))
    valid = load_clips(data, split["valid"], event, config, frames_per_label(task.frontend))
    check_events(clips, data, event, "train")
    check_events(valid, data, event, "valid")
    joint = JointLayers(config, data, [*clips.names, *valid.names], task.asr) if config.asr_layers else None
    return fit(task, clips, valid, out, stop_after, joint)


def fit_folds(
    task: Task, folds: list[dict[str, list[str]]], data: Path, out: Path, stop_after: int | None = None, jobs: int = 1
) -> Path | None:
    """train() in folds: a network each, and their mean as ``final.pt``. ``stop_after`` counts a fold's epochs.

    ``jobs`` of them are trained side by side, each by as many threads as OMP_NUM_THREADS says or else by its share of
    the cores; by torchrun or on a GPU one after another. With equal threads the networks are equal, bit for bit.
    """
    names = sorted({name for split in folds for part in split.values() for name in part})
    clips = load_clips(data, names, task.event, task.config, frames_per_label(task.frontend))
    out.mkdir(parents=True, exist_ok=True)
    folders = [out / f"fold{number}" for number in range(1, len(folds) + 1)]
    parts = [(subset(clips, split["train"]), subset(clips, split["valid"])) for split in folds]
    for number, (train, valid) in enumerate(parts):
        check_events(train, data, task.event, f"fold {number} train")
        check_events(valid, data, task.event, f"fold {number} valid")
    leads = parallel.rank() == 0
    records = Records(out, resolved(task), quiet=not leads, folds=folders)
    begin_with_state(records, folders, resumed=True)

    def say_of_fold(number: int, line: str) -> None:
        begin_with_state(records, folders)
        records.say(f"fold {number + 1}: {line}")

    def one(number: int, tell: Callable[[str], None]) -> bool:
        """Whether the fold is done."""
        (train, valid), folder = parts[number], folders[number]
        alone = replace(task.config, folds=1, calibrate=False)  # join() calibrates all of them together
        fold = replace(task, config=alone, seed=(task.seed + 1000 * number) % 2**64)
        identity = run_identity(fold.config, fold.event, fold.seed, train, valid)
        if is_trained(folder, identity):
            return True
        with naming_fold(number + 1):
            done = fit(fold, train, valid, folder, stop_after, tell=tell) is not None
        if done and leads:
            (folder / IDENTITY).write_text(identity)
        return done

    at_once = 1 if parallel.size() > 1 or torch.cuda.is_available() else min(jobs, len(folds))
    if at_once > 1:
        with EpochBar(len(folds), task.config.epochs) as bar:

            def hear(number: int, line: str) -> None:
                with bar.aside(number, line):
                    say_of_fold(number, line)

            done = all(side_by_side(one, len(folds), at_once, hear))
    else:
        done = all(one(number, partial(say_of_fold, number)) for number in range(len(folds)))
    if not done:
        return None
    if leads:
        final, summary = join(task.config, folders, [valid for _, valid in parts], task.seed)
        mean_metrics(folders, out)
        records.say(summary)
        checkpoint.save(out / "final.pt", final)
        for folder in folders:
            shutil.rmtree(folder)
    return parallel.from_first(out / "final.pt")


def resolved(task: Task) -> dict[str, Any]:
    """What config.yaml says: all keys of the system as they are, and what they were used for."""
    values = {**task.config.as_dict(), "event": task.event, "seed": task.seed}
    return {**values, "command": task.command} if task.command else values


def fit(
    task: Task,
    clips: Clips,
    valid: Clips,
    out: Path,
    stop_after: int | None = None,
    joint: JointLayers | None = None,
    tell: Callable[[str], None] = print_line,
) -> Path | None:
    """train() on clips in memory; ``joint``: the recogniser's layers that are trained along; ``tell``: who is told each
    line of the log."""
    run = Run(task, clips, valid, out, joint, tell)
    run.introduce()
    for epoch in range(len(run.history) + 1, task.config.epochs + 1):
        if run.patience_ends(epoch):
            break
        run.one_epoch(epoch)
        if stop_after is not None and epoch >= stop_after:
            return None
    return run.finish()


class Run:
    """A training from its set-up to the model that it leaves; a run that was cut off is set up where it stopped."""

    def __init__(
        self, task: Task, clips: Clips, valid: Clips, out: Path, joint: JointLayers | None, tell: Callable[[str], None]
    ):
        self.task, self.config, self.out, self.joint = task, task.config, out, joint
        out.mkdir(parents=True, exist_ok=True)
        keep_freed_memory()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        seed_everything(task.seed)
        self.normalise = statistics_of(clips, task.config)
        self.asr_dim = 0 if clips.asr is None else clips.asr.shape[2]
        self.identity = run_identity(task.config, task.event, task.seed, clips, valid)
        assert clips.frames_per_label == frames_per_label(task.frontend), "the front end is not the clips'"
        model: DetectionNetwork = build_model(
            task.config, clips.features.shape[2], self.asr_dim, clips.frames_per_label, len(clips.scene_names)
        )
        if joint:
            model, clips, valid = joint.join(model, clips, valid, self.normalise["asr"])
        self.clips, self.valid = clips, valid
        self.model = model.to(self.device)
        self.model.bfloat16_maps = use_bfloat16(task.config.precision, self.device)
        self.average = copy.deepcopy(self.model)  # what is validated and kept: the running mean of the weights
        self.optimiser = torch.optim.Adam(
            parameter_groups(self.model, task.config),
            lr=task.config.learning_rate,
            weight_decay=task.config.weight_decay,
        )
        self.batch_size = min(task.config.batch_size, len(clips.names))
        self.steps_per_epoch = max(len(clips.names) // self.batch_size, task.config.epoch_steps)
        self.random = np.random.default_rng(task.seed)  # of batches and augmentation
        self.history, self.best = resume(
            out / "checkpoint.pt", self.identity, self.model, self.average, self.optimiser, self.random
        )
        self.leads = parallel.rank() == 0  # of several processes one writes
        self.records = Records(out, resolved(task), quiet=not self.leads, tell=tell)

    def introduce(self) -> None:
        """Say what is trained on what."""
        if self.history:
            self.records.begin(self.history, resumed=True)
        task = self.task
        sizes = f"{len(self.clips.names)} clips, {len(self.valid.names)} for validation"
        count = sum(parameter.numel() for parameter in self.model.parameters())
        precision = "bfloat16" if self.model.bfloat16_maps else "float32"
        shared = f" on each of {parallel.size()}" if parallel.size() > 1 else ""
        self.records.say(
            f"{task.config.system}, {task.event}, seed {task.seed}: {sizes}; {count} parameters; "
            f"{self.device.type}{shared}, {precision} convolutions"
        )
        if self.history:
            self.records.say(f"going on after epoch {self.history[-1]['epoch']}")

    def patience_ends(self, epoch: int) -> bool:
        """Whether nothing got better for as long as the configuration waits: neither the choice's measure nor the loss.

        The measure alone would end trainings too early: while a network detects nothing yet, only its loss moves.
        """
        patience = self.config.patience
        if not (patience and self.history):
            return False
        lowest = min(self.history, key=lambda row: row["valid_loss"])["epoch"]
        if epoch - 1 - max(self.best["epoch"], lowest) < patience:
            return False
        self.records.say(f"no better epoch than {self.best['epoch']}, and no lower loss, in {patience}: stop")
        return True

    def one_epoch(self, epoch: int) -> None:
        """One epoch (from 1): its steps, the validation clips' scores, and the state to go on from."""
        started = time.monotonic()
        loss, rate = self.take_steps(epoch)
        validation = self.validate(epoch)
        row = {"epoch": epoch, "steps": epoch * self.steps_per_epoch, "loss": round(loss, 6), **validation}
        row |= {"learning_rate": rate, "seconds": round(time.monotonic() - started, 2)}
        self.history.append(row)
        self._keep(row)
        self.records.begin()
        self.records.end_of_epoch(self.history)

    def take_steps(self, epoch: int) -> tuple[float, float]:
        """An epoch's steps; returns its mean loss over all processes, and the last step's learning rate."""
        self.model.train()
        num_clips, size = len(self.clips.names), self.batch_size
        passes = math.ceil(self.steps_per_epoch * size / num_clips)  # over the clips
        order = np.concatenate([self.random.permutation(num_clips) for _ in range(passes)])
        total = rate = 0.0
        title = f"epoch {epoch}/{self.config.epochs}"
        for index in progress(range(self.steps_per_epoch), title, quiet=not self.leads):
            step = (epoch - 1) * self.steps_per_epoch + index
            rate = learning_rate(self.config, step, self.config.epochs * self.steps_per_epoch, epoch)
            for group in self.optimiser.param_groups:
                group["lr"] = rate * group["share"]
            loss, logits = self._batch_loss(order[index * size : (index + 1) * size])
            norm = descend(self.model, self.optimiser, loss, self.config.gradient_clip)
            if not torch.isfinite(norm):
                raise DataError(what_is_not_finite(self.config, epoch, step, logits, loss, self.model))
            self.optimiser.step()
            update_average(self.average, self.model, self.config.average_decay, step)
            total += loss.item()
        return sum(parallel.gathered(total)) / parallel.size() / self.steps_per_epoch, rate

    def _batch_loss(self, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and logits of the clips of these numbers; each of several processes has a part of them."""
        features, asr, labels = make_batch(self.clips, chosen, self.normalise, self.config, self.random)
        mine = parallel.own_rows(self.batch_size)
        return batch_loss(
            self.model,
            to_device(features[mine], self.device),
            None if asr is None else to_device(asr[mine], self.device),
            to_device(labels[mine], self.device),
            None if self.clips.scenes is None else to_device(self.clips.scenes[chosen][mine], self.device),
            self.config,
        )

    def validate(self, epoch: int) -> dict[str, Any]:
        """What metrics.csv says of the averaged network's scores of the validation clips."""
        scores = scores_of(self.average, self.valid, self.normalise)
        loss = cross_entropy(scores, self.valid.labels, self.config.positive_weight)
        if not math.isfinite(loss):
            raise DataError(not_finite(self.config, "a score of validation", epoch, epoch * self.steps_per_epoch - 1))
        measured = {"valid_loss": round(loss, 6), **measures(scores, self.valid, self.config)}
        if self.valid.scenes is not None:
            measured["scene_accuracy"] = scene_accuracy(self.average, self.valid, self.normalise)
        return measured

    def _keep(self, row: dict[str, Any]) -> None:
        """The averaged weights if this is the best epoch so far, and on disk all that a run needs to go on."""
        if not self.best or merit(row, self.config.select) > merit(self.best["row"], self.config.select):
            state = {name: value.detach().cpu().clone() for name, value in self.average.state_dict().items()}
            self.best = {"epoch": row["epoch"], "row": row, "state": state}
        if self.leads:
            save_state(
                self.out / "checkpoint.pt", self.identity, self.model, self.average, self.optimiser, self.random,
                self.history, self.best,
            )  # fmt: skip

    def finish(self) -> Path:
        """Calibrate the scores of the best epoch's weights, tune the thresholds for them, and write final.pt."""
        # Thresholds are for the scores that detection will give: in float32.
        self.average.load_state_dict(self.best["state"])
        self.average.bfloat16_maps = False
        scores = scores_of(self.average, self.valid, self.normalise)
        calibration = None
        if self.config.calibrate:
            slope, offset, scores = calibrate(scores, self.valid.labels)
            calibration = {"slope": slope, "offset": offset}
            self.records.say(f"calibrated: slope {shown(slope)}, offset {shown(offset)}")
        median = self.config.median_frames
        tuned = tune(scores, self.valid.onset_s, median_frames=median, **GRIDS[self.config.tuned])
        decision = ", ".join(f"{key} {value}" for key, value in tuned.as_dict().items())
        self.records.say(f"best epoch {self.best['epoch']}: {decision}")
        path = self.out / "final.pt"
        if self.leads:
            checkpoint.save(path, self._content(tuned, calibration))
            (self.out / "checkpoint.pt").unlink(missing_ok=True)
        return parallel.from_first(path)  # which the others wait for

    def _content(self, tuned: Tuning, calibration: dict[str, torch.Tensor] | None) -> dict[str, Any]:
        """What final.pt holds."""
        task, best = self.task, self.best
        state, tuned_layers = self.joint.parted(best["state"]) if self.joint else (best["state"], None)
        asr = {**(task.asr or {}), "dim": self.asr_dim, "tuned": tuned_layers} if self.config.asr else None
        return {
            "format": checkpoint.FORMAT,
            "code_version": __version__,
            "config": self.config.as_dict(),
            "event": task.event,
            "seed": task.seed,
            "epoch": best["epoch"],
            "window_s": round(HOP_S * self.clips.labels.shape[1], 6),
            "state": state,
            "calibration": calibration,
            "frontend": task.frontend,
            "normalisation": {name: as_tensors(values) for name, values in self.normalise.items()},
            "t_base": tuned.t_base,
            "beta": tuned.beta,
            "max_gap_s": tuned.max_gap_s,
            "low_ratio": tuned.low_ratio,
            "validation": tuned.as_dict(),
            "asr": asr,
            "scenes": list(self.clips.scene_names),
        }


def statistics_of(clips: Clips, config: SystemConfig) -> dict[str, dict]:
    """Normalisation of each stream, by the training clips."""
    normalise = {"features": statistics(clips.features, config.normalisation)}
    if clips.asr is not None:
        normalise["asr"] = statistics(clips.asr, config.asr_normalisation)
    return normalise


def as_tensors(values: dict[str, Any]) -> dict[str, Any]:
    """Plain values with arrays as tensors, as a checkpoint holds them."""
    return {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in values.items()}


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """A batch's array on the device: whole numbers as they are, others as float32."""
    kind = values.dtype if np.issubdtype(values.dtype, np.integer) else np.float32
    return torch.from_numpy(np.ascontiguousarray(values, dtype=kind)).to(device)
