"""Marks: what a finished stage was made from, and what it left.

A mark is an object: ``options``, ``inputs`` [[path, size, time, digest], ...], ``made`` (inputs that a command lists:
the files it reads, the digest of what it prints), ``code`` {file: digest}, ``version``, and ``outputs`` {path from the
mark's folder: [size, time, digest]}. Sizes and times only save reading a file again: contents decide.
"""

import json
import os
import re
import sys
from typing import Any

from pysed.errors import DataError
from pysed.freshness.code import code_of
from pysed.freshness.files import digest, file_state, read_json

MISSING = "missing"
Mark = dict[str, Any]


class Contents:
    """Digests of files; those whose size and time are as noted in a mark are not read again."""

    def __init__(self, mark: Mark | None, folder: str):
        self.noted: dict[str, list[Any]] = {}
        self.touched = False
        if mark:
            self.noted = {os.path.join(folder, path): values for path, values in mark["outputs"].items()}
            files = [*mark["inputs"], *(each for made in mark["made"] for each in made["files"])]
            self.noted.update({path: values for path, *values in files})

    def of(self, path: str) -> list[Any]:
        """[size, time, digest] of a file, of a mark what its outputs are."""
        state = file_state(path)
        if state is None or os.path.isdir(path):
            return [0, 0, MISSING]
        if os.path.basename(path).startswith(".done"):
            return [0, 0, self._of_mark(path)]
        noted = self.noted.get(path)
        if noted and noted[:2] == state:
            return noted
        self.touched = True
        return [*state, file_digest(path)]

    def _of_mark(self, path: str) -> str:
        mark = read_mark(path)
        if mark is None:  # written by hand, or by an earlier version
            return file_digest(path)
        folder = os.path.dirname(path)
        inner = Contents(mark, folder)
        outputs = ((name, inner.of(os.path.join(folder, name))[2]) for name in mark["outputs"])
        return digest(json.dumps(sorted(outputs)))


def file_digest(path: str) -> str:
    """Of a file's content."""
    import hashlib

    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]


def read_mark(path: str) -> Mark | None:
    """A mark; None where there is none, or one of an earlier version."""
    mark = read_json(path)
    return mark if mark and {"options", "inputs", "made", "code", "outputs"} <= set(mark) else None


def wanted(request: dict[str, list[str]], old: Mark | None, contents: Contents) -> Mark:
    """The mark that a request's inputs, options and code would have now, without outputs."""
    made = []
    for number, text in enumerate(request["made-by"]):
        before = old["made"][number] if old and number < len(old["made"]) else None
        made.append(_made(text, before, contents))
    mark: Mark = {
        "options": request["options"],
        "inputs": [[path, *contents.of(path)] for given in request["inputs"] for path in [given, *_audio(given)]],
        "made": made,
        "code": code_of(request["code"]),
    }
    if request["version"]:
        mark["version"] = digest(json.dumps(code_of(request["version"]), sort_keys=True))
    return mark


def _audio(path: str) -> list[str]:
    """The audio files of a data directory whose mark was written by hand: that mark does not speak for them."""
    if os.path.basename(path) != ".done" or not os.path.isfile(path) or read_mark(path):
        return []
    try:
        with open(os.path.join(os.path.dirname(path), "wav.scp"), encoding="utf-8", errors="surrogateescape") as stream:
            places = [line.rstrip("\n").partition(" ")[2].strip() for line in stream]
    except OSError:
        return []
    return [place for place in places if not place.endswith("|")]


