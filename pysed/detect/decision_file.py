"""A decision kept in a file: what ``pysed tune`` writes and ``pysed detect --decision`` reads."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import yaml

from pysed.atomic import atomic_open
from pysed.config import checked, read_mapping, setting
from pysed.detect.decide import Decision
from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError


@dataclass(frozen=True)
class DecisionFile:
    """The keys of the file: a decision, the model that it is for, and what it was chosen by."""

    threshold: float = setting(at_least=0, at_most=1, what="a threshold of the scores")
    model: str = setting(what="the fingerprint of a model; let pysed tune write the file")
    min_duration_s: float = setting(0.0, at_least=0)
    max_gap_s: float | None = setting(None, at_least=0)
    event: str = setting("")
    per_day: float | None = setting(None, above=0)
    bound_per_day: float | None = setting(None, above=0, at_most=1e12)
    alarms: int | None = setting(None, at_least=0)
    hours: float | None = setting(None, above=0)


def fingerprint(network: TrainedNetwork) -> str:
    """The same for the same weights and tuned values, wherever the model lies."""
    told = hashlib.sha256(repr((network.event, network.low_ratio, network.config.median_frames)).encode())
    for name, tensor in sorted(network.model.state_dict().items()):
        told.update(name.encode() + tensor.to("cpu", torch.float32).contiguous().numpy().tobytes())
    return f"sha256-{told.hexdigest()[:16]}"


def write_decision(path: str | os.PathLike, values: DecisionFile, command: str) -> None:
    """Write the file, with the command that made it."""
    with atomic_open(path) as stream:
        stream.write(f"# {' '.join(command.split())}\n")
        yaml.safe_dump(vars(values), stream, sort_keys=False, allow_unicode=True)


def read_decision(path: str | os.PathLike, network: TrainedNetwork, wishes: Mapping[str, Any]) -> Decision:
    """The decision in a file, ``wishes`` that are not None before it.

    Raises DataError for a file that is none, or was written for another model.
    """
    values = checked(DecisionFile, read_mapping(path, "a decision, as pysed tune writes it"), str(path))
    if values.model != fingerprint(network):
        raise DataError(f"{path}: tuned for another model; its threshold means nothing here: run pysed tune anew")
    decision = Decision(values.threshold, values.min_duration_s, values.max_gap_s)
    return replace(decision, **{name: value for name, value in wishes.items() if value is not None})
