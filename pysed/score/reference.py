"""What is to be scored: a reference from an event list or a data directory, and detections that fit it."""

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pysed.datadir.lists import read_recordings
from pysed.errors import DataError
from pysed.events import Event, EventLists, read_detected, read_events


def read_reference(path: str | os.PathLike) -> EventLists:
    """Files of the reference, by base name, each with its events.

    ``path``: an event list that names every file, or a data directory (``wav.scp`` and ``events.tsv``).
    Raises DataError for what is missing, malformed, or named twice.
    """
    return _from_data_dir(Path(path)) if os.path.isdir(path) else by_base_name(read_events(path), path)


def read_both(reference: str | os.PathLike, detected: str | os.PathLike, label: str) -> tuple[EventLists, EventLists]:
    """Reference and detections, to be scored for one class, by the same names of files.

    By base name; where event lists have files of one base name in several folders, by path, if both name the same ones.
    Detections may be an empty list. Raises DataError for what is missing, malformed, or named twice.
    """
    found = read_detected(detected, label)
    if os.path.isdir(reference):
        return read_reference(reference), by_base_name(found, detected)
    wanted = read_events(reference)
    if not (_unique(wanted) and _unique(found)):
        by_path = _by_path(wanted, reference), _by_path(found, detected)
        if set(by_path[1]) <= set(by_path[0]):
            return by_path
    return by_base_name(wanted, reference), by_base_name(found, detected)


def class_hint(lists: EventLists, event: str) -> str | None:
    """Which classes a list has where it has events, but none of ``event``; the one that differs in case alone first."""
    labels = sorted({each.label for events in lists.values() for each in events})
    if not labels or event in labels:
        return None
    near = [label for label in labels if label.casefold() == event.casefold()]
    question = f"; did you mean {near[0]!r}?" if near else ""
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"no event of the class {event!r}; it has {', '.join(map(repr, labels[:5]))}{more}{question}"


def _unique(names: Iterable[str]) -> bool:
    bases = [PurePosixPath(name).name for name in names]
    return len(set(bases)) == len(bases)


def _by_path(lists: EventLists, path: str | os.PathLike) -> EventLists:
    """The lists with ``./x.wav`` as ``x.wav``; DataError where two names mean one file."""
    result: EventLists = {}
    for name, events in lists.items():
        plain = posixpath.normpath(name)
        if plain in result:
            raise DataError(f"{path}: {plain}: named in two ways; expected one name for each file")
        result[plain] = events
    return result


def by_base_name(lists: EventLists, path: str | os.PathLike) -> EventLists:
    """The lists with folders dropped from file names; DataError where two files would become one."""
    result: EventLists = {}
    for name, events in lists.items():
        base = PurePosixPath(name).name
        if base in result:
            raise DataError(f"{path}: {base}: in more than one folder; expected unique base names")
        result[base] = events
    return result


def _from_data_dir(folder: Path) -> EventLists:
    names = read_recordings(folder)
    lists: EventLists = {name: [] for name in names.values()}
    events_path = folder / "events.tsv"
    if not events_path.is_file():
        raise DataError(f"{events_path}: no such file; expected a data directory with wav.scp and events.tsv")
    if events_path.stat().st_size:  # no events at all is a legal set
        for utterance, events in read_events(events_path).items():
            if utterance not in names:
                raise DataError(f"{events_path}: {utterance}: not in wav.scp; expected the same recordings")
            lists[names[utterance]] += [Event(*event) for event in events]
    return lists
