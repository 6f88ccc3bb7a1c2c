"""What a run shows of itself: reads its scripts' messages from standard input, prints a line for each stage.

Beside the messages of ``log`` (utils/log.sh), a line each, run.sh says how much work a stage is and how much is done:
``@work AMOUNT`` and ``@did AMOUNT``. Printed are: a line for each stage, with what came of it; one for each training
that has ended; and, once for all that they hold for, notes such as that a part was made by other code. On a terminal,
what is going on stands below and is painted anew: a bar with the time left, and the epochs of each training, which are
read from its metrics.csv. All of this ends with the input, so that a run that is killed leaves nothing behind.
"""

import csv
import os
import re
import select
import sys
import time
from collections import Counter
from pathlib import Path

MESSAGE = re.compile(r"(\d\d:\d\d:\d\d) (.*)", re.DOTALL)
STAGE = re.compile(r"stage (\d+): ")
ITEM = re.compile(r"  (\S.*?): (.*)", re.DOTALL)
TRAINS = "training"
WAIT_S = 5.0  # after which a stage's line stands, though it has not ended
REPAINT_S = 0.5
BAR = 24


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def epochs_done(folder: Path) -> tuple[int, str]:
    """How many epochs a training has done, and how the last one went; (0, "") where metrics.csv has no row yet."""
    try:
        with open(folder / "metrics.csv", encoding="utf-8") as stream:
            last = list(csv.DictReader(stream))[-1]
        figures = f"loss {float(last['loss']):.3f}, validation F {100 * float(last['average_f'] or 'nan'):.1f} %"
        return int(last["epoch"]), figures
    except (OSError, LookupError, ValueError):
        return 0, ""


class Training:
    """A training that runs: its share that is done, and a line on it."""

    def __init__(self, folder: str):
        self.folder = Path(folder)
        self.before = sum(epoch for epoch, _ in map(epochs_done, self._parts()))  # by a run that was interrupted

    def _parts(self) -> list[Path]:
        """The folders of its folds, if it has any; else its own."""
        folds = self.folder.glob("fold[0-9]*")
        return sorted(folds, key=lambda path: int(path.name[4:])) or [self.folder]

    def look(self) -> tuple[float, str]:
        """(share from 0 to 1 since this run began it, line): of several folds those that are trained side by side."""
        try:
            config = (self.folder / "config.yaml").read_text(encoding="utf-8")
        except OSError:
            config = ""
        epochs, folds = (re.search(rf"^{key}: (\d+)", config, re.MULTILINE) for key in ("epochs", "folds"))
        total = int(epochs[1]) if epochs else 0
        parts = self._parts()
        done = [epochs_done(part) for part in parts]
        going = [index for index, part in enumerate(parts) if not (part / "final.pt").exists()] or [len(parts) - 1]
        name, figures = str(self.folder), next((done[index][1] for index in going if done[index][1]), "")
        if parts != [self.folder]:
            name += f" fold {', '.join(parts[index].name[4:] for index in going)}"
        work = total * max(int(folds[1]) if folds else 1, len(parts)) - self.before
        share = min(max(sum(epoch for epoch, _ in done) - self.before, 0) / work, 1.0) if total and work > 0 else 0.0
        line = f"{name}: epoch {', '.join(str(done[index][0]) for index in going)} of {total or '?'}"
        return share, line + (f", {figures}" if figures else "")


class Stage:
    """One stage of the run and what came of it so far."""

    def __init__(self, when: str, title: str):
        self.head = f"{when} {title}"
        self.started = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.notes: dict[str, list[str]] = {}  # message -> what it holds for
        self.work = self.done = self.skipped = 0.0
        self.fresh = False  # did the last part need to be made?
        self.trainings: dict[str, Training] = {}

    def outcome(self) -> str:
        """What came of it, in a few words."""
        took = time.monotonic() - self.started
        if not self.counts or set(self.counts) == {"up to date"}:
            return "up to date" if self.counts else f"done in {duration(took)}"
        parts = [f"{self.counts[kind]} {kind}" for kind in ("made", "kept", "up to date") if self.counts[kind]]
        return f"{', '.join(parts)}; {duration(took)}" if self.counts["made"] else ", ".join(parts)

    def below(self) -> list[str]:
        """What stands below a terminal's last line: the stage's bar, and the trainings that run."""
        looks = [each.look() for each in self.trainings.values()]
        done = self.done + sum(share for share, _ in looks)
        elapsed = time.monotonic() - self.started
        title = self.head.partition(" ")[2].split(" -> ")[0]
        line = f"{title}  {duration(elapsed)}"
        if self.work:
            share = min(done / self.work, 1.0)
            made = done - self.skipped
            left = elapsed * (self.work - done) / made if made > 0.02 * self.work else None
            filled = round(BAR * share)
            line = f"{title}  [{'#' * filled}{'-' * (BAR - filled)}] {100 * share:.0f} %, "
            line += f"{duration(elapsed)} so far" if left is None else f"{duration(left)} left"
        return [line, *(f"  {text}" for _, text in looks)]


