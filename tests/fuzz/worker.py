"""``worker.py FOLDER SEED COUNT [READER]``: damaged files for every reader, in a process of bounded memory and time.

Prints a line of JSON for each failure (anything but a value, or a DataError of one line that names the file), and at
the end one with counts. ``FOLDER/case`` says what is being read, for the case that the process ends or hangs.
"""

import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

from formats import format_readers
from lists import text_readers
from model_files import model_readers
from reader import Reader

from pysed.errors import DataError

SECONDS = 20  # for one file
MEMORY = 2 << 30  # beyond what the process has with everything loaded
LONGEST = 2000  # characters of a message


class Hang(BaseException):
    """A reader takes too long."""


def _hang(*_: object) -> None:
    raise Hang


def fault_of(reader: Reader, folder: Path, name: str, content: bytes) -> str | None:
    """What went wrong with a damaged file, in a line; None where it was read or refused properly."""
    path = folder / name
    path.write_bytes(content)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        reader.read(folder)
        return None
    except DataError as error:
        message = str(error)
        places = (str(folder), path.name, *reader.places)
        if "\n" in message or len(message) > LONGEST or not any(place in message for place in places):
            return f"message: {message[:300]!r}"
        return None
    except (Exception, Hang) as error:
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if "/pysed/" in frame.filename] or frames
        place = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}"
        return f"{type(error).__name__} at {place}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(folder: Path, seed: str, count: int, readers: list[Reader]) -> dict[str, int]:
    """Fuzz each reader with its share of ``count`` cases; returns how many there were and how many failed."""
    marker = os.open(folder / "case", os.O_WRONLY | os.O_CREAT)
    cases = failures = 0
    for reader in readers:
        place = folder / "files"
        shutil.rmtree(place, ignore_errors=True)
        for name, content in reader.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        began = time.monotonic()
        reader.read(place)  # the good files
        for number in range(-(-count // len(readers))):
            case = f"{reader.name}:{seed}:{number}"
            os.pwrite(marker, f"{case:100}".encode(), 0)
            if number % 50 == 0:
                faulthandler.dump_traceback_later(50 * SECONDS, exit=True, file=sys.__stderr__)
            rng = random.Random(case)
            name, content = reader.case(rng)
            fault = fault_of(reader, place, name, content)
            (place / name).write_bytes(reader.files[name])
            cases += 1
            if fault:
                failures += 1
                print(json.dumps({"case": case, "file": name, "fault": fault}), flush=True)
        faulthandler.cancel_dump_traceback_later()
        if os.environ.get("FUZZ_TIMES"):
            print(f"{reader.name}: {time.monotonic() - began:.2f} s", file=sys.__stderr__)
    return {"cases": cases, "failures": failures, "readers": len(readers)}


def main(argv: list[str]) -> int:
    """Run the command."""
    folder, seed, count = Path(argv[0]), argv[1], int(argv[2])
    readers = [*text_readers(), *model_readers(folder), *format_readers(folder)]
    readers = [reader for reader in readers if not argv[3:] or reader.name in argv[3:]]
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _hang)
    stderr = os.dup(2)
    faulthandler.enable(file=os.fdopen(os.dup(2), "w"))
    with open(os.devnull, "w") as silent:  # decoders and warnings speak of damage, as they should
        os.dup2(silent.fileno(), 2)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        print(json.dumps(run(folder, seed, count, readers)))
    finally:
        os.dup2(stderr, 2)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
