"""Outputs are written under a temporary name and renamed, so nobody ever meets half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
    with atomic_path(path) as temporary, open(temporary, mode, **kwargs) as stream:
        yield stream
