"""Labels that other tools keep: Audacity label tracks, Raven selection tables, Praat TextGrids; and event lists.

A label track, a TextGrid and most selection tables belong to one recording: they are found in a folder by the
recording's name, ``a.wav`` with ``a.wav.txt``, ``a.txt``, ``a.Table.1.selections.txt`` or ``a.TextGrid``.
"""

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pysed.audio.folders import find_recordings, is_audio, printable, search_folder
from pysed.errors import DataError, warn_once
from pysed.events import LONGEST_S, Event, EventLists, event_of, read_events
from pysed.text_files import MOST_BYTES, read_lines, read_text

_SUFFIXES = (".txt", ".tsv", ".textgrid")
_RAVEN_TABLE = re.compile(r"(\.Table\.\d+)?\.selections\Z", re.IGNORECASE)
_TRACK = re.compile(r"\s*[-+0-9.,]+\t\s*[-+0-9.,]+(\t[^\t]*)?\Z|\\\t")  # a row of a label track
_TOKEN = re.compile(r'"(?:[^"]|"")*"|![^\n]*|\S+')


def read_labels(path: Path, audio: Path) -> EventLists:
    """File (its path inside ``audio``) → events, of a label file, or of a folder of them, one for each recording.

    Raises DataError, with file and line, for what cannot be read or belongs to no recording.
    """
    if not path.is_dir():
        kind = _kind(path)
        if kind in ("list", "empty"):
            return read_events(path)
        return _read(path, kind, _Names(audio))
    names = _Names(audio, path)
    lists: EventLists = {}
    given: dict[str, Path] = {}  # recording -> the label file that was read last
    for found in search_folder(path, _judge):
        kind = _kind(found)
        if kind == "list":
            raise _none_of_them(found)
        for name, events in _read(found, kind, names).items():
            if name in given and given[name].parent != found.parent:
                warn_once(f"{name}: labelled by both {given[name]} and {found}: taken together")
            given[name] = found
            lists[name] = sorted({*lists.get(name, []), *events})
    if not lists:
        raise DataError(f"{path}: no label files in this folder; expected .txt or .TextGrid, named after recordings")
    return lists


def _judge(path: Path) -> str | None:
    """As of search_folder(): recordings may lie beside their labels, and hidden files are of programs."""
    if path.suffix.lower() in _SUFFIXES:
        return ""
    return None if is_audio(path) or path.name[0] == "." else f"files of other kinds than {', '.join(_SUFFIXES)}"


def _none_of_them(path: Path) -> DataError:
    lines = enumerate(read_lines(path, "labels"), 1)
    number, line = next(((number, line) for number, line in lines if line.strip() and not _TRACK.match(line)), (1, ""))
    return DataError(
        f"{path}:{number}: {line[:40]!r}: no row of a label track (start, end and label between tabs), nor head of a "
        "selection table; give an event list by itself"
    )


class _Names:
    """The recordings in ``audio``, by what a label file calls them, which lies in the folder ``labels`` if given."""

    def __init__(self, audio: Path, labels: Path | None = None):
        self._audio, self._labels = audio, labels
        self._names = [PurePosixPath(name) for name in find_recordings([str(audio)])]
        self._folders = {folder for name in self._names for folder in name.parents} - {PurePosixPath()}

    def find(self, path: Path, stem: str) -> str:
        """The recording that a label file is named after, or whose name stands in it.

        Where ``audio`` has a folder of the name of the label file's, the recording is looked for there alone. DataError
        for none, or several.
        """
        inner = path.name if self._labels is None else path.relative_to(self._labels).as_posix()
        folder = PurePosixPath(printable(inner)).parent
        near = [name for name in self._names if name.parent == folder] if self._labels else []
        for names in (near, [] if folder in self._folders else self._names):
            for found in ([each for each in names if each.name == stem], [each for each in names if each.stem == stem]):
                if len(found) == 1:
                    return str(found[0])
                if found:
                    raise DataError(f"{path}: belongs to {found[0]} or {found[1]}; {_remedy(found[0], found[1])}")
        wanted = stem if folder == PurePosixPath() else f"{folder}/{stem}"
        raise DataError(f"{path}: no recording {wanted} in {self._audio}; name it after one, such as a.txt for a.wav")


def _remedy(one: PurePosixPath, other: PurePosixPath) -> str:
    if one.parent == other.parent:
        return f"name it after one of them with its ending, such as {one.name}.txt"
    return "give a folder of labels, in which each lies in a folder of the same name as its recording"


def _kind(path: Path) -> str:
    if path.suffix.lower() == ".textgrid":
        return "textgrid"
    lines = [line for line in read_lines(path, "labels") if line.strip()]
    heads = [head.strip().lower() for head in lines[0].split("\t")] if lines else [""]
    if heads[0] == "selection" or {"begin time (s)", "end time (s)"} <= set(heads):  # users of Raven order its columns
        return "raven"
    if not lines and path.suffix.lower() == ".txt":  # in a folder, a label track without labels
        return "empty"
    if lines and all(_TRACK.match(line) for line in lines):
        return "audacity"
    return "list"


