"""Each file's hits, insertions and deletions, ``counts_<subset>.tsv`` beside a score, and the recordings it is made of:
what intervals resample."""

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.score.event_based import Counts
from pysed.text_files import read_lines

_COUNTS = re.compile("[0-9]{1,9}( [0-9]{1,9}){2}")
_OLDER = ("filename", *Counts._fields)  # before recordings were noted
_HEADER = (*_OLDER, "event_recording", "background_recording")


class FileCounts(NamedTuple):
    """Names of N files, their counts (N, 3), and the recordings of each one's event and background, where known."""

    names: list[str]
    counts: np.ndarray
    events: list[str | None]
    backgrounds: list[str | None]


def write_counts(
    path: str | os.PathLike,
    files: Mapping[str, Counts],
    recordings: Mapping[str, tuple[str | None, str | None]] | None = None,
) -> None:
    """One row per file below a header: ``filename hits insertions deletions event_recording background_recording``.

    ``recordings``: file -> those of its event and its background; empty in the file where there is none, or unknown.
    """
    recordings = {} if recordings is None else recordings
    with atomic_open(path) as stream:
        stream.write("\t".join(_HEADER) + "\n")
        for name, counts in files.items():
            made_of = (" ".join((each or "").split()) for each in recordings.get(name, (None, None)))
            stream.write("\t".join((name, *map(str, counts), *made_of)) + "\n")


def read_counts(path: str | os.PathLike) -> FileCounts:
    """What write_counts() wrote, now or before it noted recordings. Raises DataError for any other file."""
    header, *lines = read_lines(path, "counts of stage 6") or [""]
    columns = tuple(header.split("\t"))
    rows = [line.split("\t") for line in lines]
    good = columns in (_HEADER, _OLDER) and all(
        len(row) == len(columns) and _COUNTS.fullmatch(" ".join(row[1:4])) for row in rows
    )
    if not (good and rows):
        raise DataError(f"{path}: not a header and rows of a file name and three counts; run stage 6 again")
    made_of = [(*row, "", "")[4:6] for row in rows]
    return FileCounts(
        [row[0] for row in rows],
        np.array([row[1:4] for row in rows], dtype=np.int64),
        [event or None for event, _ in made_of],
        [background or None for _, background in made_of],
    )
