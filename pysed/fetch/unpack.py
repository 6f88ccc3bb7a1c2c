"""Zip and tar archives into a folder that nothing can leave: everything is checked before anything is written.

Refused: absolute names, ``..``, backslashes and drive letters, links and devices, two members of one name, encrypted
members, and archives that declare, or turn out to hold, more than they may. Each file is written under a temporary
name, checked (CRC and declared size) and renamed.
"""

import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pysed.atomic import atomic_path
from pysed.errors import DataError

BLOCK = 1 << 20
Place = Callable[[PurePosixPath], PurePosixPath | None]
Progress = Callable[[int], object]


@dataclass(frozen=True)
class _Member:
    name: PurePosixPath
    size: int
    handle: zipfile.ZipInfo | tarfile.TarInfo


def size_limit(archive: Path) -> int:
    """Most bytes that an archive may hold: twenty times its own size, and 1 GiB in any case."""
    return max(1 << 30, 20 * archive.stat().st_size)


def safe_name(name: str, archive: Path) -> PurePosixPath:
    """The member's relative path; raises DataError for a name that leads out of the folder."""
    path = PurePosixPath(name)
    if (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or "\0" in name
        or re.match("[A-Za-z]:", name)
    ):
        raise DataError(
            f"{archive}: member {name!r} leads outside the folder; refused; fetch it from the official address"
        )
    return path


def unpack(
    archive: Path, out: Path, place: Place | None = None, limit: int | None = None, progress: Progress | None = None
) -> list[Path]:
    """Unpack a .zip, .tar or .tar.gz into ``out``; returns the files written.

    ``place`` maps a member's path to the path below ``out``, or None to leave it out. ``limit``: most bytes unpacked
    (see size_limit). ``progress`` is told bytes written. Raises DataError for what is refused (see above), a damaged
    archive or too little free disk; files already renamed stay, so that running again completes them.
    """
    limit = size_limit(archive) if limit is None else limit
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return _unpack(archive, _zip_members(opened, archive), opened.open, out, place, limit, progress)
        with tarfile.open(archive) as tar:

            def extract(info: tarfile.TarInfo) -> IO[bytes]:
                stream = tar.extractfile(info)
                assert stream is not None, "only regular files are listed"
                return stream

            return _unpack(archive, _tar_members(tar, archive, limit), extract, out, place, limit, progress)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{archive}: damaged archive ({reason}); remove it to fetch it anew") from None


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[_Member]:
    for info in opened.infolist():
        mode = info.external_attr >> 16
        name = safe_name(info.orig_filename, archive)
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive}: member {info.filename!r} is a link or device; refused; expected plain files")
        if info.flag_bits & 1:
            raise DataError(f"{archive}: member {info.filename!r} is encrypted; expected plain files")
        if not info.is_dir():
            yield _Member(name, info.file_size, info)


def _tar_members(opened: tarfile.TarFile, archive: Path, limit: int) -> Iterator[_Member]:
    for info in opened:
        name = safe_name(info.name, archive)
        if not (info.isreg() or info.isdir()):
            raise DataError(f"{archive}: member {info.name!r} is a link or device; refused; expected plain files")
        if opened.offset > limit + (1 << 26):  # before more of it is read
            raise DataError(f"{archive}: more than the {limit} bytes it may hold; refused")
        if info.isreg():
            yield _Member(name, info.size, info)


def _unpack(archive, members, open_member, out: Path, place: Place | None, limit: int, progress) -> list[Path]:
    chosen: dict[PurePosixPath, _Member] = {}
    total = 0
    for member in members:
        total += member.size
        if total > limit:
            raise DataError(f"{archive}: declares more than the {limit} bytes it may hold; refused")
        target = place(member.name) if place else member.name
        if target is None:
            continue
        if target in chosen:
            raise DataError(f"{archive}: member {str(member.name)!r} stands twice; refused; fetch it anew")
        chosen[target] = member
    require_disk(out, sum(member.size for member in chosen.values()), f"unpack {archive.name}")
    root = out.resolve()
    written = []
    for target, member in chosen.items():
        path = out / target
        if not path.parent.resolve().is_relative_to(root) or path.is_symlink():
            raise DataError(f"{path}: a link leads outside {out}; remove it")
        with _no_disk_error(archive, path), atomic_path(path) as temporary:
            with open_member(member.handle) as source, open(temporary, "wb") as sink:
                count = 0
                while block := source.read(min(BLOCK, member.size - count + 1)):
                    count += len(block)
                    if count > member.size:
                        raise DataError(f"{archive}: member {str(member.name)!r} holds more than it declares; refused")
                    sink.write(block)
                    if progress:
                        progress(len(block))
            if count != member.size:
                raise DataError(
                    f"{archive}: member {str(member.name)!r}: {count} of {member.size} bytes; fetch it anew"
                )
        written.append(path)
    return written


@contextmanager
def _no_disk_error(archive: Path, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, zipfile.BadZipFile | tarfile.TarError) or error.errno is None:
            raise DataError(f"{archive}: damaged archive ({error}); remove it to fetch it anew") from None
        raise DataError(f"{path}: {os.strerror(error.errno)}; mend it and run again: it goes on from there") from None


def require_disk(folder: Path, needed: int, purpose: str) -> None:
    """Raise DataError where the disk of ``folder`` (which need not exist yet) has fewer than ``needed`` bytes free."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"{folder}: {free / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed to {purpose}; "
            "free some or use another disk"
        )