def _read(path: Path, kind: str, names: _Names) -> EventLists:
    """Recording → its events in order of time; a selection table may say of each row which it belongs to."""
    rows: Iterable[tuple[str, Event]]
    if kind == "raven":
        rows = _raven(path)
    else:
        rows = (("", event) for event in (_textgrid(path) if kind == "textgrid" else _audacity(path)))
    named = _RAVEN_TABLE.sub("", PurePosixPath(printable(path.name)).stem)
    by_stem: dict[str, list[Event]] = {named: []} if kind == "empty" else {}
    for stem, event in rows:
        by_stem.setdefault(stem or named, []).append(event)
    return {names.find(path, stem): sorted(set(events)) for stem, events in by_stem.items()}


def _event(start: str, end: str, label: str, place: str) -> Event:
    """Times may have a decimal comma, as Audacity takes them and spreadsheets write them."""
    start, end = (re.sub(r"\A(\s*\d+),(\d+\s*)\Z", r"\1.\2", text) for text in (start, end))
    return event_of(start, end, label, place, ("start", "end"))


def _audacity(path: Path) -> Iterator[Event]:
    r"""Start, end and label between tabs; lines that begin with ``\`` hold frequencies."""
    for number, line in enumerate(read_lines(path, "a label track"), 1):
        if line.strip() and not line.startswith("\\"):
            fields = [*line.split("\t"), ""]
            yield _event(fields[0], fields[1], fields[2].strip(), f"{path}:{number}")


def _raven(path: Path) -> Iterator[tuple[str, Event]]:
    """(file name if the table says it, event) of a table with heads; the label is in the column Annotation, or what
    stands in its place."""
    lines = read_lines(path, "a selection table")
    heads = [head.strip() for head in lines[0].split("\t")]
    by_name = {head.lower(): place for place, head in enumerate(heads)}
    labels = [by_name[name] for name in ("annotation", "species", "label", "common name", "tag") if name in by_name]
    columns = [by_name.get("begin time (s)"), by_name.get("end time (s)"), *labels[:1]]
    if None in columns or not labels:
        raise DataError(f"{path}:1: no columns Begin Time (s), End Time (s) and Annotation; add one with the class")
    offset, file = by_name.get("file offset (s)"), by_name.get("begin file")
    seen: set[tuple[str, ...]] = set()
    for number, line in enumerate(lines[1:], 2):
        fields = [*line.split("\t"), *[""] * len(heads)]
        if not line.strip():
            continue
        start, end, label = (fields[column or 0].strip() for column in columns)
        same = (start, end, label, *(fields[column] for column in (offset, file) if column is not None))
        if same in seen:  # a selection has a line for each view; numbers of joined tables come again
            continue
        seen.add(same)
        event = _event(start, end, label, f"{path}:{number}")
        begin = fields[offset].strip() if offset is not None else ""
        if begin and begin != start:  # times of a sequence of files; the offset is that in the file
            length_s = event.offset_s - event.onset_s
            begun = _event(begin, str(LONGEST_S), label, f"{path}:{number}")
            event = Event(begun.onset_s, round(begun.onset_s + length_s, 6), label)
        yield "" if file is None else fields[file].strip(), event


def _textgrid(path: Path) -> Iterator[Event]:
    """Intervals with a text, of every tier; in Praat's long or short form, UTF-8 or UTF-16."""
    tokens = iter(_tokens(path))

    def take(kind: type, what: str):
        token = next(tokens, None)
        if not isinstance(token, kind):
            raise DataError(f"{path}: ends, or goes wrong, before {what}; expected a TextGrid as Praat saves it")
        return token

    if [next(tokens, None), next(tokens, None)] != ["ooTextFile", "TextGrid"]:
        raise DataError(f"{path}: no TextGrid; expected one that Praat has saved as a text file")
    take(float, "its start"), take(float, "its end")
    for _ in range(int(take(float, "the number of tiers"))):
        kind, tier = take(str, "a tier's class"), take(str, "a tier's name")
        take(float, "a tier's start"), take(float, "a tier's end")
        for number in range(1, int(take(float, "a tier's size")) + 1):
            if kind != "IntervalTier":
                take(float, "a point's time"), take(str, "a point's text")
                continue
            start, end = take(float, "an interval's start"), take(float, "an interval's end")
            if text := take(str, "an interval's text").strip():
                yield _event(repr(start), repr(end), text, f"{path}: tier {tier[:40]}: interval {number}")


def _tokens(path: Path) -> Iterator[str | float]:
    """The texts in quotes and the numbers that stand by themselves, as Praat reads them."""
    with open(path, "rb") as stream:
        mark = stream.read(2)
        if mark in (b"\xff\xfe", b"\xfe\xff") and os.path.getsize(path) <= MOST_BYTES:
            try:
                text = (mark + stream.read()).decode("utf-16")
            except UnicodeDecodeError:
                raise DataError(f"{path}: not UTF-16, though it begins so; save it anew from Praat") from None
        else:
            text = read_text(path, "a TextGrid")
    for match in _TOKEN.finditer(text):
        token = match[0]
        if len(token) > 1 and token[0] == token[-1] == '"':
            yield token[1:-1].replace('""', '"')
        elif re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", token):
            if not math.isfinite(number := float(token)):
                raise DataError(f"{path}: {token[:20]}; expected a finite number, as Praat saves it")
            yield number
