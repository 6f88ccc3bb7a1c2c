"""``pysed score``: the task's metric for any system's output."""

import argparse
import json
import sys
from pathlib import Path

from pysed.atomic import atomic_open, keep_apart
from pysed.commands.options import CommandParser
from pysed.errors import DataError
from pysed.score.event_based import evaluate, summary_line
from pysed.score.reference import class_hint, read_both


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed score",
        description="Event-based error rate and F of one class (sed_eval, onset collar 500 ms), every file counted.",
        epilog="Lists: filename<TAB>onset<TAB>offset<TAB>label, a file name alone where there is no event. "
        "Files are matched by base name, by path where one stands in several folders; those that --detected lacks "
        "count as without detection.",
    )
    parser.add_argument("--reference", metavar="LIST", help="event list of all files, or data directory")
    parser.add_argument("--detected", metavar="TSV", help="the system's event list")
    parser.add_argument("--event", metavar="NAME", help="event class")
    parser.add_argument("--out", metavar="JSON", help="write the score there too")
    parser.add_argument("--plot", metavar="DIR", help="draw each file")
    parser.add_argument("--audio", metavar="DIR", help="with --plot: the files' audio, for spectrograms")
    parser.add_argument(
        "--check",
        metavar="TABLE",
        help="instead: which rows of a published table (columns ER and F; precision, recall, N) no evaluation can give",
    )
    return parser


def check_claims(path: str) -> int:
    """Print which rows of a table no evaluation of a single class can give; returns the exit code."""
    from pysed.score.claims import check_table

    checked = check_table(path)
    for claim, can_be in checked:
        print(f"{path}:{claim.line}: {claim.name}: {'possible' if can_be else 'no evaluation gives these figures'}")
    print(f"{sum(not can_be for _, can_be in checked)} of {len(checked)} rows that no evaluation of one class can give")
    return 0


def main(argv: list[str]) -> int:
    """Run ``pysed score``; returns the exit code."""
    parser = build_parser()
    values = parser.parse_args(argv)
    if values.check:
        for option in ("reference", "detected", "event", "out", "plot", "audio"):
            if getattr(values, option) is not None:
                parser.error(f"--{option}: of no use with --check TABLE; leave it out")
        return check_claims(values.check)
    for option in ("reference", "detected", "event"):
        if getattr(values, option) is None:
            parser.error(f"--{option} is needed")
    if values.audio and not values.plot:
        raise DataError("--audio: only of use with --plot DIR; add it or leave --audio out")
    if values.out:
        given = (values.reference, values.detected)
        keep_apart([values.out], [*given, *(Path(each, name) for each in given for name in ("events.tsv", "wav.scp"))])
    reference, detected = read_both(values.reference, values.detected, values.event)
    labels = sorted({each.label for lists in (reference, detected) for events in lists.values() for each in events})
    if labels and values.event not in labels:
        raise DataError(f"--event {values.event}: in neither list; expected one of {', '.join(labels)}")
    for path, lists in ((values.reference, reference), (values.detected, detected)):
        if hint := class_hint(lists, values.event):
            print(f"{path}: {hint}", file=sys.stderr)
    try:
        score = {"event": values.event, **evaluate(reference, detected, values.event)}
    except DataError as error:
        raise DataError(f"{values.detected}: {error}") from None
    missing = [name for name in reference if name not in detected]
    if missing:
        print(
            f"{values.detected}: {len(missing)} of {len(reference)} files of the reference missing "
            f"({missing[0]}, …); counted as without detection",
            file=sys.stderr,
        )
    print(summary_line(score))
    if values.out:
        with atomic_open(values.out) as stream:
            json.dump(score, stream, indent=2)
            stream.write("\n")
    if values.plot:
        from pysed.drawing.event_lists import plot_files

        pictures = plot_files(values.plot, reference, detected, values.event, values.audio)
        print(f"{len(pictures)} pictures in {values.plot}")
    return 0
