"""Speed of a training step of ``cbrnn`` and ``gradual`` beside what the machine's matrix multiplication reaches."""

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pysed.bench.clips import ASR_DIM, make_clips
from pysed.detector.config import SystemConfig, load_config
from pysed.features.frontend import load_frontend
from pysed.networks import compiled_layers, network_class
from pysed.networks.cbrnn import Cbrnn, CbrnnConfig
from pysed.networks.network import Inputs
from pysed.train.loss import batch_loss

_CONF = Path(__file__).parents[2] / "conf"
BATCH, FRAMES, BINS = 16, 600, 40
#: Title, path, precision. Each runs in a process of its own: settings of memory and compiled code stay apart.
VARIANTS = (
    ("order of the paper, plain torch", "printed", "float32"),
    ("plain", "plain", "float32"),
    ("plain", "plain", "bfloat16"),
    ("compiled", "compiled", "float32"),
    ("compiled", "compiled", "bfloat16"),
)


def paper_body(system: str) -> SystemConfig:
    """A system's configuration with the paper's four convolutions and its frames, whose compiled layers are measured
    here."""
    paper = {"model": "cbrnn", "frontend": "logmel40", "context_frames": 2, "channels": 64}
    return load_config(_CONF / f"systems/{system}.yaml", paper)


def clock() -> float:
    """Seconds. Of one thread, processor time, which other processes barely disturb; of several, the time of day."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def as_printed(config: CbrnnConfig, inputs: Inputs) -> Cbrnn:
    """The same network with nothing rearranged: normalisation, activation and dropout before each pooling."""
    return Cbrnn(replace(config, pool_last=True), inputs)


def multiply_rate(dtype: torch.dtype, size: int = 2048, repeats: int = 5) -> float:
    """FLOP/s of a square matrix product with all threads, the best of a few."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    a @ b
    seconds = []
    for _ in range(repeats):
        start = clock()
        a @ b
        seconds.append(clock() - start)
    return 2 * size**3 / min(seconds)


def step_flops(config: SystemConfig, num_frames: int = FRAMES) -> tuple[float, float]:
    """Floating-point operations of one clip's forward and backward pass: (dense, needed).

    Dense is what torch counts for its convolutions and matrix products. Of the first convolution's backward pass only
    the one cell of each pooling window that has a gradient is needed, an eighth; rates are given for what is needed.
    """
    from torch.utils.flop_counter import FlopCounterMode

    asr_dim = ASR_DIM if config.asr else 0
    model = as_printed(config.network, Inputs(config.system, config.frontend, BINS, asr_dim))
    asr = torch.zeros(1, num_frames // 2, asr_dim) if asr_dim else None
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, num_frames, BINS), asr).sum().backward()
    dense = counter.get_total_flops()
    return dense, dense - model.superfluous_flops(num_frames, BINS)


def best_step(model: torch.nn.Module, loss_of_batch: Callable[[], torch.Tensor], min_s: float = 3.0) -> float:
    """Seconds of a step as training takes it, the best of those that fill ``min_s`` seconds."""
    from pysed.train.steps import descend, update_average

    average = copy.deepcopy(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> float:
        start = clock()
        loss = loss_of_batch()
        descend(model, optimiser, loss, 1.0)
        optimiser.step()
        update_average(average, model, 0.98, 1000)
        loss.item()
        return clock() - start

    step()
    seconds = [step(), step()]
    while sum(seconds) < min_s:
        seconds.append(step())
    return min(seconds)


def measure(
    system: str, path: str, precision: str, batch: int = BATCH, min_s: float = 3.0, size: int = 2048
) -> dict[str, float]:
    """In this process: seconds of a training step (the best), and the rates of matrix multiplication around it."""
    from pysed.train.precision import keep_freed_memory

    if path != "printed":
        keep_freed_memory()
    torch.manual_seed(0)
    config = paper_body(system)
    asr_dim = ASR_DIM if config.asr else 0
    network = as_printed if path == "printed" else network_class(config.model)
    model = network(config.network, Inputs(config.system, config.frontend, BINS, asr_dim))
    if path == "printed":
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # not in torch's stubs
    model.bfloat16_maps = precision == "bfloat16"
    model.train()
    features = torch.randn(batch, FRAMES, BINS)
    asr = torch.randn(batch, FRAMES // 2, asr_dim) if asr_dim else None
    labels = (torch.rand(batch, FRAMES // 2) < 0.05).float()

    rates = [tuple(multiply_rate(dtype, size) for dtype in (torch.float32, torch.bfloat16))]
    seconds = best_step(model, lambda: batch_loss(model, features, asr, labels, None, config)[0], min_s)
    rates.append(tuple(multiply_rate(dtype, size) for dtype in (torch.float32, torch.bfloat16)))
    float32, bfloat16 = (max(rate[i] for rate in rates) for i in range(2))
    return {
        "seconds": seconds, "float32": float32, "bfloat16": bfloat16, "threads": torch.get_num_threads(),
        "compiled": compiled_layers.library() is not None,
    }  # fmt: skip


def batch_seconds(system: str) -> float:
    """Seconds to put a batch together, augmentation included (the best of a few)."""
    from pysed.train.data import make_batch
    from pysed.train.engine import statistics_of

    config = paper_body(system)
    clips = make_clips(config, load_frontend(_CONF / f"frontends/{config.frontend}.yaml"), 2 * BATCH, 0)
    normalise = statistics_of(clips, config)
    random = np.random.default_rng(0)
    seconds = []
    for _ in range(5):
        start = clock()
        make_batch(clips, random.permutation(2 * BATCH)[:BATCH], normalise, config, random)
        seconds.append(clock() - start)
    return min(seconds)


def _measured(system: str, path: str, precision: str) -> dict[str, float]:
    environment = {**os.environ, "PYSED_NATIVE": "1" if path == "compiled" else "0"}
    command = [sys.executable, "-m", "pysed.bench.training", system, path, precision]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    """Print the tables as Markdown."""
    threads = torch.get_num_threads()
    print(f"{threads} threads, time of day\n" if threads > 1 else "1 thread, processor time\n")
    for system in ("gradual", "cbrnn"):
        dense, needed = (flops / 1e9 for flops in step_flops(paper_body(system)))
        print(
            f"{system}: a step of {BATCH} clips of 30 s takes {needed:.2f} GFLOP a clip ({dense:.2f} with the first "
            "convolution's gradient as torch computes it)\n"
        )
        print(
            f"| {system} | convolutions | clips/s | s a clip | GFLOP/s | of the float32 rate | of the bfloat16 rate "
            "| float32, bfloat16 rate, GFLOP/s |\n|---|---|---|---|---|---|---|---|"
        )
        for title, path, precision in VARIANTS:
            result = _measured(system, path, precision)
            if path == "compiled" and not result["compiled"]:
                print(f"| {title} | {precision} | no compiler here |||||| ", flush=True)
                continue
            clip_s = result["seconds"] / BATCH
            rate = needed / clip_s
            print(
                f"| {title} | {precision} | {1 / clip_s:.1f} | {clip_s:.3f} | {rate:.0f} "
                f"| {1e9 * rate / result['float32']:.0%} | {1e9 * rate / result['bfloat16']:.0%} "
                f"| {result['float32'] / 1e9:.0f}, {result['bfloat16'] / 1e9:.0f} |",
                flush=True,
            )
        print(f"\nputting its batch together: {1000 * batch_seconds(system) / BATCH:.2f} ms a clip\n", flush=True)


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))  # type: ignore[arg-type]