class Screen:
    """The terminal or file that all is printed to."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.stage: Stage | None = None
        self.head_stands = False  # on the screen, its outcome does not

    def put(self, line: str) -> None:
        """A line that stays."""
        clear = "\r\033[J" if self.is_terminal else ""
        sys.stdout.write(f"{clear}{line}\n")
        sys.stdout.flush()

    def put_head(self) -> None:
        """The stage's line, whose outcome follows in a line of its own."""
        if self.stage and not self.head_stands:
            self.put(self.stage.head)
            self.head_stands = True

    def paint(self) -> None:
        """What is going on, below the cursor's line, which errors and other bars have for themselves."""
        if not self.is_terminal or self.stage is None:
            return
        width = os.get_terminal_size(sys.stdout.fileno()).columns or 80
        lines = [line[: width - 1] for line in self.stage.below()]
        sys.stdout.write("\n\033[J" + "\n".join(lines) + f"\033[{len(lines)}A\r")
        sys.stdout.flush()

    def tick(self) -> None:
        """Time has passed."""
        if self.stage and not self.is_terminal and time.monotonic() - self.stage.started > WAIT_S:
            self.put_head()
        self.paint()

    def read(self, line: str) -> None:
        """One line of the run's output."""
        stage = self.stage
        if line.startswith("@") and stage:
            self._count(stage, line)
            return
        message = MESSAGE.fullmatch(line)
        if message and STAGE.match(message[2]):
            self.end_stage()
            self.stage = Stage(message[1], message[2])
            if message[2].startswith("stage 0:"):  # may ask questions
                self.put_head()
                self.stage, self.head_stands = None, False
        elif stage is None:
            self.put(line)
        elif message:
            self._note(stage, message[1], message[2])

    def _count(self, stage: Stage, line: str) -> None:
        kind, _, amount = line.partition(" ")
        if kind == "@work":
            stage.work = float(amount)
        elif kind == "@did":
            stage.done += float(amount)
            stage.skipped += 0 if stage.fresh else float(amount)
            stage.fresh = False

    def _note(self, stage: Stage, when: str, text: str) -> None:
        """A message of a stage's script."""
        item = ITEM.fullmatch(text)
        if not item or item[2].startswith("waits until "):
            self.put_head()
            self.put(f"{when} {text}")
            return
        name, said = item.groups()
        if said == "up to date" or said.endswith(": up to date"):
            stage.counts["up to date"] += 1
        elif said == TRAINS:
            stage.trainings[name] = Training(name)
        elif said.endswith("made anew") or "no graph" in said or "; kept; " in said or said.endswith("; skipped"):
            stage.notes.setdefault(said, []).append(name)
            if "; kept; " in said:
                stage.counts["kept"] += 1
        else:
            stage.counts["made"] += 1
            stage.fresh = True
        if said != TRAINS and stage.trainings.pop(name, None):
            self.put_head()
            said = re.sub(r"; (\d+) s$", lambda took: f"; {duration(float(took[1]))}", said)
            self.put(f"{when}   {name}: {said}")

    def end_stage(self, whole: bool = True) -> None:
        """What came of the stage that was read last."""
        stage, self.stage = self.stage, None
        if stage is None:
            return
        took = duration(time.monotonic() - stage.started)
        outcome = stage.outcome() if whole else f"stopped after {took}"
        now = time.strftime("%H:%M:%S")
        self.put(f"{now}   {outcome}" if self.head_stands else f"{stage.head}: {outcome}")
        self.head_stands = False
        for said, names in stage.notes.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self.put(f"{now}   {names[0]}{more}: {said}")


def main() -> int:
    """Read until the input ends; ``@end`` says that it ends well. With a number: print it as a time."""
    if len(sys.argv) > 1:
        print(duration(float(sys.argv[1])))
        return 0
    screen, rest, well = Screen(), b"", False
    try:
        while True:
            ready, _, _ = select.select([0], [], [], REPAINT_S)
            if ready:
                more = os.read(0, 1 << 16)
                if not more:
                    break
                *lines, rest = (rest + more).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace")
                    if text == "@end":
                        well = True
                    else:
                        screen.read(text)
            screen.tick()
        screen.end_stage(well)
        if rest or screen.is_terminal:
            sys.stdout.write(("\r\033[J" if screen.is_terminal else "") + rest.decode(errors="replace"))
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
