"""What a run leaves to be read: train.log, metrics.csv, TensorBoard's event file, a progress bar."""

import csv
import io
import multiprocessing
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pysed.atomic import atomic_open, naming
from pysed.train import event_file

EVENT_FILE = "events.out.tfevents.0.pysed"
_OF_FOLDS = ("config.yaml", "checkpoint.pt", "final.pt")  # what tells a fold's folder from another of such a name
_OF_SCORES = (  # beside score_<subset>.json
    "scores_{}.ark", "scores_{}.scp", "onsets_{}.ark", "onsets_{}.scp", "events_{}.tsv", "counts_{}.tsv",
    "cost_{}.json",
)  # fmt: skip


def print_line(line: str) -> None:
    """To standard output, at once."""
    print(line, flush=True)


class Records:
    """The files of one run in its folder, of which it says what is in ``config.yaml``.

    What an earlier run left there stays until begin(), when this one has a state to go on from. With ``quiet`` nothing
    is written or printed: of several processes one does it. ``tell`` is given each line of the log. Of a run in
    ``folds``, which have folders of their own, there is the log alone.
    """

    def __init__(
        self,
        out: Path,
        config: dict[str, Any],
        quiet: bool = False,
        tell: Callable[[str], None] = print_line,
        folds: Sequence[Path] = (),
    ):
        self.out, self.config, self.quiet, self.tell, self.folds = out, config, quiet, tell, folds
        self.held: list[str] | None = []  # lines, until begin()

    def begin(self, history: Sequence[dict[str, Any]] = (), resumed: bool = False) -> None:
        """From here on the folder's files are this run's; ``history``: what it has done, one row an epoch."""
        if self.quiet or self.held is None:
            return
        held, self.held = self.held, None
        remove_earlier(self.out, self.folds)
        with atomic_open(self.out / "config.yaml") as stream:
            yaml.safe_dump(self.config, stream, sort_keys=False)
        if not resumed:
            (self.out / "train.log").write_text("")
        for line in held:
            self._log(line)
        if not self.folds:
            event_file.begin(self.out / EVENT_FILE)
            for row in history:
                self._add_events(row)
        if history:
            self._write_table(history)

    def say(self, line: str) -> None:
        """One line to the log file, and to whoever is told of it."""
        if self.quiet:
            return
        self.tell(line)
        if self.held is None:
            self._log(line)
        else:
            self.held.append(line)

    def _log(self, line: str) -> None:
        path = self.out / "train.log"
        with naming(path), open(path, "a", encoding="utf-8") as log:
            print(line, file=log)

    def end_of_epoch(self, history: Sequence[dict[str, Any]]) -> None:
        """Report the last row; write the whole table anew, so that it is never half a row long."""
        if self.quiet:
            return
        self.say(" ".join(f"{key} {value:.4g}" for key, value in history[-1].items() if value is not None))
        self._add_events(history[-1])
        self._write_table(history)

    def _write_table(self, history: Sequence[dict[str, Any]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(history[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        with atomic_open(self.out / "metrics.csv") as stream:
            stream.write(text.getvalue())

    def _add_events(self, row: dict[str, Any]) -> None:
        scalars = {key: value for key, value in row.items() if key != "epoch" and value is not None}
        event_file.append(self.out / EVENT_FILE, row["epoch"], scalars)


def remove_earlier(out: Path, folds: Sequence[Path]) -> None:
    """Remove an earlier run's model, its state, the folders of its folds, and what stage 6 made of it.

    ``folds``: the folders of this run's folds, which stay; where it has none, ``checkpoint.pt`` is its own and stays.
    """
    for name in ("final.pt", "metrics.csv", EVENT_FILE, *["checkpoint.pt"] * bool(folds)):
        (out / name).unlink(missing_ok=True)
    for other in set(out.glob("fold[0-9]*")) - set(folds):
        if re.fullmatch(r"fold\d+", other.name) and any((other / name).is_file() for name in _OF_FOLDS):
            shutil.rmtree(other)
    for score in out.glob("score_*.json"):
        for name in _OF_SCORES:
            (out / name.format(score.stem.removeprefix("score_"))).unlink(missing_ok=True)
        score.unlink()


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
