"""Detection in many files: by several processes, one result after the other, in an order that does not depend on them.

A journal beside the output holds a line for every file that is done. A run that was killed goes on from it: no file is
analysed twice or left out, and the output is that of an undisturbed run, byte for byte. A file that cannot be read
costs no more than itself.
"""

import hashlib
import json
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pysed import __version__, parallel
from pysed.audio import refuse_damage
from pysed.detect.clips import write_clips
from pysed.detect.decide import Decision, Detection
from pysed.detect.detector import Analysis, analyse_file, load_detectors
from pysed.detect.journal import Journal, Result, file_state
from pysed.detector.checkpoint import checkpoint_of
from pysed.errors import DataError

_AHEAD = 4  # files to a process that wait for their turn
_CRASHED = "the program ended while reading it (a crash, or out of memory)"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Work:
    """What is to be done with every file; all that decides what is found."""

    models: tuple[str, ...]
    decision: Decision
    channels: int | str = "mix"
    device: str = "cpu"
    strict: bool = False
    plot: str | None = None
    clips: str | None = None
    clip_margin_s: float = 1.0

    def key(self) -> str:
        """The same for runs that find the same: a journal of another key is of no use."""
        told = [json.dumps(asdict(self), sort_keys=True), __version__]
        for model in self.models:
            path = checkpoint_of(model)
            told.append(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


class Analyser:
    """The models, loaded once in a process, and what they find in one file after the other."""

    def __init__(self, work: Work):
        refuse_damage(work.strict)
        self.work = work
        self.detectors = load_detectors(work.models, work.device)

    def analyse(self, name: str, path: Path) -> Result:
        """What is found in a file; a fault is noted, not raised, and what was found before it is kept."""
        found = Result(name, file_state(path))
        try:
            analysed = analyse_file(path, self.detectors, self.work.decision, self.work.channels, bool(self.work.plot))
            found = self.result(name, found.state, analysed)
            self.show(name, analysed)
            if self.work.clips:
                write_clips(Path(self.work.clips), name, path, self._events(analysed), self.work.clip_margin_s)
        except DataError as error:
            return replace(found, fault=_one_line(error))
        except OSError as error:
            return replace(found, fault=_one_line(f"{path}: {error.strerror or error}"))
        except MemoryError:
            return replace(found, fault=f"{path}: out of memory")
        except Exception as error:  # whatever a file can do to the libraries that read it must not stop the others
            return replace(found, fault=_one_line(f"{path}: internal failure ({type(error).__name__}: {error})"))
        return found

    def result(self, name: str, state: str, analysed: list[Analysis]) -> Result:
        """What is kept of a file: the events of all channels."""
        return Result(name, state, analysed[0].duration_s, tuple(map(tuple, self._events(analysed))))

    def _events(self, analysed: list[Analysis]) -> list[list[Detection]]:
        """The events of all channels, by model, in order of time."""
        return [
            sorted((event for each in analysed for event in each.events[place]), key=lambda event: event.onset_s)
            for place in range(len(self.detectors))
        ]

    def show(self, name: str, analysed: list[Analysis]) -> None:
        """What else is to be done with what was found; features are there if the work says plot."""


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


_analyser: Analyser | None = None


def _start(kind: type[Analyser], work: Work) -> None:
    global _analyser
    parallel.end_with_parent()  # whose death leaves nobody to work for
    torch.set_num_threads(1)
    _analyser = kind(work)


def _analyse(name: str, path: Path) -> Result:
    assert _analyser is not None
    return _analyser.analyse(name, path)


def results(recordings: Mapping[str, Path], analyser: Analyser, jobs: int = 1) -> Iterator[Result]:
    """Each file's result, in the order of ``recordings``, by ``jobs`` processes, which load the models themselves."""
    if jobs <= 1:
        for name, path in recordings.items():
            yield analyser.analyse(name, path)
        return
    waiting = deque(recordings.items())
    while waiting:
        suspects: list[tuple[str, Path]] = []
        with _pool(analyser, jobs) as pool:
            flying: deque[tuple[str, Path, Future]] = deque()
            while (waiting or flying) and not suspects:
                try:
                    while waiting and len(flying) < _AHEAD * jobs:
                        flying.append((*waiting[0], pool.submit(_analyse, *waiting[0])))
                        waiting.popleft()
                    found = flying[0][2].result()
                except BrokenProcessPool:
                    suspects = [(name, path) for name, path, _ in flying] or [waiting.popleft()]
                else:
                    flying.popleft()
                    yield found
        yield from _one_by_one(deque(suspects), analyser)


def _one_by_one(waiting: deque[tuple[str, Path]], analyser: Analyser) -> Iterator[Result]:
    """Files of which one ended its process: the one at hand when it happens again is at fault."""
    while waiting:
        with _pool(analyser, 1) as pool, suppress(BrokenProcessPool):
            while waiting:
                name, path = waiting[0]
                found = pool.submit(_analyse, name, path).result()
                waiting.popleft()
                yield found
        if waiting:
            name, path = waiting.popleft()
            yield Result(name, file_state(path), fault=f"{path}: {_CRASHED}")


@contextmanager
def _pool(analyser: Analyser, jobs: int) -> Iterator[ProcessPoolExecutor]:
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start, (type(analyser), analyser.work))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def all_results(
    recordings: Mapping[str, Path], analyser: Analyser, jobs: int, journal: Journal | None
) -> Iterator[Result]:
    """results(), those in a journal not repeated, and each noted there before it is given out."""
    taken = (
        {}
        if journal is None
        else {name: found for name, path in recordings.items() if (found := journal.take(name, path))}
    )
    left = {name: path for name, path in recordings.items() if name not in taken}
    fresh = results(left, analyser, jobs) if left else iter(())
    for name in recordings:
        if name in taken:
            yield taken.pop(name)
            continue
        result = next(fresh)
        if journal is not None:
            journal.add(result)
        yield result


class Progress:
    """How far it is, how fast, and how long it will take, on one line of a terminal."""

    def __init__(self, total: int, say: Callable[[str], None] | None):
        self._total, self._say = total, say
        self._count, self.audio_s = 0, 0.0
        self._started = self._said = time.monotonic()

    def add(self, result: Result) -> None:
        """Count a file."""
        self._count += 1
        self.audio_s += result.duration_s
        now = time.monotonic()
        if self._say and (now - self._said >= 0.2 or self._count == self._total):
            self._said = now
            left_s = (now - self._started) / self._count * (self._total - self._count)
            self._say(f"{self._count}/{self._total} files, {self.rate()}, {left_s / 60:.0f} min left")

    def rate(self) -> str:
        """Hours of sound so far and in a minute."""
        minutes = max(time.monotonic() - self._started, 1e-9) / 60
        hours = self.audio_s / 3600
        return f"{hours:.1f} h of sound, {hours / minutes:.2f} h a minute"
