"""Detections read back from the tables that ``pysed detect`` writes: tsv, csv, json, jsonl, rttm, raven, list."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from pysed.audio.folders import printable, search_folder
from pysed.errors import DataError
from pysed.events import LONGEST_S, event_rows_of
from pysed.text_files import parse_json, read_csv, read_json, read_lines

SUFFIXES = (".tsv", ".csv", ".json", ".jsonl", ".rttm", ".txt")
_COLUMNS = ("filename", "onset", "offset", "event_label")
_RAVEN = ("Begin File", "Begin Time (s)", "End Time (s)", "Annotation")
_FIELDS = ("onset_s", "offset_s", "label")


@dataclass(frozen=True, order=True)
class Listed:
    """One detection of a table: its file's name, seconds from the file's start, class, and score if it has one."""

    name: str
    onset_s: float
    offset_s: float
    label: str
    score: float | None = None


def read_detections(path: Path) -> list[Listed]:
    """The detections of a table, or of all tables in a folder (``pysed detect --out-dir``), each once, in its order.

    Raises DataError, with file and line, for what is none of these tables.
    """
    if not path.is_dir():
        return list(dict.fromkeys(_read(path, "")))
    tables = search_folder(path, lambda each: "" if each.suffix in SUFFIXES else None)
    if not tables:
        raise DataError(f"{path}: no tables in this folder; expected what pysed detect --out-dir wrote")
    found: list[Listed] = []
    for table in tables:
        inner = printable(table.parent.relative_to(path).as_posix())
        found += _read(table, "" if inner == "." else f"{inner}/")
    return list(dict.fromkeys(found))


def _read(path: Path, folder: str) -> Iterator[Listed]:
    """``folder``: where a selection table's recording lies, since the table has base names alone."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        yield from _json(path)
    elif suffix == ".jsonl":
        for number, line in enumerate(read_lines(path, "detections, a JSON object a line"), 1):
            place = f"{path}:{number}"
            if line.strip():
                row = parse_json(line, place)
                yield _of_fields(row, row.get("filename") if isinstance(row, dict) else None, place)
    elif suffix == ".rttm":
        yield from _rttm(path)
    elif suffix == ".csv":
        rows = list(read_csv(path, "a table of detections"))
        yield from _table(path, rows, _COLUMNS, "score")
    else:
        rows = [(number, line.split("\t")) for number, line in enumerate(read_lines(path, "a table of detections"), 1)]
        if rows and (rows[0][1][0] == "Selection" or set(_RAVEN[1:3]) <= set(rows[0][1])):  # its columns can be moved
            yield from (
                Listed(folder + each.name, each.onset_s, each.offset_s, each.label, each.score)
                for each in _table(path, rows, _RAVEN, "Score")
            )
        elif rows and set(_COLUMNS) <= set(rows[0][1]):
            yield from _table(path, rows, _COLUMNS, "score")
        else:  # an event list, which has no scores
            yield from (Listed(name, *event) for _, name, event in event_rows_of(path) if event is not None)


def _table(path: Path, rows: Sequence[tuple[int, list[str]]], columns: tuple, score: str) -> Iterator[Listed]:
    """Rows below a head that names the columns; a row without times is of a file without events."""
    head = rows[0][1] if rows else []
    if missing := [name for name in columns if name not in head]:
        raise DataError(f"{path}:1: no column {missing[0]}; expected a table that pysed detect wrote")
    places = [head.index(name) for name in columns]
    scored = head.index(score) if score in head else None
    for number, row in rows[1:]:
        if not any(row):
            continue
        row = [*row, *[""] * (len(head) - len(row))]
        name, onset, offset, label = (row[place] for place in places)
        if onset or offset or label:
            yield _listed(name, onset, offset, label, "" if scored is None else row[scored], f"{path}:{number}")


def _json(path: Path) -> Iterator[Listed]:
    files = read_json(path, "detections as pysed detect writes them")
    if not isinstance(files, list):
        raise DataError(f"{path}: expected a list of files with their events")
    for number, each in enumerate(files, 1):
        place = f"{path}: file {number}"
        if not isinstance(each, dict) or not isinstance(each.get("events"), list):
            raise DataError(f"{place}: expected filename and events")
        for row in each["events"]:
            yield _of_fields(row, each.get("filename"), place)


def _of_fields(row: object, name: object, place: str) -> Listed:
    if not isinstance(row, dict) or not isinstance(name, str) or any(key not in row for key in _FIELDS):
        raise DataError(f"{place}: expected filename, onset_s, offset_s and label")
    score = row.get("score")
    onset, offset, label = (str(row[key]) for key in _FIELDS)
    return _listed(name, onset, offset, label, "" if score is None else str(score), place)


def _rttm(path: Path) -> Iterator[Listed]:
    for number, line in enumerate(read_lines(path, "RTTM"), 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        place = f"{path}:{number}"
        if len(fields) < 9:
            raise DataError(f"{place}: {len(fields)} fields; expected 10 of RTTM")
        start, length = (_number(text, place, "time") for text in fields[3:5])
        score = "" if fields[8] == "<NA>" else fields[8]
        yield _listed(unquote(fields[1]), str(start), str(round(start + length, 6)), unquote(fields[7]), score, place)


def _listed(name: str, onset: str, offset: str, label: str, score: str, place: str) -> Listed:
    start, end = (_number(text, place, "time") for text in (onset, offset))
    if not 0 <= start < end <= LONGEST_S:
        raise DataError(f"{place}: event from {onset[:20]} to {offset[:20]} s; expected an onset before its offset")
    if not name or not label:
        raise DataError(f"{place}: no file name or no class; expected a table that pysed detect wrote")
    return Listed(printable(name), start, end, printable(label), _number(score, place, "score") if score else None)


def _number(text: str, place: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{place}: {what} {text[:20]!r}; expected a number")
    return value
