"""What is fuzzed: a reader with the good files that it reads."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutations import damaged


@dataclass(frozen=True)
class Reader:
    """``read(folder)`` reads files of ``folder``, all of them good but one of ``changed`` (empty: any).

    ``made``: another way of damaging a file, from its values rather than its bytes. ``places``: what messages may name
    in place of the file.
    """

    name: str
    files: dict[str, bytes]
    read: Callable[[Path], Any]
    changed: tuple[str, ...] = ()
    made: dict[str, Callable[[random.Random], bytes]] = field(default_factory=dict)
    places: tuple[str, ...] = ()

    def case(self, rng: random.Random) -> tuple[str, bytes]:
        """A file's name and its damaged content."""
        name = rng.choice(self.changed or tuple(self.files))
        if name in self.made and rng.random() < 0.6:
            return name, self.made[name](rng)
        return name, damaged(rng, self.files[name])


def files_of(folder: Path, *names: str) -> dict[str, bytes]:
    """The content of the files of a folder (all, or those named), by their paths in it."""
    paths = [folder / name for name in names] or sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
