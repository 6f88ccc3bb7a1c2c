"""What Kaldi's commands say on stderr: ``LOG (command): …``, ``WARNING (command): …``."""

import sys

_program = "pysed"
_verbose = 0


def set_program(name: str, verbose: int = 0) -> None:
    """Name the running command (and its ``--verbose`` level) for the messages that follow."""
    global _program, _verbose
    _program, _verbose = name, verbose


def log(message: str) -> None:
    """One line of progress."""
    print(f"LOG ({_program}): {message}", file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """One line about something skipped or doubtful."""
    print(f"WARNING ({_program}): {message}", file=sys.stderr, flush=True)


def verbose_log(level: int, message: str) -> None:
    """One line shown from ``--verbose=level`` on."""
    if _verbose >= level:
        print(f"VLOG[{level}] ({_program}): {message}", file=sys.stderr, flush=True)
