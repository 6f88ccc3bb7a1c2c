"""The recordings that a command is to search, by the names that they have in its output."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pysed.audio.folders import find_recordings, printable
from pysed.errors import DataError, warn_once


def list_recordings(inputs: Sequence[str], listed: Sequence[str] = ()) -> dict[str, Path]:
    """Name → file; files of a list have their paths for names, as many may have one base name.

    What is not there is kept, if it is not all, to be reported with the files that cannot be read.
    """
    missing = [given for given in inputs if not Path(given).exists()] if len(inputs) + len(listed) > 1 else []
    recordings = find_recordings([given for given in inputs if given not in missing])
    for given in listed:
        inside: dict[str, Path] = {}
        if Path(given).is_dir():
            with suppress(DataError):  # a folder without audio is reported as a file that is none
                inside = find_recordings([given])
        found = {f"{printable(given)}/{name}": path for name, path in inside.items()} or {printable(given): Path(given)}
        _add(recordings, found)
    _add(recordings, {printable(given): Path(given) for given in missing})
    return recordings


def _add(recordings: dict[str, Path], found: dict[str, Path]) -> None:
    """Add files by their names; DataError where a name means two files."""
    for name, path in found.items():
        other = recordings.setdefault(name, path)
        if other is not path and os.path.realpath(other) != os.path.realpath(path):
            raise DataError(f"{path}: a second file named {name}, beside {other}; rename one, or give them one by one")


def without_clips(recordings: dict[str, Path], folder: Path, given: Sequence[str]) -> dict[str, Path]:
    """Without the clips that lie in ``folder`` from a run before, but for those that are ``given`` by their names.

    Raises DataError where nothing else is there.
    """
    from pysed.detect.clips import is_clip

    inside, named = os.path.realpath(folder), set(map(Path, given))
    kept = {
        name: path
        for name, path in recordings.items()
        if path in named or not is_clip(path.name) or os.path.realpath(path.parent) != inside
    }
    if count := len(recordings) - len(kept):
        warn_once(f"{folder}: clips of detections left out: {count}")
    if not kept:
        raise DataError(f"{folder}: no audio but clips of detections, which --clips left there; expected recordings")
    return kept
