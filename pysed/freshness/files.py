"""States, digests and small JSON files: what marks are made of. Standard library only."""

import hashlib
import json
import os
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def digest(text: str | bytes) -> str:
    """The form in which contents are kept in marks."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:32]


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
