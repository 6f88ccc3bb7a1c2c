"""The lists of a data directory that name a recording and something of it on each line."""

import os
from pathlib import Path, PurePosixPath

from pysed.errors import DataError
from pysed.text_files import read_lines


def read_table(
    path: str | os.PathLike, expected: str = "a name and a value a line", in_order: bool = False
) -> dict[str, str]:
    """name -> value of a list of two columns, white space between, in its order.

    Raises DataError (``file:line: …``) for a missing or empty list, lines without a value, names that stand twice and,
    where ``in_order`` is asked for, names that are not sorted in C order.
    """
    table: dict[str, str] = {}
    previous = b""
    for number, line in enumerate(read_lines(path, expected), 1):
        fields = line.split(None, 1)
        if len(fields) < 2 or line[0].isspace():
            raise DataError(f"{path}:{number}: {line[:80]!r}; expected {expected}")
        name, value = fields
        if name in table:
            raise DataError(f"{path}:{number}: {name} stands twice; names must be unique")
        if in_order and name.encode() < previous:
            raise DataError(f"{path}:{number}: {name} is out of order; sort the file with LC_ALL=C")
        previous = name.encode()
        table[name] = value.strip()
    if not table:
        raise DataError(f"{path}: empty; expected {expected}")
    return table


def file_name(utterance: str, location: str) -> str:
    """A recording's base name with extension: of its file in wav.scp, or the id and .wav where that is a command."""
    return f"{utterance}.wav" if location.endswith("|") else PurePosixPath(location).name


def read_recordings(folder: str | os.PathLike) -> dict[str, str]:
    """Utterance -> its file's base name, in the order of a data directory's ``wav.scp``.

    Raises DataError for a list that is missing, malformed or empty, and for file names that are not unique.
    """
    scp = Path(folder) / "wav.scp"
    names = {name: file_name(name, location) for name, location in read_table(scp, "an utterance and its file").items()}
    if len(set(names.values())) < len(names):
        raise DataError(f"{scp}: two recordings with the same file name; expected unique base names")
    return names


def read_split(folder: str | os.PathLike) -> dict[str, list[str]]:
    """Utterances of "train" and "valid" of ``utt2split``, in the file's order; DataError where one has none."""
    path = Path(folder) / "utt2split"
    split: dict[str, list[str]] = {"train": [], "valid": []}
    for name, part in read_table(path, "an utterance and train or valid a line; run the stages before").items():
        if part not in split:
            raise DataError(f"{path}: {name}: {part[:20]!r}; expected train or valid")
        split[part].append(name)
    for part, names in split.items():
        if not names:
            raise DataError(f"{path}: no {part} utterance; expected some: make more mixtures")
    return split
