"""Polyphonic sound detection score (PSDS) of one event class: frame scores judged at every threshold at once.

At a threshold, each run of frames with scores from there on is a detection. It is false unless events cover enough of
it; an event is found if those that are not false cover enough of it. The score is the area below the share of events
found, as a function of false detections per hour, up to MAX_FALSE_PER_HOUR, over that width.

Bilen et al., A framework for the robust evaluation of sound event detection, ICASSP 2020; exact, at all thresholds that
the scores allow, as Ebbers et al., Threshold-independent evaluation of sound event detection scores, ICASSP 2022.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pysed.decision.postprocess import find_runs
from pysed.events import Event
from pysed.features.grid import HOP_S

MAX_FALSE_PER_HOUR = 100.0
_CELLS_AT_ONCE = 4_000_000
_DECIMALS = 6  # of times and their shares: half of an event is then half of it


class Scenario(NamedTuple):
    """What must be covered: of a detection by events, of an event by detections that are not false."""

    of_detection: float
    of_event: float


#: Those of DCASE 2021 task 4; what else they set is between classes.
SCENARIOS = {"psds1": Scenario(0.7, 0.7), "psds2": Scenario(0.1, 0.1)}


def psds(
    scores: Mapping[str, np.ndarray], reference: Mapping[str, Sequence[Event]], event: str, scenario: Scenario
) -> float | None:
    """The score, in [0, 1]; None without a reference event of the class.

    scores: file -> (T,); frame t covers [t·HOP_S, (t+1)·HOP_S) seconds. reference: the same files, events of any class.
    """
    times = {
        name: np.array([(each.onset_s, each.offset_s) for each in reference[name] if each.label == event]).reshape(
            -1, 2
        )
        for name in scores
    }
    num_events = sum(map(len, times.values()))
    if not num_events:
        return None
    parts = [steps(row, times[name], scenario) for name, row in scores.items()]
    threshold, found, false = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(-threshold, kind="stable")
    last = np.append(np.diff(threshold[order]) != 0, True)  # files that share a threshold change together
    num_found, num_false = (np.append(0, np.cumsum(column[order])[last]) for column in (found, false))
    hours = HOP_S * sum(map(len, scores.values())) / 3600
    return area(num_false / hours, num_found / num_events)


def steps(scores: np.ndarray, events: np.ndarray, scenario: Scenario) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One file's thresholds, ascending, and how many more events are found and more detections false at each than
    at the next one up: (U,) each. scores: (T,); events: (E, 2), onsets and offsets in seconds.
    """
    thresholds = np.unique(scores)
    at_once = max(1, _CELLS_AT_ONCE // len(scores))
    blocks = [
        counts(scores >= thresholds[first : first + at_once, None], events, scenario)
        for first in range(0, len(thresholds), at_once)
    ]
    found, false = (np.append(np.concatenate(column), 0) for column in zip(*blocks, strict=True))
    return thresholds, -np.diff(found), -np.diff(false)


def counts(active: np.ndarray, events: np.ndarray, scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Events found and false detections of each row of decisions. active: (U, T) bool; events: (E, 2) -> (U,) each."""
    runs = find_runs(active)
    start_s, end_s = runs.start * HOP_S, runs.end * HOP_S
    # (R, E): seconds of each detection in each event
    overlap = np.minimum(end_s[:, None], events[:, 1]) - np.maximum(start_s[:, None], events[:, 0])
    overlap = np.maximum(overlap, 0)
    enough = scenario.of_detection * (end_s - start_s)
    covered = sum(  # by all events together, each second once
        np.maximum(np.minimum(end_s, end) - np.maximum(start_s, start), 0) for start, end in _union(events)
    )
    good = np.round(covered, _DECIMALS) >= enough.round(_DECIMALS)
    false = np.bincount(runs.row[~good], minlength=len(active))
    found = np.zeros(len(active), dtype=np.int64)
    for column, length in zip(overlap.T, events[:, 1] - events[:, 0], strict=True):
        covered = np.bincount(runs.row[good], column[good], len(active))
        found += covered.round(_DECIMALS) >= np.round(scenario.of_event * length, _DECIMALS)
    return found, false


def _union(events: np.ndarray) -> list[list[float]]:
    """Stretches that events (E, 2) cover, in order, none of which touch."""
    joined: list[list[float]] = []
    for start, end in events[np.argsort(events[:, 0], kind="stable")].tolist():
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def area(false_per_hour: np.ndarray, share_found: np.ndarray) -> float:
    """Area below the best share found with at most so many false detections, up to their limit, over the limit."""
    order = np.lexsort((share_found, false_per_hour))
    best = np.maximum.accumulate(share_found[order])
    edges = np.minimum(np.append(false_per_hour[order], MAX_FALSE_PER_HOUR), MAX_FALSE_PER_HOUR)
    return float(best @ np.diff(edges) / MAX_FALSE_PER_HOUR)
