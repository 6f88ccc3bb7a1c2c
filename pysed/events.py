"""Events of recordings, and event lists: everything that reads or writes them.

A list's rows are ``filename<TAB>onset<TAB>offset<TAB>label``, a file name alone where there is no event. They are read
here, since dcase_util takes their first row for a header.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.text_files import read_lines

LONGEST_S = 1_000_000  # eleven days
COLLAR_S = 0.5  # that the task allows between a detected and the true onset
# Heads of columns, in small letters with _ for what is no letter or digit
_ONSET = re.compile(r"(event_)?(onset|(start|begin)(_time)?)(_(s|sec|seconds))?")
_OFFSET = re.compile(r"(event_)?(offset|end(_time)?)(_(s|sec|seconds))?")
_LABEL = re.compile(
    r"(event_|class_|sound_|sound_event_)?(labels?|class|tags?|name|type)|(sound_)?event|sound|category|species|annotation"
)


class Event(NamedTuple):
    """One event of a file, in seconds from the file's start."""

    onset_s: float
    offset_s: float
    label: str


EventLists = dict[str, list[Event]]


def read_events(path: str | os.PathLike) -> EventLists:
    """Files of an event list, in order, each with its events.

    A row is ``filename<TAB>onset<TAB>offset<TAB>label``, or a file name alone (or followed by empty fields): no event.
    Folders in file names are kept. A header row starting with "filename" or "file" is skipped; it must name the columns
    in this order. Those that it names beyond the label, such as ``pysed detect``'s scores, do not count.

    Raises DataError (``file:line: …``) for anything else, and for a missing or empty list.
    """
    lists = _lists_of(event_rows_of(path))
    if not lists:
        raise DataError(f"{path}: no rows; expected an event list that names every file, also those without events")
    return lists


def read_detected(path: str | os.PathLike, label: str) -> EventLists:
    """read_events() of a system's detections, to be scored for one class; no rows: it has found nothing.

    Raises DataError where the list's header has a column ``model`` or ``channel``, and the class's events are of
    several.
    """
    lines = _numbered_lines(path)
    _refuse_several(lines, path, label)
    return _lists_of(_event_rows(lines, path))


def _lists_of(rows: Iterable[tuple[str, str, Event | None]]) -> EventLists:
    lists: EventLists = {}
    for place, name, event in rows:
        events = lists.setdefault(name, [])
        if event in events:
            raise DataError(f"{place}: the same event of {name} twice; remove one of the rows")
        if event is not None:
            events.append(event)
    return lists


def _refuse_several(lines: Sequence[tuple[int, str]], path: str | os.PathLike, label: str) -> None:
    """Raise DataError where a class's events are of several models or channels: they are not one system's."""
    if not lines or not _is_header(lines[0][0], _fields(lines[0][1])):
        return
    heads = [_head(field) for field in _fields(lines[0][1])]
    rows = [fields for fields in (_fields(line) for _, line in lines[1:]) if len(fields) > 3 and fields[3] == label]
    for column in ("model", "channel"):
        if column in heads[4:]:
            place = heads.index(column, 4)
            found = list(dict.fromkeys(fields[place] for fields in rows if len(fields) > place and fields[place]))
            if len(found) > 1:
                raise DataError(
                    f"{path}: events {label} of {len(found)} {column}s ({', '.join(found[:3])}"
                    f"{', …' * (len(found) > 3)}) in one table; expected one; score the rows of each by themselves"
                )


def event_rows_of(path: str | os.PathLike) -> Iterator[tuple[str, str, Event | None]]:
    """(``file:line``, file name, its event or None) of every row of an event list; as read_events()."""
    return _event_rows(_numbered_lines(path), path)


def _event_rows(lines: Iterable[tuple[int, str]], path: str | os.PathLike) -> Iterator[tuple[str, str, Event | None]]:
    most = 4
    for number, line in lines:
        place, fields = f"{path}:{number}", _fields(line)
        name = fields[0]
        if _is_header(number, fields):
            _check_header(fields, place)
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


def _fields(line: str) -> list[str]:
    """A row's fields, without empty ones at its end."""
    fields = [field.strip() for field in line.split("\t")]
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def _head(field: str) -> str:
    return re.sub(r"\W+", "_", field.lower()).strip("_")


def _is_header(number: int, fields: list[str]) -> bool:
    first = number == 1 and fields[0].lower() in ("filename", "file")
    return first and (len(fields) == 1 or _ONSET.fullmatch(_head(fields[1])) is not None)


def _check_header(fields: list[str], place: str) -> None:
    """Raise DataError for a header whose columns are others, or stand in another order, than they are read in."""
    for column, what, heads in ((3, "offset", _OFFSET), (4, "label", _LABEL)):
        if len(fields) >= column and not heads.fullmatch(_head(fields[column - 1])):
            raise DataError(
                f"{place}: column {column} is {fields[column - 1][:40]!r}; expected {what}; "
                "put the columns in the order filename, onset, offset, label"
            )


def _has_other_separators(row: str) -> bool:
    """Whether a row without tabs has the fields of an event between commas, semicolons or spaces."""
    row = " ".join(row[:300].split())
    if row[-1:] in (",", ";") or re.match(r"file(name)?[\"']?\s*[,;\s]\s*[\"']?onset", row, re.IGNORECASE):
        return True
    time = r"[\"']?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?[\"']?"
    label = r"[^,;]*(?<!\.[a-z0-9]{2})(?<!\.[a-z0-9]{3})(?<!\.[a-z0-9]{4})"  # not the ending of a file's name
    return re.fullmatch(rf".+[,;\s]\s*{time}\s*[,;\s]\s*{time}\s*[,;\s]\s*{label}", row, re.IGNORECASE) is not None


def _numbered_lines(path: str | os.PathLike) -> list[tuple[int, str]]:
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
