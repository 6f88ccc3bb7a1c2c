"""Training of one system for one event class: one loop, read from top to bottom."""

import copy
import csv
import io
import math
import os
import random as python_random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
import yaml
from torch.nn import functional

from pysed import __version__
from pysed.atomic import atomic_open
from pysed.detect.postprocess import MEDIAN_FRAMES, detect_batch
from pysed.detect.tuning import Tuning, average_f, tune
from pysed.errors import DataError
from pysed.features.frontend import frames_per_label
from pysed.features.normalise import apply_normalisation, statistics
from pysed.models import build_model
from pysed.train import checkpoint
from pysed.train.clips import Clips
from pysed.train.config import SystemConfig
from pysed.train.data import load_clips, make_batch, read_split
from pysed.train.precision import keep_freed_memory, use_bfloat16

METRICS = (
    "epoch",
    "steps",
    "loss",
    "valid_loss",
    "average_f",
    "f_measure",
    "error_rate",
    "onset_delay_s",
    "learning_rate",
    "seconds",
)


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
    return fit(config, clips, valid, event, Path(out), seed, asr, frontend, command, stop_after)


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
) -> Path | None:
    """train() on clips in memory."""
    out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seed_everything(seed)
    normalise = {"features": statistics(clips.features, config.normalisation)}
    if clips.asr is not None:
        normalise["asr"] = statistics(clips.asr, config.asr_normalisation)
    assert clips.frames_per_label == frames_per_label(frontend), "the front end is not the clips'"
    asr_dim = 0 if clips.asr is None else clips.asr.shape[2]
    model = build_model(config, clips.features.shape[2], asr_dim, clips.frames_per_label).to(device)
    model.bfloat16_maps = use_bfloat16(config.precision, device)  # type: ignore[assignment]
    average = copy.deepcopy(model)  # what is validated and kept: the running mean of the weights
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    positive_weight = torch.tensor(config.positive_weight, device=device)
    steps_per_epoch = max(1, len(clips.names) // config.batch_size)
    epochs = max(config.epochs, math.ceil(config.min_steps / steps_per_epoch))
    num_steps = epochs * steps_per_epoch
    median = config.median_frames

    random = np.random.default_rng(seed)  # of batches and augmentation
    history: list[dict[str, Any]] = []
    best: dict[str, Any] = {}
    identity = run_identity(config, event, seed, clips, valid)
    resumed = resume(out / "checkpoint.pt", identity, model, average, optimiser, random)
    if resumed:
        history, best = resumed["history"], resumed["best"]
    with atomic_open(out / "config.yaml") as stream:
        resolved = {**config.as_dict(), "event": event, "seed": seed, **({"command": command} if command else {})}
        yaml.safe_dump(resolved, stream, sort_keys=False)

    with open(out / "train.log", "a" if resumed else "w", encoding="utf-8") as log:
        note = f"{config.system}, {event}, seed {seed}: {len(clips.names)} clips, {len(valid.names)} for validation"
        count = sum(parameter.numel() for parameter in model.parameters())
        precision = "bfloat16" if model.bfloat16_maps else "float32"
        say(log, f"{note}; {count} parameters; {device.type}, {precision} convolutions")
        if history:
            say(log, f"going on after epoch {history[-1]['epoch']}")
        for epoch in range(len(history) + 1, epochs + 1):
            if config.patience and best and epoch - 1 - best["epoch"] >= config.patience:
                say(log, f"no better epoch than {best['epoch']} in {config.patience}: stop")
                break
            started, total = time.monotonic(), 0.0
            model.train()
            order = random.permutation(len(clips.names))
            for index in progress(range(steps_per_epoch), f"epoch {epoch}/{epochs}"):
                step = (epoch - 1) * steps_per_epoch + index
                chosen = order[index * config.batch_size : (index + 1) * config.batch_size]
                features, second, labels = make_batch(clips, chosen, normalise, config, random)
                rate = learning_rate(config, step, num_steps, epoch)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                logits = model(to_device(features, device), None if second is None else to_device(second, device))
                loss = functional.binary_cross_entropy_with_logits(
                    logits, to_device(labels, device), pos_weight=positive_weight
                )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip or math.inf)
                if not torch.isfinite(norm):
                    raise DataError(what_is_not_finite(config, epoch, step, logits, loss, model))
                optimiser.step()
                update_average(average, model, config.average_decay, step)
                total += loss.item()

            scores, valid_loss = validate(average, valid, normalise, positive_weight)
            if not math.isfinite(valid_loss):
                raise DataError(not_finite(config, "a score of validation", epoch, step))
            tuning = tune(scores, valid.onset_s, median_frames=median)
            row = {
                "epoch": epoch, "steps": epoch * steps_per_epoch, "loss": round(total / steps_per_epoch, 6),
                "valid_loss": round(valid_loss, 6), "average_f": average_f(scores, valid.onset_s, median_frames=median),
                "f_measure": tuning.f_measure, "error_rate": tuning.error_rate,
                "onset_delay_s": onset_delay(scores, valid.onset_s, tuning, median),
                "learning_rate": rate, "seconds": round(time.monotonic() - started, 2),
            }  # fmt: skip
            history.append(row)
            say(log, " ".join(f"{key} {value:.4g}" for key, value in row.items() if value is not None))
            if not best or merit(row) > merit(best["row"]):
                state = {name: value.detach().cpu().clone() for name, value in average.state_dict().items()}
                best = {"epoch": epoch, "row": row, "state": state}
            write_metrics(out / "metrics.csv", history)
            save_state(out / "checkpoint.pt", identity, model, average, optimiser, random, history, best)
            if stop_after is not None and epoch >= stop_after:
                return None

        # Thresholds are for the scores that detection will give: in float32.
        average.load_state_dict(best["state"])
        average.bfloat16_maps = False  # type: ignore[assignment]
        tuned = tune(validate(average, valid, normalise, positive_weight)[0], valid.onset_s, median_frames=median)
        final = {
            "format": checkpoint.FORMAT,
            "code_version": __version__,
            "config": config.as_dict(),
            "event": event,
            "seed": seed,
            "epoch": best["epoch"],
            "state": best["state"],
            "frontend": frontend,
            "normalisation": {
                name: {
                    key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in s.items()
                }
                for name, s in normalise.items()
            },
            "t_base": tuned.t_base,
            "beta": tuned.beta,
            "max_gap_s": tuned.max_gap_s,
            "validation": tuned.as_dict(),
            "asr": {**(asr or {}), "dim": clips.asr.shape[2]} if clips.asr is not None else None,
        }
        checkpoint.save(out / "final.pt", final)
        say(
            log, f"best epoch {best['epoch']}: " + ", ".join(f"{key} {value}" for key, value in tuned.as_dict().items())
        )
    (out / "checkpoint.pt").unlink(missing_ok=True)
    return out / "final.pt"


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


