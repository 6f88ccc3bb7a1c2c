"""Training of one system for one event class: one loop, read from top to bottom."""

import copy
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from pysed import __version__, parallel
from pysed.atomic import atomic_open
from pysed.datadir.tables import read_split
from pysed.decision.tuning import tune
from pysed.detector import checkpoint
from pysed.errors import DataError
from pysed.features.frontend import frames_per_label
from pysed.features.normalise import statistics
from pysed.networks import build_model
from pysed.networks.network import DetectionNetwork
from pysed.train.clips import HOP_S, Clips
from pysed.train.config import SystemConfig
from pysed.train.data import load_clips, make_batch
from pysed.train.failures import not_finite, what_is_not_finite
from pysed.train.joint import JointLayers
from pysed.train.loss import batch_loss
from pysed.train.precision import keep_freed_memory, use_bfloat16
from pysed.train.records import Records, progress
from pysed.train.state import resume, run_identity, save_state, seed_everything
from pysed.train.validation import cross_entropy, measures, merit, scene_accuracy, scores_of


def train(
    config: SystemConfig,
    data: str | os.PathLike,
    event: str,
    out: str | os.PathLike,
    seed: int = 1,
    asr: dict[str, str] | None = None,
    frontend: dict[str, Any] | None = None,
    command: str | None = None,
    stop_after: int | None = None,
) -> Path | None:
    """Train on the training split of ``data``, choose epoch and thresholds on its validation split.

    Writes ``config.yaml``, ``metrics.csv`` (a row an epoch), ``train.log`` and ``final.pt`` into ``out``, returns the
    last one's path. A run that was cut off goes on from ``checkpoint.pt`` and ends with the very weights of an unbroken
    one. asr: {"model", "layer"} of the recogniser features, frontend: FrontEnd.as_dict(); both noted in the checkpoint,
    ``command``, what to type to get the model, in the configuration.
    ``stop_after``: end after that many epochs as if cut off (returns None).

    Raises DataError for bad data, and when the loss stops being a number, naming the cause.
    """
    data = Path(data)
    split = read_split(data)
    clips = load_clips(data, split["train"], event, config, frames_per_label(frontend))
    valid = load_clips(data, split["valid"], event, config, frames_per_label(frontend))
    check_events(clips, data, event, "train")
    check_events(valid, data, event, "valid")
    joint = JointLayers(config, data, [*clips.names, *valid.names], asr) if config.asr_layers else None
    return fit(config, clips, valid, event, Path(out), seed, asr, frontend, command, stop_after, joint)


