"""Each file's hits, insertions and deletions, ``counts_<subset>.tsv`` beside a score: what intervals resample."""

import os
import re
from collections.abc import Mapping

import numpy as np

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.score.event_based import Counts
from pysed.text_files import read_lines

_COUNTS = re.compile("[0-9]{1,9}( [0-9]{1,9}){2}")
_HEADER = "\t".join(("filename", *Counts._fields))


def write_counts(path: str | os.PathLike, files: Mapping[str, Counts]) -> None:
    """One row per file: ``filename<TAB>hits<TAB>insertions<TAB>deletions``, below a header."""
    with atomic_open(path) as stream:
        stream.write(f"{_HEADER}\n")
        stream.writelines("\t".join((name, *map(str, counts))) + "\n" for name, counts in files.items())


def read_counts(path: str | os.PathLike) -> tuple[list[str], np.ndarray]:
    """File names (N) and their counts (N, 3). Raises DataError for what write_counts() did not write."""
    header, *lines = read_lines(path, "counts of stage 6") or [""]
    rows = [line.split("\t") for line in lines]
    good = header == _HEADER and rows and all(len(row) == 4 and _COUNTS.fullmatch(" ".join(row[1:])) for row in rows)
    if not good:
        raise DataError(f"{path}: not a header and rows of a file name and three counts; run stage 6 again")
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.int64)