def update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the model's; early on faster, so that the start is forgotten."""
    keep = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
        for mine, its in zip(average.buffers(), model.buffers(), strict=True):
            mine.copy_(its)


def validate(
    model: torch.nn.Module, clips: Clips, normalise: dict[str, dict], positive_weight: torch.Tensor
) -> tuple[np.ndarray, float]:
    """Scores (N, T100) of the validation clips and their weighted cross-entropy."""
    features = apply_normalisation(clips.features, normalise["features"])
    asr = None if clips.asr is None else apply_normalisation(clips.asr, normalise["asr"])
    scores = checkpoint.predict(model, features, asr)
    inside = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    weight = float(positive_weight)
    loss = -(weight * clips.labels * np.log(inside) + (1 - clips.labels) * np.log(1 - inside)).mean()
    return scores, float(loss)


def onset_delay(
    scores: np.ndarray, onset_s: np.ndarray, tuning: Tuning, median_frames: int = MEDIAN_FRAMES
) -> float | None:
    """Median of detected minus true onset in seconds, of detections at most 3 s off; None without any."""
    detected, _ = detect_batch(
        scores, tuning.t_base, tuning.beta, max_gap_s=tuning.max_gap_s, median_frames=median_frames
    )
    delay = detected - onset_s
    delay = delay[np.abs(delay) <= 3]  # NaN compares as False
    return round(float(np.median(delay)), 4) if len(delay) else None


