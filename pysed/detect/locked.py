"""Files that one process at a time works on: journals, and tables that get their names when they are complete."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pysed.errors import warn_once


def open_locked(path: Path) -> IO[str]:
    """A text file to read and to append to, made where there is none, that is this process's until it is closed.

    Waits while another process has it, and says so; the system gives it free when that process ends, however it ends.
    Parents are created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        stream = open(path, "a+", encoding="utf-8", newline="\n")  # noqa: SIM115
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn_once(f"{path}: waits until another run is done with it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:
            return stream  # a file system that locks nothing
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        stream.close()  # who had it gave it another name, or removed it


@contextmanager
def growing_table(path: Path) -> Iterator[IO[str]]:
    """A text file to write, ``path.partial``, which becomes ``path`` if the block succeeds and goes if it raises."""
    partial = Path(f"{path}.partial")
    with open_locked(partial) as stream:
        try:
            stream.truncate(0)
            yield stream
            stream.flush()
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
