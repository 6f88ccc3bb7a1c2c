"""The ``pysed`` console command: one subcommand, one module, imported only when it is asked for."""

import atexit
import gc
import importlib
import os
import sys
from concurrent.futures import BrokenExecutor

from pysed.errors import DataError, missing_extra, send_whole_lines, system_fault

# A command ends at once: Python would look through all that torch has loaded for cycles, which takes half a second.
atexit.register(gc.freeze)

COMMANDS = {
    "corpus": (
        "pysed.commands.corpus",
        "a corpus from your own recordings (own, extend); mixtures and data directories",
    ),
    "fetch": ("pysed.commands.fetch", "a corpus or a recogniser's model from the network or a folder"),
    "feats": ("pysed.commands.feats", "front ends and feature archives"),
    "train": ("pysed.commands.train", "train a detector on a data directory"),
    "variants": ("pysed.commands.variants", "systems with values of their configuration changed"),
    "evaluate": ("pysed.commands.evaluate", "scores and events of a data directory"),
    "detect": ("pysed.commands.detect", "events in any audio file or folder"),
    "export": ("pysed.commands.export", "a detector as a folder that travels, or as ONNX"),
    "listen": ("pysed.commands.listen", "events of live sound, when they begin and end"),
    "tune": ("pysed.commands.tune", "a threshold for so many false alarms a day in the user's places"),
    "score": ("pysed.commands.score", "the task's metric for any system's output"),
    "results": ("pysed.commands.results", "the table of all results of a corpus"),
    "phones": ("pysed.commands.phones", "what each event class is heard as: tables and figure"),
    "report": ("pysed.commands.report", "one page that shows a whole experiment"),
    "review": ("pysed.commands.review", "a page to accept, reject and re-time detections with"),
    "kaldi": ("pysed.kaldi.__main__", "Kaldi's commands without Kaldi"),
}


def usage() -> str:
    """The list of subcommands, for ``--help``."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(["Usage: pysed COMMAND [OPTIONS]   (pysed COMMAND --help for each)", "", *lines])


def main(argv: list[str] | None = None) -> int:
    """Run ``pysed``; returns the exit code: 0 done, 1 internal failure, 2 bad use or bad data."""
    send_whole_lines()
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        from pysed import __version__

        print(f"pysed {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        print(f"pysed {argv[0]}: unknown command; one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(COMMANDS[argv[0]][0])
        code = module.main(argv[1:])
        sys.stdout.flush()
        return code
    except DataError as error:
        return _said(" ".join(str(error).splitlines()), 2)
    except ModuleNotFoundError as error:
        return _said(f"pysed {argv[0]}: {missing_extra(error)}", 2)
    except BrokenPipeError:
        return _said("standard output: closed by its reader", 1)
    except OSError as error:
        return _said(system_fault(error), 2)
    except (MemoryError, BrokenExecutor) as error:
        what = f" ({' '.join(str(error).split())})" if isinstance(error, MemoryError) and str(error) else ""
        return _said(f"pysed {argv[0]}: out of memory{what}; give it smaller inputs or fewer jobs", 1)
    except KeyboardInterrupt:
        return _said("interrupted", 130)


def _said(line: str, code: int) -> int:
    """Say why on stderr; what standard output cannot take any more must not fail again as Python ends."""
    print(line, file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


if __name__ == "__main__":
    sys.exit(main())
