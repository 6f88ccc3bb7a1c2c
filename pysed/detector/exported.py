"""Model folders that travel: their checksums, written at export and checked at load."""

import hashlib
import re
from pathlib import Path

from pysed.errors import DataError
from pysed.features.of_samples import RECOGNISER
from pysed.names import inside
from pysed.text_files import read_lines

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
_REMEDY = "copy or export the folder anew"


def write_sums(folder: Path) -> None:
    """Write the checksums of all files in the folder, in the form of ``sha256sum``."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{_digest(folder / name)}  {name}\n" for name in names if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> None:
    """Hold an exported folder against its checksums; nothing to do for a folder without.

    Raises DataError for a file that is missing, changed, not listed in the recogniser's folder, or outside.
    """
    if not (folder / SUMS).is_file():
        return
    listed = {}
    for number, line in enumerate(read_lines(folder / SUMS, "checksums"), 1):
        match = _LINE.fullmatch(line)
        if not match:
            raise DataError(f"{folder / SUMS}:{number}: {line[:80]!r}; expected a checksum and a file; {_REMEDY}")
        listed[match[2]] = match[1]
    if "final.pt" not in listed:
        raise DataError(f"{folder / SUMS}: no final.pt in it; {_REMEDY}")
    for name, digest in listed.items():
        path = inside(folder, name, folder / SUMS)
        if not path.is_file():
            raise DataError(f"{path}: missing; {SUMS} lists it; {_REMEDY}")
        if _digest(path) != digest:
            raise DataError(f"{path}: damaged or exchanged: its checksum is not that of {SUMS}; {_REMEDY}")
    for path in sorted((folder / RECOGNISER).rglob("*")):
        if not path.is_dir() and path.relative_to(folder).as_posix() not in listed:
            raise DataError(f"{path}: not listed in {SUMS}; remove it, or {_REMEDY}")


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
