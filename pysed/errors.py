"""The one error type for what the user can mend, and warnings of what is read all the same."""

import io
import os
import sys

_said: set[str] = set()


LONGEST = 1200  # characters of a message

DISTRIBUTION = "rare-sed"  # the name to install the package by
#: Packages that detection does without, by what is imported: the extra of pyproject.toml that brings them.
EXTRAS = {
    "dcase_util": "score",
    "sed_eval": "score",
    "kaldi_decoder": "phones",
    "kaldifst": "phones",
    "matplotlib": "plot",
    "paho": "live",
    "sounddevice": "live",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "nbclient": "notebook",
    "nbformat": "notebook",
}


class DataError(ValueError):
    """Bad use or bad data: the message names place, value, expectation and remedy on one line.

    Commands print it to stderr without a traceback and exit 2. What it quotes may come from outside: it is put on one
    line and, where it is long, shortened in the middle.
    """

    def __str__(self) -> str:
        text = " ".join(super().__str__().splitlines())
        return text if len(text) <= LONGEST else f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 :]}"


def send_whole_lines() -> None:
    """Let a process send each line to stderr at once, with PYTHONUNBUFFERED, too: lines of several do not mix.

    What it writes to stdout is UTF-8 as in its files, whatever the locale.
    """
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(line_buffering=True, write_through=False)


def warn_once(message: str) -> None:
    """One line on stderr, which a process does not repeat."""
    if message not in _said:
        _said.add(message)
        print(f"WARNING: {' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def system_fault(error: OSError) -> str:
    """What the system refused, in one line: the file and why; without a name it was standard input or output."""
    place = error.filename2 or error.filename or "standard input or output"
    return f"{place if isinstance(place, str) else os.fsdecode(place)}: {error.strerror or error}".replace("\n", " ")


def missing_extra(error: ModuleNotFoundError) -> str:
    """What to install where a package of an extra is missing, in one line; any other missing module is a fault of ours
    and is raised again."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    return f"the Python package {package} is needed and not installed: pip install '{DISTRIBUTION}[{EXTRAS[package]}]'"