def fit(
    config: SystemConfig,
    clips: Clips,
    valid: Clips,
    event: str,
    out: Path,
    seed: int,
    asr: dict[str, str] | None = None,
    frontend: dict[str, Any] | None = None,
    command: str | None = None,
    stop_after: int | None = None,
    joint: JointLayers | None = None,
) -> Path | None:
    """train() on clips in memory; ``joint``: the recogniser's layers that are trained along."""
    out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seed_everything(seed)
    normalise = {"features": statistics(clips.features, config.normalisation)}
    if clips.asr is not None:
        normalise["asr"] = statistics(clips.asr, config.asr_normalisation)
    assert clips.frames_per_label == frames_per_label(frontend), "the front end is not the clips'"
    asr_dim = 0 if clips.asr is None else clips.asr.shape[2]
    model: DetectionNetwork = build_model(
        config, clips.features.shape[2], asr_dim, clips.frames_per_label, num_scenes=len(clips.scene_names)
    )
    identity = run_identity(config, event, seed, clips, valid)
    noted = normalise
    if joint:
        model, clips, valid, normalise = joint.join(model, clips, valid, normalise)
    model = model.to(device)
    model.bfloat16_maps = use_bfloat16(config.precision, device)
    average = copy.deepcopy(model)  # what is validated and kept: the running mean of the weights
    optimiser = torch.optim.Adam(rated(model, config), lr=config.learning_rate, weight_decay=config.weight_decay)
    batch_size = min(config.batch_size, len(clips.names))
    steps_per_epoch = max(len(clips.names) // batch_size, config.epoch_steps)
    passes = math.ceil(steps_per_epoch * batch_size / len(clips.names))  # over the clips in an epoch
    num_steps = config.epochs * steps_per_epoch
    own = parallel.own_rows(batch_size)  # of a batch that several processes share

    random = np.random.default_rng(seed)  # of batches and augmentation
    history, best = resume(out / "checkpoint.pt", identity, model, average, optimiser, random)
    first = parallel.rank() == 0
    if first:
        resolved = {**config.as_dict(), "event": event, "seed": seed, **({"command": command} if command else {})}
        with atomic_open(out / "config.yaml") as stream:
            yaml.safe_dump(resolved, stream, sort_keys=False)

    records = Records(out, history, quiet=not first)
    note = f"{config.system}, {event}, seed {seed}: {len(clips.names)} clips, {len(valid.names)} for validation"
    count = sum(parameter.numel() for parameter in model.parameters())
    precision = "bfloat16" if model.bfloat16_maps else "float32"
    shared = f" on each of {parallel.size()}" if parallel.size() > 1 else ""
    records.say(f"{note}; {count} parameters; {device.type}{shared}, {precision} convolutions")
    if history:
        records.say(f"going on after epoch {history[-1]['epoch']}")
    for epoch in range(len(history) + 1, config.epochs + 1):
        if config.patience and best and epoch - 1 - best["epoch"] >= config.patience:
            records.say(f"no better epoch than {best['epoch']} in {config.patience}: stop")
            break
        started, total = time.monotonic(), 0.0
        model.train()
        order = np.concatenate([random.permutation(len(clips.names)) for _ in range(passes)])
        for index in progress(range(steps_per_epoch), f"epoch {epoch}/{config.epochs}", quiet=not first):
            step = (epoch - 1) * steps_per_epoch + index
            chosen = order[index * batch_size : (index + 1) * batch_size]
            features, second, labels = make_batch(clips, chosen, normalise, config, random)
            scenes = None if clips.scenes is None else torch.from_numpy(clips.scenes[chosen][own]).to(device)
            rate = learning_rate(config, step, num_steps, epoch)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            loss, logits = batch_loss(
                model,
                to_device(features[own], device),
                None if second is None else to_device(second[own], device),
                to_device(labels[own], device),
                scenes,
                config,
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            parallel.average_gradients(model)
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip or math.inf)
            if not torch.isfinite(norm):
                raise DataError(what_is_not_finite(config, epoch, step, logits, loss, model))
            optimiser.step()
            update_average(average, model, config.average_decay, step)
            total += loss.item()

        scores = scores_of(average, valid, normalise)
        valid_loss = cross_entropy(scores, valid.labels, config.positive_weight)
        if not math.isfinite(valid_loss):
            raise DataError(not_finite(config, "a score of validation", epoch, step))
        total = sum(parallel.gathered(total)) / parallel.size()
        row = {
            "epoch": epoch, "steps": epoch * steps_per_epoch, "loss": round(total / steps_per_epoch, 6),
            "valid_loss": round(valid_loss, 6), **measures(scores, valid, config),
            **({} if valid.scenes is None else {"scene_accuracy": scene_accuracy(average, valid, normalise)}),
            "learning_rate": rate, "seconds": round(time.monotonic() - started, 2),
        }  # fmt: skip
        history.append(row)
        records.end_of_epoch(history)
        if not best or merit(row, config.select) > merit(best["row"], config.select):
            state = {name: value.detach().cpu().clone() for name, value in average.state_dict().items()}
            best = {"epoch": epoch, "row": row, "state": state}
        if first:
            save_state(out / "checkpoint.pt", identity, model, average, optimiser, random, history, best)
        if stop_after is not None and epoch >= stop_after:
            return None

    # Thresholds are for the scores that detection will give: in float32.
    average.load_state_dict(best["state"])
    average.bfloat16_maps = False
    tuned = tune(scores_of(average, valid, normalise), valid.onset_s, median_frames=config.median_frames)
    state, tuned_layers = joint.parted(best["state"]) if joint else (best["state"], None)
    final = {
        "format": checkpoint.FORMAT,
        "code_version": __version__,
        "config": config.as_dict(),
        "event": event,
        "seed": seed,
        "epoch": best["epoch"],
        "state": state,
        "frontend": frontend,
        "normalisation": {
            name: {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in s.items()}
            for name, s in noted.items()
        },
        "t_base": tuned.t_base,
        "beta": tuned.beta,
        "max_gap_s": tuned.max_gap_s,
        "low_ratio": tuned.low_ratio,
        "window_s": round(HOP_S * clips.labels.shape[1], 6),
        "validation": tuned.as_dict(),
        "asr": {**(asr or {}), "dim": asr_dim, "tuned": tuned_layers} if config.asr else None,
        "scenes": list(clips.scene_names),
    }
    records.say(f"best epoch {best['epoch']}: " + ", ".join(f"{key} {v}" for key, v in tuned.as_dict().items()))
    if first:
        checkpoint.save(out / "final.pt", final)
        (out / "checkpoint.pt").unlink(missing_ok=True)
    return parallel.from_first(out / "final.pt")  # which the others wait for


def learning_rate(config: SystemConfig, step: int, num_steps: int, epoch: int) -> float:
    """Of a step (from 0) out of ``num_steps``: a linear warm-up, then the schedule.

    cosine: half a cosine down to zero; decay: divided by 1 + decay·(epochs done) (the paper's decay of 0.01, read as
    Keras reads it); constant.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    shape = 1.0
    if config.schedule == "cosine":
        shape = 0.5 * (1 + math.cos(math.pi * step / num_steps))
    elif config.schedule == "decay":
        shape = 1 / (1 + config.decay * (epoch - 1))
    return config.learning_rate * warm * shape


def rated(model: torch.nn.Module, config: SystemConfig) -> list[dict[str, Any]]:
    """The parameters by their share of the learning rate: the recogniser's layers have one of their own."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        share = config.asr_learning_rate / config.learning_rate if name.startswith("upper.") else 1.0
        groups.setdefault(share, []).append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in groups.items()]


def update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the model's; early on faster, so that the start is forgotten."""
    keep = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
        for mine, its in zip(average.buffers(), model.buffers(), strict=True):
            mine.copy_(its)


def check_events(clips: Clips, data: Path, event: str, part: str) -> None:
    """DataError unless some clip of the split has the event."""
    if np.isnan(clips.onset_s).all():
        raise DataError(f"{data}: no {part} clip has the event {event!r}; expected some in events.tsv")


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """A batch's array as float32 on the device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)
