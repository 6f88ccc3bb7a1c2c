"""What a trained gradual network's decision rests on: its two streams, and the recogniser's features in time.

A decision is the mean logit over a detection's frames. Against each stream's mean over the clip, which says nothing of
where an event is, it is f(x, a) − f(0, 0) of SED features x and recogniser features a. The streams' parts are their
Shapley values, from the four combinations; the features' parts are integrated gradients of f(x, ·) from 0 to a.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

TOLERANCE = 0.01
MAX_STEPS = 64


class Parts(NamedTuple):
    """Of B decisions, in logits: total = sed + asr, (B,) each; evidence (B, T100): the recogniser's part by frame.

    evidence sums to f(x, a) − f(x, 0), what the recogniser adds beside the SED features; ``incomplete`` (B,) is what
    its sum misses of that.
    """

    total: torch.Tensor
    sed: torch.Tensor
    asr: torch.Tensor
    evidence: torch.Tensor
    incomplete: torch.Tensor


def integrated_gradients(
    function: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    difference: torch.Tensor,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attribution of ``function``, (B, ...) → (B,) row by row, to its inputs against a baseline of their shape.

    difference: (B,) function(inputs) − function(baseline). Returns (attribution, like inputs; (B,) what its sums miss
    of the difference). The path integral takes the midpoints of 1, 2, 4, … steps until every sum misses at most
    ``tolerance`` of the larger of the difference and 1, or at ``max_steps``. A linear function is exact with one.
    Source: Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks, equations 1 and 3.
    """
    way = inputs - baseline
    steps = 1
    while True:
        total = torch.zeros_like(inputs)
        for step in range(steps):
            point = (baseline + (step + 0.5) / steps * way).requires_grad_()
            total += torch.autograd.grad(function(point).sum(), point)[0]
        attribution = way * total / steps
        missing = difference - attribution.flatten(1).sum(1)
        if steps >= max_steps or bool((missing.abs() <= tolerance * difference.abs().clamp(min=1)).all()):
            return attribution, missing
        steps *= 2


def attribute(model: torch.nn.Module, features: torch.Tensor, asr: torch.Tensor, decided: torch.Tensor) -> Parts:
    """The parts of B decisions of a network in evaluation mode.

    features: (B, T, F) and asr: (B, T100, A) normalised; decided: (B, T100) bool, the frames of each detection.
    """
    weights = decided / decided.sum(1, keepdim=True)

    def decision(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return (model(x, a) * weights).sum(1)

    no_features = features.mean(1, keepdim=True).expand_as(features).contiguous()
    no_asr = asr.mean(1, keepdim=True).expand_as(asr).contiguous()
    with torch.no_grad():
        both, neither = decision(features, asr), decision(no_features, no_asr)
        only_sed, only_asr = decision(features, no_asr), decision(no_features, asr)
    attribution, missing = integrated_gradients(lambda a: decision(features, a), asr, no_asr, both - only_sed)
    of_asr = ((both - only_sed) + (only_asr - neither)) / 2
    total = both - neither
    return Parts(total, total - of_asr, of_asr, attribution.sum(-1), missing)
