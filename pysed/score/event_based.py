"""Event-based error rate and F as in DCASE 2017 task 2, by sed_eval, every file counted; and segment-based ones.

One class at a time, onset collar 500 ms, offsets not judged, file by file (``sed_eval`` with ``t_collar=0.5``,
``evaluate_offset=False``, matching 'optimal').
"""

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pysed.errors import DataError
from pysed.events import COLLAR_S, Event

SEGMENT_S = 1.0
_LABEL = "event"  # for sed_eval, whatever the class's name: dcase_util takes "none" for no label


class Counts(NamedTuple):
    """One file's events of a class: found, found where there is none, not found."""

    hits: int
    insertions: int
    deletions: int


def evaluate(
    reference: Mapping[str, Iterable[Event]], detected: Mapping[str, Iterable[Event]], event: str
) -> dict[str, Any]:
    """The score of evaluate_files(), without the files' counts."""
    return evaluate_files(reference, detected, event)[0]


def evaluate_files(
    reference: Mapping[str, Iterable[Event]], detected: Mapping[str, Iterable[Event]], event: str
) -> tuple[dict[str, Any], dict[str, Counts]]:
    """sed_eval's judgement of one event class over every file of the reference, and each file's counts.

    Events of other classes are left out on both sides. Files that ``detected`` lacks count as without detection.
    The score: error_rate, f_measure, precision, recall (fractions; None where undefined), num_reference, num_detected,
    insertions, deletions, num_files, sed_eval (its version); segment_error_rate and segment_f_measure, of segments of
    one second, active or not.

    Raises DataError for detections in files that the reference does not have.
    """
    unknown = [name for name in detected if name not in reference]
    if unknown:
        raise DataError(
            f"{unknown[0]}: detected but not in the reference ({len(unknown)} such files); "
            "expected the reference's file names"
        )
    with warnings.catch_warnings():  # dcase_util imports pkg_resources, which says at length that it will go
        warnings.simplefilter("ignore")
        import sed_eval

    metrics = sed_eval.sound_event.EventBasedMetrics(
        event_label_list=[_LABEL],
        evaluate_onset=True,
        evaluate_offset=False,
        t_collar=float(COLLAR_S),
        percentage_of_length=0.5,
    )
    segments = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=[_LABEL], time_resolution=SEGMENT_S)
    files: dict[str, Counts] = {}
    before = Counts(0, 0, 0)
    for name, events in reference.items():
        lists = for_sed_eval(name, events, event), for_sed_eval(name, detected.get(name, ()), event)
        metrics.evaluate(*lists)
        segments.evaluate(*lists)  # those after the last event are left out: no rate used here counts them
        total = Counts(*(int(metrics.overall[key]) for key in ("Ntp", "Nfp", "Nfn")))
        files[name] = Counts(*(now - then for now, then in zip(total, before, strict=True)))
        before = total
    results, counts = metrics.results_overall_metrics(), metrics.overall
    of_segments = segments.results_overall_metrics()
    score = {
        # Without reference events sed_eval divides by its epsilon; a rate of nothing is undefined.
        "error_rate": finite(results["error_rate"]["error_rate"]) if counts["Nref"] else None,
        "f_measure": finite(results["f_measure"]["f_measure"]),
        "precision": finite(results["f_measure"]["precision"]),
        "recall": finite(results["f_measure"]["recall"]),
        "num_reference": int(counts["Nref"]),
        "num_detected": int(counts["Nsys"]),
        "insertions": int(counts["Nfp"]),
        "deletions": int(counts["Nfn"]),
        "num_files": int(metrics.evaluated_files),
        "segment_error_rate": finite(of_segments["error_rate"]["error_rate"]) if counts["Nref"] else None,
        "segment_f_measure": finite(of_segments["f_measure"]["f_measure"]),
        "sed_eval": sed_eval.__version__,
    }
    return score, files


def for_sed_eval(name: str, events: Iterable[Event], label: str):
    """One file's events of one class as dcase_util's container."""
    from dcase_util.containers import MetaDataContainer

    return MetaDataContainer(
        [
            {"filename": name, "event_label": _LABEL, "onset": float(event.onset_s), "offset": float(event.offset_s)}
            for event in events
            if event.label == label
        ]
    )


def finite(value: float) -> float | None:
    """JSON has no NaN: an undefined rate is null."""
    value = float(value)
    return value if math.isfinite(value) else None


def summary_line(score: dict) -> str:
    """The score in one line for people."""

    def rate(key: str, scale: float, form: str) -> str:
        return "n/a" if score[key] is None else format(scale * score[key], form)

    return (
        f"{score['event']}: ER {rate('error_rate', 1, '.2f')}  F {rate('f_measure', 100, '.1f')} %  "
        f"precision {rate('precision', 100, '.1f')} %  recall {rate('recall', 100, '.1f')} %  "
        f"({score['num_reference']} events, {score['num_detected']} detected, {score['insertions']} insertions, "
        f"{score['deletions']} deletions, {score['num_files']} files)"
    )