def merit(row: dict[str, Any]) -> tuple[float, float]:
    """Order of epochs: event-based F over many thresholds, then loss, both on validation."""
    return row["average_f"] or 0.0, -row["valid_loss"]


def check_events(clips: Clips, data: Path, event: str, part: str) -> None:
    """DataError unless some clip of the split has the event."""
    if np.isnan(clips.onset_s).all():
        raise DataError(f"{data}: no {part} clip has the event {event!r}; expected some in events.tsv")


def what_is_not_finite(
    config: SystemConfig, epoch: int, step: int, logits: torch.Tensor, loss: torch.Tensor, model: torch.nn.Module
) -> str:
    """The message for a step whose gradient is not a number: the first culprit along the way."""
    if not torch.isfinite(logits).all():
        cause = "the network's output"
    elif not torch.isfinite(loss):
        cause = "the loss"
    else:
        named = (
            name for name, p in model.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()
        )
        cause = f"the gradient of {next(named, 'the weights')}"
    return not_finite(config, cause, epoch, step)


def not_finite(config: SystemConfig, cause: str, epoch: int, step: int) -> str:
    """The message that names the cause, the place and what helps."""
    return (
        f"{config.system}: {cause} is not finite in epoch {epoch}, step {step + 1}; expected numbers; "
        f"lower learning_rate ({config.learning_rate:g}) or gradient_clip ({config.gradient_clip:g}), "
        "or set precision: float32"
    )


def seed_everything(seed: int) -> None:
    """Seed every generator that initialisation, dropout or augmentation may draw from."""
    python_random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def run_identity(config: SystemConfig, event: str, seed: int, clips: Clips, valid: Clips) -> str:
    """What a checkpoint must have been made from to be gone on from."""
    import hashlib

    digest = hashlib.sha256()
    digest.update(repr((config.as_dict(), event, seed)).encode())
    for some in (clips, valid):
        digest.update(repr((some.names, some.features.shape)).encode())
        for part in (some.features, some.asr, some.labels):
            if part is not None:
                digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def save_state(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    random: np.random.Generator,
    history: list[dict[str, Any]],
    best: dict[str, Any],
) -> None:
    """All that the rest of the run depends on."""
    checkpoint.save(
        path,
        {
            "format": checkpoint.FORMAT, "identity": identity, "model": model.state_dict(),
            "average": average.state_dict(), "optimiser": optimiser.state_dict(),
            "torch_random": torch.get_rng_state(), "random": random.bit_generator.state,
            "history": history, "best": best,
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        },
    )  # fmt: skip


def resume(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    random: np.random.Generator,
) -> dict[str, Any] | None:
    """Put a cut-off run's state back; None where there is none, or it is another run's or damaged."""
    if not path.is_file():
        return None
    try:
        state = checkpoint.load(path)
    except DataError:
        return None
    if state.get("identity") != identity:
        return None
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["torch_random"])
    if state["cuda_random"]:
        torch.cuda.set_rng_state_all(state["cuda_random"])
    random.bit_generator.state = state["random"]
    return state


def write_metrics(path: Path, history: list[dict[str, Any]]) -> None:
    """The whole table anew, so that it is never half a row long."""
    text = io.StringIO()
    writer = csv.DictWriter(text, METRICS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    with atomic_open(path) as stream:
        stream.write(text.getvalue())


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """A batch's array as float32 on the device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)


def say(log: TextIO, line: str) -> None:
    """One line to the log file and to standard output."""
    print(line, flush=True)
    print(line, file=log, flush=True)


def progress(steps: range, title: str) -> Iterator[int]:
    """The steps, behind a progress bar when standard error is a terminal."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(steps)
    return iter(tqdm(steps, desc=title, leave=False, disable=None, unit="batch"))
