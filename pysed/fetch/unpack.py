"""Zip and tar archives into a folder that nothing can leave: all is read and checked before anything is written.

Refused: absolute names, ``..``, backslashes and drive letters, links and devices, two members of one name, encrypted
members, and archives that declare, or turn out to hold, more than they may. Every archive is read to its end first,
checksums included (gzip's and bzip2's of the whole, zip's of each member); bytes that belong to nothing are refused.
Then each file is written under a temporary name and renamed.
"""

import bz2
import gzip
import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pysed.atomic import atomic_path
from pysed.errors import DataError
from pysed.fetch.zip_layout import check_zip_layout

BLOCK = 1 << 20
MOST_MEMBERS = 500_000
_TAR_BLOCK = 512
_LONGEST_READ = 1 << 26  # of what tarfile asks for at once: names and headers, not members
Place = Callable[[PurePosixPath], PurePosixPath | None]
Progress = Callable[[int], object]
Open = Callable[[Any], IO[bytes]]


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
    with open(archive, "rb") as file, _damage_named(archive, file):
        magic = file.read(4)
        file.seek(0)
        if magic in (b"PK\3\4", b"PK\5\6"):
            with zipfile.ZipFile(file) as opened:
                chosen = _choose(archive, _zip_members(opened, archive), place, limit)
                for member in chosen.values():
                    _copy(archive, member, opened.open)
                return _write(archive, chosen, opened.open, out, progress)
        with _decompressed(file, magic) as plain, tarfile.open(fileobj=_Guarded(plain, limit), mode="r:") as tar:  # type: ignore[call-overload]

            def extract(info: tarfile.TarInfo) -> IO[bytes]:
                stream = tar.extractfile(info)
                assert stream is not None, "only regular files are listed"
                return stream

            chosen = _choose(archive, _tar_members(tar, archive), place, limit)
            _read_to_end(plain, tar.offset)
            return _write(archive, chosen, extract, out, progress)


class _Damage(Exception):
    """What is wrong with an archive, where no other exception says it."""


class _Guarded:
    """What tarfile reads from: never a huge piece at once, nor beyond what an archive may hold."""

    def __init__(self, stream: IO[bytes], limit: int):
        self._stream, self._limit = stream, limit

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise _Damage(f"a header of {size} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        self._check(position)
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._limit + _LONGEST_READ:
            raise _Damage(f"more than the {self._limit} bytes it may hold")


@contextmanager
def _decompressed(file: IO[bytes], magic: bytes) -> Iterator[IO[bytes]]:
    """The tar inside a .tar.gz or .tar.bz2, or the .tar itself."""
    if magic[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=file) as plain:
            yield plain  # type: ignore[misc]
    elif magic[:3] == b"BZh":
        _check_bzip2(file)
        with bz2.BZ2File(file) as plain:
            yield plain  # type: ignore[misc]
    else:
        yield file


def _check_bzip2(file: IO[bytes]) -> None:
    """Read it to the end: BZ2File says nothing about bytes that follow."""
    decompressor = bz2.BZ2Decompressor()
    while block := file.read(1 << 16):
        while block or not decompressor.needs_input:
            decompressor.decompress(block, BLOCK)
            block = b""
            if decompressor.eof:
                block = decompressor.unused_data
                if not block and not (block := file.read(1 << 16)):
                    file.seek(0)
                    return
                decompressor = bz2.BZ2Decompressor()
    raise EOFError("it ends too early")


def _read_to_end(plain: IO[bytes], end: int) -> None:
    """Read what follows the last member, which ends at ``end``: zeros, and the checksum of a compressed archive."""
    zeros = plain.tell() - end  # that the list of members has been read up to
    while block := plain.read(BLOCK):
        if block.strip(b"\0"):
            raise _Damage("bytes after its end")
        zeros += len(block)
    if zeros < _TAR_BLOCK:
        raise _Damage("it ends too early")


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[_Member]:
    with open(archive, "rb") as file:
        check_zip_layout(opened, file)
    for info in opened.infolist():
        mode = info.external_attr >> 16
        name = safe_name(info.orig_filename, archive)
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive}: member {info.filename!r} is a link or device; refused; expected plain files")
        if info.flag_bits & 1:
            raise DataError(f"{archive}: member {info.filename!r} is encrypted; expected plain files")
        if info.is_dir() and info.file_size:
            raise _Damage(f"the folder {info.filename!r} with a content")
        if not info.is_dir():
            yield _Member(name, info.file_size, info)


