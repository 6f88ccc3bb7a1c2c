"""The parts of a training step that are no network's: learning rate, gradient, running mean of the weights."""

import math
from typing import Any

import torch

from pysed import parallel
from pysed.detector.config import SystemConfig


def descend(
    model: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: torch.Tensor, gradient_clip: float
) -> torch.Tensor:
    """Put the loss's gradient, the mean of all processes', into the parameters; returns its norm before clipping."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    parallel.average_gradients(model)
    return torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clip or math.inf)


def learning_rate(config: SystemConfig, step: int, num_steps: int, epoch: int) -> float:
    """Of a step (from 0) out of ``num_steps``: a linear warm-up, then the schedule.

    cosine: half a cosine down to zero; decay: divided by 1 + decay·(epochs done, or with ``decay_every: update`` steps
    done) (the paper's decay of 0.01, in the form that Keras gives it); constant.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    shape = 1.0
    if config.schedule == "cosine":
        shape = 0.5 * (1 + math.cos(math.pi * step / num_steps))
    elif config.schedule == "decay":
        shape = 1 / (1 + config.decay * (epoch - 1 if config.decay_every == "epoch" else step))
    return config.learning_rate * warm * shape


def parameter_groups(model: torch.nn.Module, config: SystemConfig) -> list[dict[str, Any]]:
    """The parameters by their ``share`` of the learning rate: the recogniser's layers have one of their own."""
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
        for averaged, newest in zip(average.buffers(), model.buffers(), strict=True):
            averaged.copy_(newest)
