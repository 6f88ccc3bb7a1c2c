"""``pysed report``: one page that shows a whole experiment."""

import argparse
import sys
from pathlib import Path

from pysed.commands.options import CommandParser


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed report",
        description="Results, curves, phones and a browser of the test files in one page that opens from disk "
        "(index.html), with every figure as SVG, PNG and PDF beside it.",
        epilog="Example: pysed report --data data/demo --results exp/demo --out exp/demo/report. Exit codes: 0 done, "
        "2 bad use or bad data, 3 some recordings could not be read: the page is without their sound.",
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="data/<corpus>")
    parser.add_argument("--results", required=True, type=Path, metavar="DIR", help="exp/<corpus>, with stage 6 done")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where index.html and figures go")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed report``; returns the exit code."""
    options = build_parser().parse_args(argv)

    from pysed.report.page import write_report

    path, about, faults = write_report(options.data, options.results, options.out)
    print(f"{path}: {about}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 3 if faults else 0
