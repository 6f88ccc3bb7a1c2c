"""``python -m pysed.kaldi <command> …``: run one of the Kaldi commands.

Exit codes are Kaldi's: 0 done, 1 wrong usage or nothing produced, 255 for an error (said in one
line on stderr). Only the module of the command asked for is imported.
"""

import atexit
import gc
import importlib
import os
import pkgutil
import sys

from pysed.errors import DataError, missing_extra, send_whole_lines, system_fault
from pysed.kaldi.messages import set_program

atexit.register(gc.freeze)  # for the reason given in pysed/cli.py

_ERROR = 255
# Their matrices are small: the threads of a matrix library would spend their time waiting for each other.
_ONE_THREAD = ("compute-fbank-feats", "compute-mfcc-feats", "copy-feats", "feat-to-dim", "feat-to-len")


def command_names() -> list[str]:
    """The commands there are, by Kaldi's names."""
    from pysed.kaldi import commands

    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(commands.__path__) if m.name[0] != "_")


def main(argv: list[str] | None = None) -> int:
    """Dispatch ``argv`` (command first); returns the exit code."""
    send_whole_lines()
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("--help", "-h"):
        print("Usage: pysed kaldi COMMAND [OPTIONS] ARGUMENTS   (COMMAND --help for each)\n", file=sys.stderr)
        print("\n".join(command_names()))
        return 0
    name = argv[0]
    if name not in command_names():
        print(
            f"ERROR (pysed.kaldi): unknown command {name!r}; the commands are {' '.join(command_names())}",
            file=sys.stderr,
        )
        return 2
    set_program(name)
    if name in _ONE_THREAD:
        for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
    try:
        module = importlib.import_module(f"pysed.kaldi.commands.{name.replace('-', '_')}")
        code = module.main(argv[1:])
        sys.stdout.flush()
        return code or 0
    except BrokenPipeError:
        # Nobody reads on: point stdout elsewhere so that the interpreter's own flush stays silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"ERROR ({name}): standard output: closed by its reader", file=sys.stderr)
    except DataError as error:
        print(f"ERROR ({name}): {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"ERROR ({name}): {missing_extra(error)}", file=sys.stderr)
    except OSError as error:
        print(f"ERROR ({name}): {system_fault(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"ERROR ({name}): interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print(f"ERROR ({name}): out of memory; give it smaller inputs", file=sys.stderr)
    return _ERROR


if __name__ == "__main__":
    sys.exit(main())
