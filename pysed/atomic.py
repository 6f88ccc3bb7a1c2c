"""Outputs are written under a temporary name and renamed, so nobody ever meets half a file."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

from pysed.errors import DataError

_LONG = 100  # bytes of a name


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Within the block an OSError that names no file, such as that of a full disk, is one of ``path``."""
    try:
        yield
    except OSError as error:
        if error.filename is None and not isinstance(error, BrokenPipeError):
            error.filename = str(path)
        raise


def is_special(path: str | os.PathLike) -> bool:
    """Whether a path is a device or a pipe, such as ``/dev/stdout``: nothing to put a file in the place of."""
    path = Path(path)
    if path.is_symlink() and Path(os.path.realpath(path.parent)).parts[1:2] in (("dev",), ("proc",)):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def check_new(path: Path) -> None:
    """Raise DataError for ``.`` and ``..``, which name a folder by where it is."""
    if path.name in ("", ".."):
        raise DataError(f"{path}: names a folder by where it is; expected the name of a new one")


def temporary_beside(path: Path) -> Path:
    """A hidden name of this process beside ``path``, for what is to get that name; check_new() goes before.

    A disk that takes a long name takes this one, too: of such a name it holds the beginning and a digest.
    """
    check_new(path)
    name, whole = path.name, os.fsencode(path.name)
    if len(whole) > _LONG:
        name = whole[: _LONG - 30].decode(errors="ignore") + sha256(whole).hexdigest()[:8]
    return path.with_name(f".{name}.{os.getpid()}.tmp")


def keep_apart(outputs: Iterable[str | os.PathLike | None], inputs: Iterable[str | os.PathLike]) -> None:
    """Raise DataError where an output would take the place of a file that is read, or of another output."""
    taken: dict[str, str] = {}
    for out in outputs:
        if out is None or is_special(out):
            continue
        place = os.path.realpath(out)
        if place in taken:
            raise DataError(f"{out}: an output in the place of another; choose another name")
        taken[place] = str(out)
    files = [out for out in taken.values() if os.path.isfile(out)]
    for each in inputs if files else ():
        for out in files:
            if os.path.isfile(each) and os.path.samefile(out, each):
                raise DataError(f"{out}: an output in the place of an input; choose another name")


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it into place if the block succeeds.

    The temporary file is removed when the block raises. Parents are created. An OSError, such as that of a full disk,
    names ``path``. A device or pipe is yielded itself.
    """
    path = Path(path)
    if is_special(path):
        with naming(path):
            yield path
        return
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with naming(path):
            yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_open(path: str | os.PathLike, mode: str = "w", **kwargs) -> Iterator[IO]:
    """Open ``path`` for writing so that it appears complete or not at all (text is UTF-8)."""
    if "b" not in mode:
        kwargs.setdefault("encoding", "utf-8")
    if is_special(path):  # such as /dev/stdout, where it is a file to which others write, too
        mode = mode.replace("w", "a")
    with atomic_path(path) as temporary, open(temporary, mode, **kwargs) as stream:
        yield stream
