"""What a run leaves to be read: train.log, metrics.csv, TensorBoard's event file, a progress bar."""

import csv
import io
import multiprocessing
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pysed.atomic import atomic_open, naming
from pysed.train import event_file

EVENT_FILE = "events.out.tfevents.0.pysed"


def print_line(line: str) -> None:
    """To standard output, at once."""
    print(line, flush=True)


class Records:
    """The files of one run in its folder; ``history`` is what a cut-off run has already done, one row an epoch.

    With ``quiet`` nothing is written or printed: of several processes one does it. ``tell`` is given each line of the
    log. Without ``events`` there is the log alone.
    """

    def __init__(
        self,
        out: Path,
        history: list[dict[str, Any]],
        quiet: bool = False,
        tell: Callable[[str], None] = print_line,
        events: bool = True,
    ):
        self.out, self.quiet, self.tell = out, quiet, tell
        if quiet:
            return
        if not history:
            (out / "train.log").write_text("")
        if events:
            event_file.begin(out / EVENT_FILE)
            for row in history:
                self._add_events(row)

    def say(self, line: str) -> None:
        """One line to the log file, and to whoever is told of it."""
        if not self.quiet:
            self.tell(line)
            path = self.out / "train.log"
            with naming(path), open(path, "a", encoding="utf-8") as log:
                print(line, file=log)

    def end_of_epoch(self, history: list[dict[str, Any]]) -> None:
        """Report the last row; write the whole table anew, so that it is never half a row long."""
        if self.quiet:
            return
        self.say(" ".join(f"{key} {value:.4g}" for key, value in history[-1].items() if value is not None))
        self._add_events(history[-1])
        text = io.StringIO()
        writer = csv.DictWriter(text, list(history[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        with atomic_open(self.out / "metrics.csv") as stream:
            stream.write(text.getvalue())

    def _add_events(self, row: dict[str, Any]) -> None:
        scalars = {key: value for key, value in row.items() if key != "epoch" and value is not None}
        event_file.append(self.out / EVENT_FILE, row["epoch"], scalars)


def progress(steps: range, title: str, quiet: bool = False) -> Iterator[int]:
    """The steps, behind a progress bar when standard error is a terminal and no other process shows one."""
    if quiet or multiprocessing.parent_process() is not None:
        return iter(steps)
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(steps)
    return iter(tqdm(steps, desc=title, leave=False, disable=None, unit="batch"))


class EpochBar:
    """A terminal's one line on trainings side by side: the epochs that all of them have done, by what they say."""

    def __init__(self, num_trainings: int, num_epochs: int):
        self.epochs = [0] * num_trainings
        try:
            from tqdm import tqdm
        except ImportError:
            self.bar = None
            return
        self.bar = tqdm(total=num_trainings * num_epochs, desc="all folds", leave=False, disable=None, unit="epoch")

    def __enter__(self) -> "EpochBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    @contextmanager
    def aside(self, number: int, line: str) -> Iterator[None]:
        """Out of the way within the block, while a line of the training of that number is printed."""
        if self.bar is None:
            yield
            return
        self.bar.clear()
        if found := re.match(r"(?:going on after )?epoch (\d+)", line):
            self.epochs[number] = int(found[1])
            self.bar.n = sum(self.epochs)
        yield
        self.bar.refresh()
