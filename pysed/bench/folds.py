"""The time of a training in folds on whole clips, projected from its steps: docs/own-events.md, "Train it well"."""

import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pysed.bench.clips import make_clips
from pysed.detector.config import load_config
from pysed.features.frontend import load_frontend
from pysed.train import engine
from pysed.train.side_by_side import side_by_side

_CONF = Path(__file__).parents[2] / "conf"
NUM_CLIPS, NUM_FOLDS, NUM_EPOCHS, VALID_SHARE = 1500, 5, 20, 0.2
SYSTEMS = ("cbrnn", "gradual")
_STEPS = 4  # at a time
_REPEATS = 3


def measure(system: str, num_valid: int, device: str = "cpu") -> tuple[float, float]:
    """Seconds of a training step, and of the validation of an epoch: the best of a few, by one thread of a processor
    its processor time."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    config = load_config(_CONF / f"systems/{system}.yaml", {"crop_s": 0, "onsets": True, "epoch_steps": _STEPS})
    frontend = load_frontend(_CONF / f"frontends/{config.frontend}.yaml")
    clips = make_clips(config, frontend, _STEPS * config.batch_size, 0)
    valid = make_clips(config, frontend, num_valid, 1)
    asr = {"model": "m", "layer": "l"} if config.asr else None
    task = engine.Task(config, "noise", 1, asr, frontend.as_dict())
    with tempfile.TemporaryDirectory() as folder:
        run = engine.Run(task, clips, valid, Path(folder), None, lambda line: None)

        def seconds(function: Callable[[int], object]) -> float:
            start = clock()
            function(1)
            return clock() - start

        seconds(run.take_steps)
        step = min(seconds(run.take_steps) for _ in range(_REPEATS)) / _STEPS
        return step, min(seconds(run.validate) for _ in range(2))


def minutes(step_s: float, valid_s: float, at_once: int, num_clips: int = NUM_CLIPS, batch: int = 16) -> float:
    """Of all folds, so many at once; a fold is trained on the clips of the others."""
    steps = num_clips * (NUM_FOLDS - 1) // NUM_FOLDS // batch
    fold_s = NUM_EPOCHS * (steps * step_s + valid_s)
    return math.ceil(NUM_FOLDS / at_once) * fold_s / 60


def measured_at_once(system: str, at_once: int) -> tuple[float, float]:
    """measure() by so many processes side by side, which share caches and memory: of the slowest."""
    num_valid = round(NUM_CLIPS * VALID_SHARE) // NUM_FOLDS

    def one(number: int, tell: Callable[[str], None]) -> tuple[float, float]:
        torch.set_num_threads(1)
        return measure(system, num_valid)

    return max(side_by_side(one, at_once, at_once, lambda number, line: None))


def main() -> None:
    """Print the table as Markdown."""
    cores = len(os.sched_getaffinity(0))
    print(f"{NUM_CLIPS} clips of 30 s, {NUM_FOLDS} folds, {NUM_EPOCHS} epochs; minutes are projected\n")
    print(
        "| system | trained | a step of 16 clips, s | validation of an epoch, s | all folds, min |\n"
        "|---|---|---|---|---|"
    )
    for system in SYSTEMS:
        for at_once in sorted({1, min(cores, NUM_FOLDS)}):
            step, valid = measured_at_once(system, at_once)
            how = f"{at_once} at once, a core each" if at_once > 1 else "one after another, one core"
            print(f"| {system} | {how} | {step:.3f} | {valid:.2f} | {minutes(step, valid, at_once):.0f} |", flush=True)
        if torch.cuda.is_available():
            step, valid = measure(system, round(NUM_CLIPS * VALID_SHARE) // NUM_FOLDS, "cuda")
            print(f"| {system} | one after another, GPU | {step:.3f} | {valid:.2f} | {minutes(step, valid, 1):.1f} |")
