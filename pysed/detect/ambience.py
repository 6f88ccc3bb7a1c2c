"""False alarms on recordings without the event, at every threshold, and the events that a threshold still finds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pysed.datadir.archives import Archive
from pysed.datadir.directory import load_data_dir
from pysed.decision.alarms import CELL_S, THRESHOLDS
from pysed.detect.archive import Analyser
from pysed.detect.decide import Decision, find_events
from pysed.detect.detector import Analysis
from pysed.detect.journal import Result
from pysed.detect.scoring import Scores
from pysed.detector.checkpoint import TrainedNetwork
from pysed.events import COLLAR_S
from pysed.features.grid import HOP_S


@dataclass(frozen=True)
class Heard(Result):
    """A recording's alarms: how many begin in each minute at each of THRESHOLDS, (K, M) as lists."""

    counts: Sequence[Sequence[int]] = ()


class AmbienceAnalyser(Analyser):
    """Counts a detector's alarms in one recording after the other."""

    def result(self, name: str, state: str, analysed: list[Analysis]) -> Result:
        """The alarms of all channels."""
        network, decision = self.detectors[0].network, self.work.decision
        counts = sum(count_alarms(each.found[0], network, decision, each.duration_s) for each in analysed)
        return Heard(name, state, analysed[0].duration_s, counts=np.asarray(counts).tolist())


def count_alarms(found: Scores, network: TrainedNetwork, decision: Decision, duration_s: float) -> np.ndarray:
    """Events that begin in each minute, as detection finds them: (K, M) of THRESHOLDS and minutes."""
    counts = np.zeros((len(THRESHOLDS), max(1, int(np.ceil(duration_s / CELL_S)))), dtype=np.int64)
    for row, threshold in zip(counts, THRESHOLDS, strict=True):
        for event in find_events(found, network, replace(decision, threshold=threshold), duration_s):
            row[min(int(event.onset_s / CELL_S), len(row) - 1)] += 1
    return counts


@dataclass(frozen=True)
class Recall:
    """So many events of a test set, of so many, are found: with the tuned thresholds and with others."""

    subset: str
    num_events: int
    tuned: int
    chosen: int


def recall_of(model: Path, network: TrainedNetwork, decision: Decision) -> Recall | None:
    """How many events are found, by the scores that stage 6 kept beside a model; None where it kept none, or the test
    set's labels are not there. An event is found if a detection begins within 0.5 s of it."""
    folder = (model if model.is_dir() else model.parent).resolve()
    for scores in sorted(folder.glob("scores_*.scp")):
        subset = scores.stem.removeprefix("scores_")
        data = _data_dir(folder, network.event, subset)
        if data is None:
            continue
        kept, counts = [Archive(scores)], np.zeros(3, dtype=int)
        if network.scores_onsets:
            kept.append(Archive(folder / f"onsets_{subset}.scp"))
        for utterance in load_data_dir(data):
            onsets = [onset_s for onset_s, _, label in utterance.events if label == network.event]
            if onsets and all(utterance.name in each for each in kept):
                rows = [each[utterance.name][:, 0] for each in kept]
                found = [_found(onsets, rows, network, each) for each in (Decision(), decision)]
                counts += (len(onsets), *found)
        if counts[0]:
            return Recall(subset, *map(int, counts))
    return None


def _data_dir(folder: Path, event: str, subset: str) -> Path | None:
    """data/<corpus>/<event>/<subset> of a model in exp/<corpus>/<event>/<system>, or in a seed's folder there."""
    for corpus in [each.parent for each in list(folder.parents)[:3] if each.name == event]:
        for root in (corpus.parent.parent / "data", Path("data")):
            if (root / corpus.name / event / subset / "wav.scp").is_file():
                return root / corpus.name / event / subset
    return None


def _found(onsets: list[float], rows: list[np.ndarray], network: TrainedNetwork, decision: Decision) -> int:
    """How many of the onsets are found, by the scores of a clip: the event's, and its onset's where there are any."""
    scores = rows[0]
    means = np.full(len(scores), scores.mean(dtype=np.float64))
    found = Scores(scores, means, rows[1] if len(rows) > 1 else np.zeros_like(scores))
    events = find_events(found, network, decision, len(scores) * HOP_S)
    return sum(any(abs(event.onset_s - onset_s) <= COLLAR_S for event in events) for onset_s in onsets)
