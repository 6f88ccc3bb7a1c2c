"""Where the events of live sound go: lines of JSON for whoever takes them."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import IO

from pysed.detect.formats import clock_time
from pysed.detect.live import Change
from pysed.errors import DataError, warn_once

Sink = Callable[[str, str], None]  # takes the kind of change and the line


class Teller:
    """Hands a line of JSON for each change to every sink.

    ``cool_down_s``: nothing is said of events that begin so soon after the one before; ``start``: the clock's time at
    the first sample, None for when the first sound is there. ``live``: without a start there are no times of the clock
    where this is false.
    """

    def __init__(
        self, sinks: Sequence[Sink], cool_down_s: float = 0.0, start: datetime | None = None, live: bool = True
    ):
        self._sinks, self._cool_down_s, self._start, self._live = sinks, cool_down_s, start, live
        self._quiet_until_s = float("-inf")
        self._silenced: set[float] = set()

    def tell(self, changes: Iterable[Change]) -> None:
        """Tell of what has happened."""
        if self._live:
            self._start = self._start or datetime.now()
        for change in changes:
            event = change.event
            if change.kind == "begin" and event.onset_s < self._quiet_until_s:
                self._silenced.add(event.onset_s)
            if event.onset_s in self._silenced:
                if change.kind == "end":
                    self._silenced.discard(event.onset_s)
                continue
            fields = {"change": change.kind, "label": event.label, "score": event.score, "onset_s": event.onset_s}
            fields |= self._clock("onset_time", event.onset_s)
            if change.kind == "end":
                fields |= {"offset_s": event.offset_s, **self._clock("offset_time", event.offset_s)}
            else:
                self._quiet_until_s = event.onset_s + self._cool_down_s
            line = json.dumps(fields, ensure_ascii=False)
            for sink in self._sinks:
                sink(change.kind, line)

    def _clock(self, name: str, seconds: float) -> dict[str, str]:
        return {} if self._start is None else {name: clock_time(self._start, seconds)}


def to_stream(stream: IO[str]) -> Sink:
    """Each line at once to a file or standard output."""
    return lambda kind, line: print(line, file=stream, flush=True)


class Program:
    """A sink: a program that is started, without a shell, for each event that begins; its last argument is the line.

    Raises DataError for a command without words, and for a program that is not there.
    """

    def __init__(self, command: str):
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise DataError(f"--run {command}: {error}; expected a program and its arguments") from None
        if not self._command:
            raise DataError("--run: empty; expected a program and its arguments")
        if shutil.which(self._command[0]) is None:
            raise DataError(f"--run {self._command[0]}: no such program that can be started; expected its name or path")
        self._running: list[subprocess.Popen] = []

    def __call__(self, kind: str, line: str) -> None:
        self._running = [each for each in self._running if each.poll() is None]
        if kind != "begin":
            return
        try:
            self._running.append(subprocess.Popen([*self._command, line], stdin=subprocess.DEVNULL, stdout=sys.stderr))
        except OSError as error:
            warn_once(f"--run {self._command[0]}: {error.strerror}; expected a program")
