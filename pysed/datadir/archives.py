"""Kaldi archives of matrices: ``.scp`` files and the binary ``.ark`` files that they point into, by kaldiio.

kaldiio would also run commands that a ``.scp`` names and unpickle what an archive holds. So the locations of a ``.scp``
and the first bytes of each matrix are looked at before it reads anything: plain files and binary Kaldi matrices only.
"""

import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from pysed.atomic import atomic_open, atomic_path
from pysed.datadir.lists import read_table
from pysed.errors import DataError

# First bytes of a binary matrix -> bytes of an element, and where its rows and columns stand.
_KINDS = {b"\0BFM ": (4, "<xixi"), b"\0BDM ": (8, "<xixi"), b"\0BCM ": (1, "<8xii")}
_KINDS |= {b"\0BCM2": (2, "<x8xii"), b"\0BCM3": (1, "<x8xii")}


class Archive:
    """The matrices of a ``.scp``, by name, read when they are asked for; names in the file's order.

    Raises DataError for a ``.scp`` that is missing or malformed, and, when it is read, for what is no matrix.
    """

    def __init__(self, scp: str | os.PathLike):
        self.scp = Path(scp)
        self._locations = read_table(self.scp, "names and places in archives, as the feature stages write")
        self._open: tuple[str, IO[bytes]] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._locations

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations)

    def __len__(self) -> int:
        return len(self._locations)

    def __getitem__(self, name: str) -> np.ndarray:
        """(T, F) float32."""
        place = f"{self.scp}: {name}"
        location = self._locations[name]
        match = re.fullmatch(r"(.+):([0-9]{1,18})", location)
        if match is None or location[0] in "|-" or match[1][-1] == "|":  # pipes and standard input, as Kaldi has them
            raise DataError(f"{place}: {location[:80]!r}; expected a place in an archive, such as feats.ark:17")
        try:
            stream = self._stream(match[1])
            stream.seek(int(match[2]))
            _check_matrix(stream, place, os.fstat(stream.fileno()).st_size - int(match[2]))
            stream.seek(int(match[2]))
            return _read_matrix(stream, place)
        except OSError as error:
            raise DataError(f"{place}: {match[1]}: cannot be read ({error.strerror}); make the archive anew") from None

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """(name, matrix) of all, in the file's order."""
        return ((name, self[name]) for name in self._locations)

    def close(self) -> None:
        """Close the archive that is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _stream(self, path: str) -> IO[bytes]:
        if self._open is None or self._open[0] != path:
            self.close()
            self._open = path, open(path, "rb")  # noqa: SIM115 (closed by close())
        return self._open[1]


def _check_matrix(stream: IO[bytes], place: str, size: int) -> None:
    """See that a binary matrix begins here, and that the file is as long as it says."""
    begin = stream.read(22)
    kind = next((kind for kind in _KINDS if begin.startswith(kind)), None)
    if kind is None:
        raise DataError(f"{place}: no binary matrix of Kaldi's; make the archive anew")
    width, layout = _KINDS[kind]
    try:
        num_rows, num_columns = struct.unpack_from(layout, begin, len(kind))
    except struct.error:
        num_rows = num_columns = -1
    if min(num_rows, num_columns) < 0 or num_rows * num_columns * width > size:
        raise DataError(f"{place}: a matrix that is cut off or damaged; make the archive anew")


def _read_matrix(stream: IO[bytes], place: str) -> np.ndarray:
    from kaldiio.matio import read_kaldi

    try:
        matrix = np.asarray(read_kaldi(stream), dtype=np.float32)
    except OSError:
        raise
    except Exception as error:  # kaldiio has no error of its own for a damaged matrix
        raise DataError(f"{place}: a damaged matrix ({type(error).__name__}); make the archive anew") from None
    if matrix.ndim != 2:
        raise DataError(f"{place}: shape {matrix.shape}; expected a matrix")
    return matrix


def write_archive(stem: str | os.PathLike, matrices: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write ``stem.ark`` and ``stem.scp`` of (name, (T, F)) pairs as float32, each whole or not at all."""
    from kaldiio.matio import save_ark

    ark, lines = Path(f"{stem}.ark"), []
    with atomic_path(ark) as temporary, open(temporary, "wb") as stream:
        for name, matrix in matrices:
            lines.append(f"{name} {ark}:{stream.tell() + len(name.encode()) + 1}\n")
            save_ark(stream, {name: np.asarray(matrix, dtype=np.float32)})
    with atomic_open(f"{stem}.scp") as stream:
        stream.writelines(lines)
