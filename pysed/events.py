"""Events of recordings, and event lists: everything that reads or writes them.

A list's rows are ``filename<TAB>onset<TAB>offset<TAB>label``, a file name alone where there is no event. They are read
here, since dcase_util takes their first row for a header.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.text_files import read_lines

LONGEST_S = 1_000_000  # eleven days
COLLAR_S = 0.5  # that the task allows between a detected and the true onset


class Event(NamedTuple):
    """One event of a file, in seconds from the file's start."""

    onset_s: float
    offset_s: float
    label: str


EventLists = dict[str, list[Event]]


def read_events(path: str | os.PathLike) -> EventLists:
    """Files of an event list, in order, each with its events.

    A row is ``filename<TAB>onset<TAB>offset<TAB>label``, or a file name alone (or followed by empty fields): no event.
    Folders in file names are kept. A header row starting with "filename" or "file" is skipped; the columns that it
    names beyond the label, such as ``pysed detect``'s scores, do not count.

    Raises DataError (``file:line: …``) for anything else, and for a missing or empty list.
    """
    lists: EventLists = {}
    for place, name, event in event_rows_of(path):
        events = lists.setdefault(name, [])
        if event in events:
            raise DataError(f"{place}: the same event of {name} twice; remove one of the rows")
        if event is not None:
            events.append(event)
    if not lists:
        raise DataError(f"{path}: no rows; expected an event list that names every file, also those without events")
    return lists


def event_rows_of(path: str | os.PathLike) -> Iterator[tuple[str, str, Event | None]]:
    """(``file:line``, file name, its event or None) of every row of an event list; as read_events()."""
    most = 4
    for number, line in _numbered_lines(path):
        place = f"{path}:{number}"
        fields = [field.strip() for field in line.split("\t")]
        while len(fields) > 1 and not fields[-1]:
            fields.pop()
        name = fields[0]
        if number == 1 and name.lower() in ("filename", "file") and (len(fields) == 1 or fields[1].lower() == "onset"):
            most = max(most, len(fields))
            continue
        if len(fields) == 1 and _has_other_separators(name):
            raise DataError(f"{place}: {line[:60]!r}: no tabs; expected filename, onset, offset, label between tabs")
        if not name:
            raise DataError(f"{place}: no file name; expected filename, onset, offset, label between tabs")
        if len(fields) != 1 and not 4 <= len(fields) <= most:
            raise DataError(
                f"{place}: {len(fields)} fields; expected filename, onset, offset, label between tabs, "
                "or a file name alone"
            )
        yield place, name, None if len(fields) == 1 else event_of(fields[1], fields[2], fields[3], place)


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


def event_of(start: str, end: str, label: str, place: str, names: tuple[str, str] = ("onset", "offset")) -> Event:
    """The event that a row of text gives; ``names`` of the two times. DataError (``place: ...``) for anything wrong."""
    times = [time_of(text, name, place) for text, name in zip((start, end), names, strict=True)]
    if times[1] <= times[0]:
        raise DataError(f"{place}: {names[1]} {end[:20]} <= {names[0]} {start[:20]}; an event needs positive length")
    if not label:
        raise DataError(f"{place}: no label; expected an event class")
    return Event(times[0], times[1], label)


def time_of(text: str, name: str, place: str) -> float:
    """Seconds from a file's start. DataError (``place: name ...``) for text that gives none."""
    try:
        time = float(text)
    except ValueError:
        raise DataError(f"{place}: {name} {text[:20]!r}; expected seconds") from None
    if not 0 <= time <= LONGEST_S:
        raise DataError(f"{place}: {name} {text[:20]}; expected seconds from the file's start, 0 to {LONGEST_S}")
    return time


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
