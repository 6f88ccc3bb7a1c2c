"""Label files of the review page: which detections a person accepted, rejected or re-timed.

A table with tabs and a head. It begins with the decision, so that nobody reads it as an event list, in which rejected
detections would be events.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pysed.errors import DataError
from pysed.events import time_of
from pysed.text_files import read_lines

ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", "undecided"
COLUMNS = (
    "decision", "filename", "onset", "offset", "event_label", "detected_onset", "detected_offset", "score",
)  # fmt: skip


@dataclass(frozen=True)
class Reviewed:
    """One detection and what was decided; seconds from the file's start. ``place``: ``file:line``, for people.

    ``onset_s`` and ``offset_s`` are the event's as re-timed, ``detected_s`` those that the detector gave.
    """

    place: str
    decision: str
    name: str
    onset_s: float
    offset_s: float
    label: str
    detected_s: tuple[float, float]
    score: str = ""

    @property
    def key(self) -> tuple[str, str, float, float]:
        """The detection that this is about."""
        return self.name, self.label, *self.detected_s


def read_reviewed(paths: Iterable[Path]) -> list[Reviewed]:
    """The rows of label files, each detection once: a decision comes before none, also where it is of a detection of
    another label file that overlaps one of the same recording and class.

    Raises DataError, with file and line, for what is no label file and for detections both accepted and rejected, or
    accepted with different times.
    """
    found: dict[tuple, Reviewed] = {}
    for path in paths:
        for each in _read(path):
            before = found.get(each.key)
            if before is None or before.decision == UNDECIDED:
                found[each.key] = each
            elif each.decision != UNDECIDED and _said(each) != _said(before):
                raise DataError(f"{each.place}: {_said(each)}, but {_said(before)} in {before.place}; remove one row")
    decided: dict[tuple[str, str], list[Reviewed]] = defaultdict(list)
    for row in found.values():
        if row.decision != UNDECIDED:
            decided[row.key[:2]].append(row)
    return [
        row
        for row in found.values()
        if row.decision != UNDECIDED or not any(_supersedes(each, row) for each in decided[row.key[:2]])
    ]


def _supersedes(decided: Reviewed, row: Reviewed) -> bool:
    spans = decided.detected_s, (decided.onset_s, decided.offset_s)
    overlaps = any(start < row.detected_s[1] and row.detected_s[0] < end for start, end in spans)
    return overlaps and decided.place.rpartition(":")[0] != row.place.rpartition(":")[0]


def _said(row: Reviewed) -> str:
    return row.decision + (f" at {row.onset_s:g} to {row.offset_s:g} s" if row.decision == ACCEPTED else "")


def _read(path: Path) -> Iterable[Reviewed]:
    lines = read_lines(path, "a label file of pysed review")
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise DataError(f"{path}:1: expected the head of a label file that pysed review's page saved: {COLUMNS[0]}, …")
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        place, fields = f"{path}:{number}", line.split("\t")
        if len(fields) != len(COLUMNS):
            raise DataError(f"{place}: {len(fields)} fields; expected {len(COLUMNS)} between tabs")
        decision, name, label = fields[0], fields[1], fields[4]
        if decision not in (ACCEPTED, REJECTED, UNDECIDED):
            raise DataError(f"{place}: decision {decision[:40]!r}; expected accepted, rejected or undecided")
        if not name.strip() or not label.strip():
            raise DataError(f"{place}: no file name or no class; save the labels from the page again")
        onset_s, offset_s, *detected = (time_of(text, "time", place) for text in (*fields[2:4], *fields[5:7]))
        if offset_s <= onset_s or detected[1] <= detected[0]:
            raise DataError(f"{place}: offset at or before onset; an event needs positive length")
        yield Reviewed(place, decision, name, onset_s, offset_s, label, (detected[0], detected[1]), fields[7])


def find_audio(name: str, folders: Iterable[Path]) -> Path | None:
    """The recording that a table names: in one of the folders, links in it included as when it was searched, one of
    these files, or, without any, at that path. Raises DataError where it may be either of two."""
    from pysed.audio.folders import listed_path, printable

    folders = list(folders)
    if not folders:
        path = listed_path(Path(), name)
        return path if path.is_file() else None
    found: dict[str, Path] = {}
    for folder in folders:
        path = folder
        if folder.is_dir():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                continue
            try:
                path = listed_path(folder, name)
            except (OSError, ValueError):
                continue
            if not path.is_file():
                continue
        elif printable(folder.name) != name:
            continue
        found.setdefault(os.path.realpath(path), path)
    if len(found) > 1:
        one, other, *_ = found.values()
        raise DataError(f"{name}: may be {one} or {other}; give each folder by --audio in a call of its own")
    return next(iter(found.values()), None)
