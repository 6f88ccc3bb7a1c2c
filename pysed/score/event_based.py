"""Event-based error rate and F as in DCASE 2017 task 2, by sed_eval, every file counted; and segment-based ones.

One class at a time, onset collar 500 ms, offsets not judged, file by file (``sed_eval`` with ``t_collar=0.5``,
``evaluate_offset=False``, matching 'optimal'). Lists are read here: dcase_util takes their first row for a header.
"""

import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.text_files import read_lines

COLLAR_S = 0.5
SEGMENT_S = 1.0
LONGEST_S = 1_000_000  # eleven days


class Event(NamedTuple):
    """One event of a file, in seconds from the file's start."""

    onset_s: float
    offset_s: float
    label: str


EventLists = dict[str, list[Event]]


class Counts(NamedTuple):
    """One file's events of a class: found, found where there is none, not found."""

    hits: int
    insertions: int
    deletions: int


def read_events(path: str | os.PathLike) -> EventLists:
    """Files of an event list, in order, each with its events.

    A row is ``filename<TAB>onset<TAB>offset<TAB>label``, or a file name alone (or followed by empty fields): no event.
    Folders in file names are kept. A header row starting with "filename" or "file" is skipped.

    Raises DataError (``file:line: …``) for anything else, and for a missing or empty list.
    """
    lists: EventLists = {}
    for number, line in _numbered_lines(path):
        fields = [field.strip() for field in line.split("\t")]
        while len(fields) > 1 and not fields[-1]:
            fields.pop()
        name = fields[0]
        if number == 1 and name.lower() in ("filename", "file") and (len(fields) == 1 or fields[1].lower() == "onset"):
            continue
        if len(fields) == 1 and _has_other_separators(name):
            raise DataError(
                f"{path}:{number}: {line[:60]!r}: no tabs; expected filename, onset, offset, label between tabs"
            )
        if not name:
            raise DataError(f"{path}:{number}: no file name; expected filename, onset, offset, label between tabs")
        events = lists.setdefault(name, [])
        if len(fields) == 1:
            continue
        if len(fields) != 4:
            raise DataError(
                f"{path}:{number}: {len(fields)} fields; expected filename, onset, offset, label between tabs, "
                "or a file name alone"
            )
        event = _event(fields[1:], f"{path}:{number}")
        if event in events:
            raise DataError(f"{path}:{number}: the same event of {name} twice; remove one of the rows")
        events.append(event)
    if not lists:
        raise DataError(f"{path}: no rows; expected an event list that names every file, also those without events")
    return lists


def _has_other_separators(row: str) -> bool:
    """Whether a row without tabs has the fields of an event between commas, semicolons or spaces."""
    row = " ".join(row[:300].split())
    if row[-1:] in (",", ";") or re.match(r"file(name)?[\"']?\s*[,;\s]\s*[\"']?onset", row, re.IGNORECASE):
        return True
    time = r"[\"']?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?[\"']?"
    label = r"[^,;]*(?<!\.[a-z0-9]{2})(?<!\.[a-z0-9]{3})(?<!\.[a-z0-9]{4})"  # not the ending of a file's name
    return re.fullmatch(rf".+[,;\s]\s*{time}\s*[,;\s]\s*{time}\s*[,;\s]\s*{label}", row, re.IGNORECASE) is not None


def _numbered_lines(path: str | os.PathLike) -> Iterable[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    return [(number, line) for number, line in enumerate(read_lines(path, "an event list"), 1) if line.strip()]


def _event(fields: list[str], place: str) -> Event:
    """Onset, offset, label of one row."""
    times = []
    for name, field in zip(("onset", "offset"), fields, strict=False):
        try:
            time = float(field)
        except ValueError:
            raise DataError(f"{place}: {name} {field!r}; expected seconds") from None
        if not 0 <= time <= LONGEST_S:
            raise DataError(f"{place}: {name} {field[:20]}; expected seconds from the file's start, 0 to {LONGEST_S}")
        times.append(time)
    if times[1] <= times[0]:
        raise DataError(f"{place}: offset {fields[1]} <= onset {fields[0]}; an event needs positive length")
    if not fields[2]:
        raise DataError(f"{place}: empty label; expected an event class")
    return Event(times[0], times[1], fields[2])


def write_events(path: str | os.PathLike, lists: Mapping[str, Iterable[Event]]) -> None:
    """Write an event list: one row per event, a file name alone where there is none."""
    with atomic_open(path) as stream:
        stream.writelines(f"{line}\n" for line in event_rows(lists))


def event_rows(lists: Mapping[str, Iterable[Event]]) -> Iterable[str]:
    """Rows of an event list without line ends; seconds with up to six decimals."""
    for name, events in lists.items():
        events = list(events)
        if not events:
            yield name
        for event in events:
            yield f"{name}\t{seconds(event.onset_s)}\t{seconds(event.offset_s)}\t{event.label}"


def seconds(value: float) -> str:
    """Seconds as written in event lists: 0.3, 12.0, 4.123456."""
    return repr(round(float(value), 6))


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
        event_label_list=[event],
        evaluate_onset=True,
        evaluate_offset=False,
        t_collar=float(COLLAR_S),
        percentage_of_length=0.5,
    )
    segments = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=[event], time_resolution=SEGMENT_S)
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
            {"filename": name, "event_label": label, "onset": float(event.onset_s), "offset": float(event.offset_s)}
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
