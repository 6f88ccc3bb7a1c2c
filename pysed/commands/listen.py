"""``pysed listen``: events of live sound, as JSON lines when they begin and when they end."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from pysed.commands.options import CommandParser
from pysed.detector.shipped import model_help
from pysed.errors import DataError


class _ListMicrophones(argparse.Action):
    """Prints them and ends, whatever else is asked for."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from pysed.detect.microphone import list_microphones

        print(list_microphones(), end="")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed listen",
        description="Events of a microphone or of sound on standard input, as JSON lines when they begin and end.",
        epilog="Examples: pysed listen --model DIR --microphone; "
        "arecord -q -f S16_LE -r 16000 -t raw | pysed listen --model DIR --rate 16000; "
        "ffmpeg -loglevel error -i rtsp://... -f wav - | pysed listen --model DIR",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help=model_help())
    add("--microphone", nargs="?", const="", metavar="DEVICE",
        help="instead of standard input: a device's number or part of its name, or the default one")  # fmt: skip
    add("--list-microphones", nargs=0, action=_ListMicrophones, help="what --microphone can take")
    add("--rate", type=int, metavar="HZ",
        help="of raw samples, or of the microphone; without it standard input is a wav file")  # fmt: skip
    add("--raw-channels", type=int, metavar="N",
        help="channels of raw samples or of the microphone (default 1); their mean counts")  # fmt: skip
    add("--raw-format", choices=("s16", "s24", "s32", "f32", "f64", "u8"), help="of raw samples; default s16")
    add("--decision", metavar="FILE", help="what pysed tune wrote; options given beside it override it")
    add("--threshold", type=float, metavar="X", help="0 to 1, instead of the tuned one")
    add("--min-duration", type=float, metavar="S", help="leave out shorter events")
    add("--max-gap", type=float, metavar="S", help="join events with shorter pauses, instead of the tuned length")
    add("--step", type=float, default=1.0, metavar="S",
        help="between windows: less is sooner, and more work (default 1)")  # fmt: skip
    add("--out", metavar="FILE", help="append the lines there, too")
    add("--run", metavar="COMMAND",
        help="run a program for each event that begins, its JSON line as last argument; no shell")  # fmt: skip
    add("--mqtt", metavar="URL", help="publish the lines there, too: mqtt://[user@]host[:port]/topic, or mqtts:")
    add(
        "--mqtt-password-file",
        metavar="FILE",
        help="file whose first line is the password (default: the variable PYSED_MQTT_PASSWORD)",
    )
    add("--cool-down", type=float, default=0.0, metavar="S",
        help="seconds after an event's beginning in which no other is reported (default 0)")  # fmt: skip
    add("--start", metavar="TIME", help="the clock's time at the first sample (default: now)")
    return parser


def main(argv: list[str], live: bool = True) -> int:
    """Run ``pysed listen``; returns the exit code. ``live``: the sound is of now, where no start is given."""
    values = build_parser().parse_args(argv)
    if not 0 <= values.cool_down < float("inf"):
        raise DataError(f"--cool-down {values.cool_down}; expected 0 seconds or more")
    if values.raw_channels is not None and values.rate is None and values.microphone is None:
        raise DataError(f"--raw-channels {values.raw_channels}: for raw samples or a microphone; expected --rate")
    if values.raw_format is not None and (values.rate is None or values.microphone is not None):
        raise DataError(f"--raw-format {values.raw_format}: for raw samples on standard input alone; expected --rate")
    if values.mqtt_password_file is not None and values.mqtt is None:
        raise DataError("--mqtt-password-file: for --mqtt alone; expected mqtt://[user@]host[:port]/topic there")
    from pysed.detect.clock import parse_start
    from pysed.detect.decide import Decision
    from pysed.detect.decision_file import read_decision
    from pysed.detect.detector import Detector
    from pysed.detect.sinks import Teller

    wishes = {"threshold": values.threshold, "min_duration_s": values.min_duration, "max_gap_s": values.max_gap}
    decision = Decision(**{name: value for name, value in wishes.items() if value is not None})
    start = parse_start(values.start) if values.start else None
    with ExitStack() as stack:
        sinks = _sinks(values, stack)
        detector = Detector.load(values.model)
        if values.decision is not None:
            decision = read_decision(values.decision, detector.network, wishes)
        sound = _sound(values, stack, live)
        stream = detector.stream(sound.rate_hz, decision, values.step)
        print(
            f"listening for {detector.event}: sound is judged after {stream.look_ahead_s:.1f} s at most",
            file=sys.stderr,
            flush=True,
        )
        teller = Teller(sinks, values.cool_down, start, live)
        try:
            for samples in sound:
                teller.tell(stream.follow(samples))
        except DataError:  # a device that is gone: what has begun ends
            teller.tell(stream.follow_to_the_end())
            raise
        teller.tell(stream.follow_to_the_end())
    return 0


def _sound(values: argparse.Namespace, stack: ExitStack, live: bool) -> Any:
    """Samples to iterate for. A signal ends live sound, so that an event that is going on ends, too."""
    channels = 1 if values.raw_channels is None else values.raw_channels
    if values.microphone is None:
        from pysed.detect.sound_input import SoundInput

        sound: Any = SoundInput(sys.stdin.buffer, values.rate, channels, values.raw_format or "s16")
    else:
        from pysed.detect.microphone import Microphone

        sound = Microphone(values.microphone, values.rate, channels)
    for number in (signal.SIGINT, signal.SIGTERM) if live else ():
        stack.callback(signal.signal, number, signal.signal(number, lambda *_: sound.stop()))
    return sound if values.microphone is None else stack.enter_context(sound)


def _sinks(values: argparse.Namespace, stack: ExitStack) -> list:
    """Standard output, and what else the options name."""
    from pysed.detect.sinks import Program, to_stream

    sinks: list = [to_stream(sys.stdout)]
    if values.out:
        out = stack.enter_context(open(values.out, "a", encoding="utf-8"))  # noqa: SIM115
        sinks.append(to_stream(out))
    if values.run is not None:
        sinks.append(Program(values.run))
    if values.mqtt is not None:
        from pysed.detect.mqtt import PASSWORD_VARIABLE, Publisher, parse_broker, read_password

        file = values.mqtt_password_file
        password = os.environ.get(PASSWORD_VARIABLE) if file is None else read_password(file)
        publisher = stack.enter_context(Publisher(parse_broker(values.mqtt), password))
        sinks.append(lambda kind, line: publisher.publish(line))
    return sinks
