"""Digests of the code that makes a result: of those definitions only that it can reach; comments do not count.

Imports and names are followed statically from the given roots. A root is ``pysed.package.module`` (all of it) or
``pysed.package.module:function``, the name of a Kaldi command, a shell script (holding a '/'), or
``pysed.package=module``: of modules that the package imports by a computed name, this one is meant; ``-pysed.module``:
that one is not used, though the code could.
C sources and pages that lie beside a module which names them count as its code.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def digest(text: str | bytes) -> str:
    """The form in which contents are kept in marks."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:32]


def code_of(roots: Iterable[str]) -> dict[str, str]:
    """File, relative to the repository (or ``$KALDI_ROOT``) -> digest of what the roots reach in it.

    Remembered in the user's cache by size and time of the files.
    """
    from pysed.freshness import closure

    names = sorted(set(roots))
    places = [os.environ.get(name, "") for name in ("KALDI_ROOT", "PYSED_NETWORKS")]
    place = os.path.join(cache_folder(), f"code-{digest(json.dumps([ROOT, os.getcwd(), places, names]))}.json")
    known = read_json(place)
    if known and all(file_state(path) == state for path, state in known["files"].items()):
        return known["code"]
    code, files = closure.follow(names)
    write_json(place, {"files": {path: file_state(path) for path in files}, "code": code})
    return code


def file_state(path: str) -> list[int] | None:
    """Size and time of a file or folder, None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def cache_folder() -> str:
    """The user's cache, or a folder of the user's own among the temporary files where there is none."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(home, "pysed")
    try:
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    import tempfile  # as rarely as it is needed: every import costs each stage milliseconds

    folder = os.path.join(tempfile.gettempdir(), f"pysed-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


def read_json(path: str) -> dict[str, Any] | None:
    """An object, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            value = json.load(stream)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: str, value: dict[str, Any]) -> None:
    """Whole or not at all; a line a key."""
    lines = (f"{json.dumps(key)}: {json.dumps(part)}" for key, part in value.items())
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write("{" + ",\n".join(lines) + "}\n")
    os.replace(temporary, path)


def without_shell_comments(text: str) -> str:
    """A shell script's lines without comments and empty lines; a '#' in quotes or within a word stays."""
    kept, quote, previous, index = [], "", "\n", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and quote != "'":
            kept.append(text[index : index + 2])
            previous, index = "\\", index + 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and previous in " \t\n;":
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
            continue
        kept.append(char)
        previous, index = char, index + 1
    return "\n".join(line.rstrip() for line in "".join(kept).splitlines() if line.strip())


def without_c_comments(text: str) -> str:
    """C or JavaScript without comments, white space made one."""
    bare = re.sub(r'("(?:\\.|[^"\\\n])*")|/\*.*?\*/|//[^\n]*', lambda found: found[1] or " ", text, flags=re.DOTALL)
    return " ".join(bare.split())