def _made(text: str, before: dict[str, Any] | None, contents: Contents) -> dict[str, Any]:
    """Inputs that a command names. text: words of the command, then '<' and the files that it reads, one a line."""
    command, _, listed = text.partition("\n<\n")
    sources = [path for path in listed.split("\n") if path]
    if before and before["command"] == command:
        noted = [(path, content) for path, _, _, content in before["files"][: before["sources"]]]
        if noted == [(path, contents.of(path)[2]) for path in sources]:
            return {**before, "files": [[path, *contents.of(path)] for path, *_ in before["files"]]}
    import subprocess

    done = subprocess.run(command.split("\n"), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(2 if done.returncode == 2 else 1)
    lines = done.stdout.splitlines()
    named = sources + [line.removeprefix("file\t") for line in lines if line.startswith("file\t")]
    print_out = "\n".join(line for line in lines if not line.startswith("file\t"))
    return {
        "command": command,
        "sources": len(sources),
        "files": [[path, *contents.of(path)] for path in named],
        "digest": digest(print_out),
    }


def identity(mark: Mark) -> tuple[Any, ...]:
    """What must be the same for a result to stand, its code aside: contents, not places."""
    made = [(each["digest"], [file[3] for file in each["files"][each["sources"] :]]) for each in mark["made"]]
    return mark["options"], [each[3] for each in mark["inputs"]], made


def key(mark: Mark) -> str:
    """One word for all that goes in, code included: what an unfinished run made under it can be used."""
    return digest(json.dumps([identity(mark), mark["code"]], sort_keys=True))


def what_changed(old: Mark, new: Mark) -> str:
    """The first difference of inputs or options, in words; "" where there is none."""
    if identity(old) == identity(new):
        return ""
    if old["options"] != new["options"]:
        return f"other options ({' '.join(old['options']).strip() or 'none'} before)"
    pairs = [*zip(old["inputs"], new["inputs"], strict=False)]
    for one, other in zip(old["made"], new["made"], strict=False):
        pairs += zip(one["files"], other["files"], strict=False)
    for before, after in pairs:
        if before[3] != after[3]:
            return f"{after[0]}: changed"
    if [each["digest"] for each in old["made"]] != [each["digest"] for each in new["made"]]:
        return "other settings"
    return "other inputs"


def broken_output(mark: Mark, folder: str, contents: Contents) -> str:
    """An output that is missing or not as it was written, in words; "" where all are whole."""
    for name, (size, _, noted) in mark["outputs"].items():
        path = os.path.join(folder, name)
        state = file_state(path)
        if state is None:
            return f"{path}: missing"
        if state[0] != size or contents.of(path)[2] != noted:
            return f"{path}: not as it was written"
    return ""


def other_code(old: Mark, new: Mark) -> list[str]:
    """The files whose code is another than the one that made a result."""
    names = sorted(set(old["code"]) | set(new["code"]))
    return [name for name in names if old["code"].get(name) != new["code"].get(name)]


def outputs_of(paths: list[str], folder: str) -> dict[str, list[Any]]:
    """What is noted of outputs, a folder's files that are not hidden; DataError where one is missing."""
    contents = Contents(None, folder)
    found = {}
    for place in [path for path in paths if os.path.isdir(path)]:
        for inner, _, names in os.walk(place):
            paths = [*paths, *(os.path.join(inner, name) for name in sorted(names) if name[0] != ".")]
    for path in paths:
        if os.path.isdir(path):
            continue
        values = contents.of(path)
        if values[2] == MISSING:
            raise DataError(f"{path}: missing after the stage that writes it; see its logs, or run it again")
        found[os.path.relpath(path, folder or ".")] = values
    return found


def clear_left(folder: str, pattern: str = r"\..+") -> None:
    """Remove temporaries (``.NAME.PID.tmp``) of processes that are gone from a folder."""
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return
    for name in names:
        found = re.fullmatch(rf"{pattern}\.(\d+)\.tmp", name, flags=re.DOTALL)
        path = os.path.join(folder, name)
        if found and not _may_be_written(path, int(found[1])):
            if os.path.isdir(path) and not os.path.islink(path):
                import shutil

                shutil.rmtree(path, ignore_errors=True)
            else:
                try:
                    os.unlink(path)
                except OSError:
                    continue


def clear_left_beside(path: str | os.PathLike) -> None:
    """clear_left() of what was to get the name ``path``."""
    folder, name = os.path.split(path)
    clear_left(folder, rf"\.{re.escape(name)}")


def _may_be_written(path: str, pid: int) -> bool:
    """Does a process of that number run that is not younger than the file (numbers are used again)?

    The clock on the wall may be set, or jump in a machine that was paused, so a day more is allowed.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            started = int(stream.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        with open("/proc/uptime", encoding="utf-8") as stream:
            uptime = float(stream.read().split()[0])
        import time

        return time.time() - os.lstat(path).st_mtime < uptime - started + 86400
    except (OSError, ValueError, IndexError):
        return os.path.exists(f"/proc/{pid}")
