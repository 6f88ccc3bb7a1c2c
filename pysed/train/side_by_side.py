"""Trainings side by side, each in a process of its own, which finds the clips in the memory that it shares."""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from pysed import parallel
from pysed.errors import DataError

#: One of several pieces of work: its number, and what it tells lines to -> its result.
Work = Callable[[int, Callable[[str], None]], Any]


def side_by_side(work: Work, count: int, at_once: int, hear: Callable[[int, str], None]) -> list[Any]:
    """Results of ``work`` of the numbers from 0 to ``count``, begun in this order, ``at_once`` at a time.

    ``hear`` is given every line that is told, with its number, here in the parent, one after another. The first failure
    ends all of them and is raised; a process that the system ended raises MemoryError. All end with this process,
    however that ends.
    """
    share = torch.get_num_threads() // at_once
    threads = torch.get_num_threads() if os.environ.get("OMP_NUM_THREADS") else max(1, share)
    waiting = deque(range(count))
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    results: dict[int, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number = waiting.popleft()
                receiver, process = _begin(work, number, threads)
                running[receiver] = number, process
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                number, process = running[ready]
                kind, value = _received(ready, process, number)
                if kind == "line":
                    hear(number, value)
                elif kind == "fault":
                    raise value
                else:
                    results[number] = value
                    del running[ready]
                    process.join()
    finally:
        for _, process in running.values():
            process.kill()  # no more than a cut-off run
        for _, process in running.values():
            process.join()
    return [results[number] for number in range(count)]


def _begin(work: Work, number: int, threads: int) -> tuple[Connection, BaseProcess]:
    """A process at work, and where its messages come from.

    It is a fork: the arrays are there without a copy. So no torch thread may be at work here, which side by side none
    is.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, number, threads, sender), daemon=True)
    with _interrupts_held():
        process.start()
    sender.close()
    return receiver, process


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C is the parent's to answer: processes begun within the block never get it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(work: Work, number: int, threads: int, sender: Connection) -> None:
    parallel.end_with_parent()
    torch.set_num_threads(threads)
    try:
        result = work(number, lambda line: sender.send(("line", line)))
    except Exception as error:
        sender.send(("fault", _portable(error)))
    else:
        sender.send(("result", result))


def _portable(error: Exception) -> Exception:
    """The error, a fault of ours with its traceback as a note; where it cannot be sent, an error of that text."""
    if not isinstance(error, (DataError, MemoryError, OSError)):
        error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(traceback.format_exc())
    return error


def _received(connection: Connection, process: BaseProcess, number: int) -> tuple[str, Any]:
    try:
        return connection.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        raise MemoryError(
            f"fold {number + 1} was ended by signal {-code}" if code < 0 else f"fold {number + 1}"
        ) from None