def _tar_members(opened: tarfile.TarFile, archive: Path) -> Iterator[_Member]:
    for info in opened:
        name = safe_name(info.name, archive)
        if not (info.isreg() or info.isdir()):
            raise DataError(f"{archive}: member {info.name!r} is a link or device; refused; expected plain files")
        if info.isreg():
            yield _Member(name, info.size, info)


def _choose(archive: Path, members: Iterator[_Member], place: Place | None, limit: int) -> dict[PurePosixPath, _Member]:
    """Path below the folder -> member, of all that are not left out."""
    chosen: dict[PurePosixPath, _Member] = {}
    total = 0
    for number, member in enumerate(members):
        total += member.size
        if total > limit or member.size < 0:
            raise DataError(f"{archive}: declares more than the {limit} bytes it may hold; refused")
        if number >= MOST_MEMBERS:
            raise DataError(f"{archive}: more than {MOST_MEMBERS} members; refused")
        target = place(member.name) if place else member.name
        if target is None:
            continue
        if target in chosen:
            raise DataError(f"{archive}: member {str(member.name)!r} stands twice; refused; fetch it anew")
        chosen[target] = member
    for target in chosen:
        for above in target.parents:
            if above in chosen:
                raise DataError(f"{archive}: member {str(chosen[above].name)!r} is a file and a folder; refused")
    return chosen


def _write(
    archive: Path, chosen: dict[PurePosixPath, _Member], open_member: Open, out: Path, progress: Progress | None
) -> list[Path]:
    require_disk(out, sum(member.size for member in chosen.values()), f"unpack {archive.name}")
    root = out.resolve()
    written = []
    for target, member in chosen.items():
        path = out / target
        if not path.parent.resolve().is_relative_to(root) or path.is_symlink():
            raise DataError(f"{path}: a link leads outside {out}; remove it")
        with _disk_error_named(path), atomic_path(path) as temporary, open(temporary, "wb") as sink:
            _copy(archive, member, open_member, sink, progress)
        written.append(path)
    return written


def _copy(
    archive: Path, member: _Member, open_member: Open, sink: IO[bytes] | None = None, progress: Progress | None = None
) -> None:
    """Read a member to its end, which checks it, and write it to ``sink``."""
    count = 0
    try:
        with open_member(member.handle) as source:
            while block := source.read(min(BLOCK, member.size - count + 1)):
                count += len(block)
                if count > member.size:
                    raise DataError(f"{archive}: member {str(member.name)!r} holds more than it declares; refused")
                if sink is not None:
                    sink.write(block)
                    if progress:
                        progress(len(block))
    except (DataError, OSError):
        raise
    except Exception as error:
        raise _Damage(f"member {str(member.name)!r}: {error or type(error).__name__}") from None
    if count != member.size:
        raise DataError(f"{archive}: member {str(member.name)!r}: {count} of {member.size} bytes; fetch it anew")


@contextmanager
def _damage_named(archive: Path, file: IO[bytes]) -> Iterator[None]:
    """Turn whatever the readers of damaged archives raise, a dozen kinds, into a DataError with the place."""
    try:
        yield
    except (DataError, MemoryError, RecursionError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        place = "" if file.closed else f", near byte {file.tell()} of {archive.stat().st_size}"
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{archive}: damaged archive ({reason}{place}); remove it to fetch it anew") from None


@contextmanager
def _disk_error_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of a reader of archives
            raise
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
