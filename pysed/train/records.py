"""What a run leaves to be read: train.log, metrics.csv, TensorBoard's event file, a progress bar."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pysed.atomic import atomic_open, naming
from pysed.train import event_file

EVENT_FILE = "events.out.tfevents.0.pysed"


class Records:
    """The files of one run in its folder; ``history`` is what a cut-off run has already done, one row an epoch.

    With ``quiet`` nothing is written or printed: of several processes one does it. ``whole``: the folder of a training
    in folds that this is a part of; its log gets the lines too. Without ``events`` there is the log alone.
    """

    def __init__(
        self,
        out: Path,
        history: list[dict[str, Any]],
        quiet: bool = False,
        whole: Path | None = None,
        events: bool = True,
    ):
        self.out, self.quiet = out, quiet
        self.logs = [folder / "train.log" for folder in (out, whole) if folder is not None]
        if quiet:
            return
        if not history:
            (out / "train.log").write_text("")
        if events:
            event_file.begin(out / EVENT_FILE)
            for row in history:
                self._add_events(row)

    def say(self, line: str) -> None:
        """One line to the log file and to standard output."""
        if not self.quiet:
            print(line, flush=True)
            for path in self.logs:
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
    """The steps, behind a progress bar when standard error is a terminal."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(steps)
    return iter(tqdm(steps, desc=title, leave=False, disable=True if quiet else None, unit="batch"))
