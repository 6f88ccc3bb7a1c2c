"""``pysed listen``: events of live sound, as JSON lines when they begin and when they end."""

import argparse
import json
import shlex
import subprocess
import sys
import time
from datetime import datetime
from typing import IO

from pysed.commands.options import CommandParser
from pysed.errors import DataError, warn_once


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed listen",
        description="Events of sound on standard input, as JSON lines when they begin and when they end.",
        epilog="Examples: arecord -q -f S16_LE -r 16000 -t raw | pysed listen --model DIR --rate 16000; "
        "ffmpeg -loglevel error -i rtsp://... -f wav - | pysed listen --model DIR",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help="folder with final.pt")
    add("--rate", type=int, metavar="HZ", help="of raw samples; without it standard input is a wav file")
    add(
        "--raw-channels",
        type=int,
        default=1,
        metavar="N",
        help="channels of raw samples (default 1); their mean counts",
    )
    add("--raw-format", choices=("s16", "s32", "f32", "f64", "u8"), default="s16", help="of raw samples; default s16")
    add("--threshold", type=float, metavar="X", help="of the scores, 0 to 1, instead of the tuned one")
    add("--min-duration", type=float, default=0.0, metavar="S", help="leave out shorter events")
    add("--max-gap", type=float, metavar="S", help="join events with shorter pauses, instead of the tuned length")
    add(
        "--step",
        type=float,
        default=1.0,
        metavar="S",
        help="between windows: less is sooner, and more work (default 1)",
    )
    add("--out", metavar="FILE", help="append the lines there, too")
    add(
        "--run",
        metavar="COMMAND",
        help="run a program for each event that begins, its JSON line as last argument; no shell",
    )
    add(
        "--cool-down", type=float, default=0.0, metavar="S", help="say and run nothing for so long after an event began"
    )
    add("--start", metavar="TIME", help="the clock's time at the first sample (default: now)")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed listen``; returns the exit code."""
    values = build_parser().parse_args(argv)
    from pysed.detect.clock import parse_start
    from pysed.detect.decide import Decision
    from pysed.detect.detector import Detector
    from pysed.detect.sound_input import SoundInput

    decision = Decision(values.threshold, values.min_duration, values.max_gap)
    command = _command(values.run)
    if not 0 <= values.cool_down < float("inf"):
        raise DataError(f"--cool-down {values.cool_down}; expected 0 seconds or more")
    detector = Detector.load(values.model)
    start = parse_start(values.start) if values.start else None
    sound = SoundInput(sys.stdin.buffer, values.rate, values.raw_channels, values.raw_format)
    stream = detector.stream(sound.rate_hz, decision, values.step)
    print(f"listening for {detector.event}: sound is judged after {stream.look_ahead_s:.1f} s at most", file=sys.stderr)
    out = open(values.out, "a", encoding="utf-8") if values.out else None  # noqa: SIM115
    try:
        teller = _Teller(command, values.cool_down, out, start)
        for samples in sound:
            teller.tell(stream.follow(samples))
        teller.tell(stream.follow_to_the_end())
    finally:
        if out:
            out.close()
    return 0


def _command(text: str | None) -> list[str]:
    try:
        words = shlex.split(text) if text else []
    except ValueError as error:
        raise DataError(f"--run {text}: {error}; expected a program and its arguments") from None
    if text is not None and not words:
        raise DataError("--run: empty; expected a program and its arguments")
    return words


class _Teller:
    """Says what begins and ends, and runs the user's program."""

    def __init__(self, command: list[str], cool_down_s: float, out: IO[str] | None, start: datetime | None):
        self._command, self._cool_down_s, self._out, self._start = command, cool_down_s, out, start
        self._quiet_until_s = float("-inf")
        self._silenced: set[float] = set()
        self._running: list[subprocess.Popen] = []

    def tell(self, changes: list) -> None:
        """Tell of what has happened."""
        from pysed.detect.formats import clock_time

        self._start = self._start or datetime.fromtimestamp(time.time())
        for change in changes:
            event = change.event
            if change.kind == "begin" and event.onset_s < self._quiet_until_s:
                self._silenced.add(event.onset_s)
            if event.onset_s in self._silenced:
                if change.kind == "end":
                    self._silenced.discard(event.onset_s)
                continue
            fields = {"change": change.kind, "label": event.label, "score": event.score, "onset_s": event.onset_s}
            fields["onset_time"] = clock_time(self._start, event.onset_s)
            if change.kind == "end":
                fields |= {"offset_s": event.offset_s, "offset_time": clock_time(self._start, event.offset_s)}
            else:
                self._quiet_until_s = event.onset_s + self._cool_down_s
            line = json.dumps(fields, ensure_ascii=False)
            for stream in (sys.stdout, self._out):
                if stream:
                    print(line, file=stream, flush=True)
            if change.kind == "begin" and self._command:
                self._run(line)

    def _run(self, line: str) -> None:
        self._running = [each for each in self._running if each.poll() is None]
        try:
            self._running.append(subprocess.Popen([*self._command, line], stdin=subprocess.DEVNULL, stdout=sys.stderr))
        except OSError as error:
            warn_once(f"--run {self._command[0]}: {error.strerror}; expected a program")
