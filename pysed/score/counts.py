"""Each file's hits, insertions and deletions, ``counts_<subset>.tsv`` beside a score: what intervals resample."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.score.event_based import Counts

_HEADER = "\t".join(("filename", *Counts._fields))


def write_counts(path: str | os.PathLike, files: Mapping[str, Counts]) -> None:
    """One row per file: ``filename<TAB>hits<TAB>insertions<TAB>deletions``, below a header."""
    with atomic_open(path) as stream:
        stream.write(f"{_HEADER}\n")
        stream.writelines("\t".join((name, *map(str, counts))) + "\n" for name, counts in files.items())


def read_counts(path: str | os.PathLike) -> tuple[list[str], np.ndarray]:
    """File names (N) and their counts (N, 3). Raises DataError for what write_counts() did not write."""
    try:
        header, *lines = Path(path).read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); run stage 6 again") from None
    rows = [line.split("\t") for line in lines]
    good = header == _HEADER and rows and all(len(row) == 4 and all(map(str.isdecimal, row[1:])) for row in rows)
    if not good:
        raise DataError(f"{path}: not a header and rows of a file name and three counts; run stage 6 again")
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.int64)
