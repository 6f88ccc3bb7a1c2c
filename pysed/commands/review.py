"""``pysed review``: a page to accept, reject and re-time detections with."""

import argparse
import sys
from pathlib import Path

from pysed.commands.options import CommandParser
from pysed.errors import DataError


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed review",
        description="One page that opens from disk: each detection is heard, seen, and accepted, rejected or re-timed; "
        "the page saves a label file for pysed corpus extend.",
        epilog="Example: pysed review events.tsv --audio archive --out review.html. Exit codes: 0 done, 2 bad use or "
        "bad data, 3 some recordings could not be read: they are named at the end.",
    )
    add = parser.add_argument
    add("tables", nargs="+", type=Path, metavar="TABLE",
        help="tsv, csv, json, jsonl, rttm or raven of pysed detect, or its --out-dir")  # fmt: skip
    add("--audio", action="append", default=[], type=Path, metavar="DIR|FILE",
        help="where the recordings are, as given to pysed detect; may be repeated (else: names are paths)")  # fmt: skip
    add("--out", required=True, type=Path, metavar="HTML", help="the page to write")
    add("--margin", type=float, default=3.0, metavar="S", help="seconds of sound before and after each (default 3)")
    add("--most", type=int, default=200, metavar="N", help="the N detections with the highest scores (default 200)")
    add("--reviewed", action="append", default=[], type=Path, metavar="FILE",
        help="label file of an earlier page: leave out what it decides; may be repeated")  # fmt: skip
    add("--model", metavar="DIR", help="detector whose scores are drawn, a value each tenth of a second")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed review``; returns the exit code."""
    options = build_parser().parse_args(argv)
    if not 0 <= options.margin <= 25:
        raise DataError(f"--margin {options.margin:g}; expected 0 to 25 seconds")
    if options.most < 1:
        raise DataError(f"--most {options.most}; expected 1 or more")
    for folder in options.audio:
        if not folder.exists():
            raise DataError(f"{folder}: no such file or folder; expected recordings")

    from pysed.report.review import write_review

    lines, faults = write_review(
        options.tables, options.audio, options.out, options.reviewed, options.margin, options.most, options.model
    )
    print("\n".join(lines))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 3 if faults else 0
