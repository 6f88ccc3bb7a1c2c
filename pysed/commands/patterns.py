"""``pysed phones patterns``: which speech patterns help a trained gradual network."""

import argparse
from pathlib import Path

from pysed.commands.options import CommandParser, split_events
from pysed.datadir.ctm import read_inventory
from pysed.errors import DataError


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed phones patterns",
        description="Which speech patterns help a trained gradual network: its decisions attributed to streams and "
        "phones, phone n-grams before, in and after its detections, errors of cbrnn that it mends or makes and what "
        "was heard there; tests say what is noise. Tables (Markdown, CSV) and plots (SVG, PNG, PDF).",
        epilog="Example: pysed phones patterns --data data/demo --models exp/demo --events babycry,gunshot "
        "--phones models/demo/phones.txt --out exp/demo/phones/patterns",
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="data/<corpus>, with stage 4 done")
    parser.add_argument("--models", required=True, type=Path, metavar="DIR", help="exp/<corpus>, with stage 6 done")
    parser.add_argument("--events", required=True, metavar="A,B,...", help="event classes")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where tables and plots go")
    parser.add_argument("--phones", type=Path, metavar="FILE", help="the model's phones.txt (else those that occur)")
    parser.add_argument("--subset", default="devtest", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--draws", type=int, default=2000, metavar="N", help="permutations (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the permutations (%(default)s)")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed phones patterns``; returns the exit code."""
    options = build_parser().parse_args(argv)
    events = split_events(options.events)
    if options.draws < 100 or options.seed < 0:
        values = f"--draws {options.draws}, --seed {options.seed}"
        raise DataError(f"pysed phones patterns: {values}: expected 100 draws or more and a seed of 0 or more")
    for event in events:
        if not (options.data / event / options.subset).is_dir():
            raise DataError(f"{options.data / event / options.subset}: no such folder; run stages 1 to 4")

    from pysed.drawing.patterns import draw_evidence, draw_streams
    from pysed.phones.patterns.analysis import find_patterns
    from pysed.phones.patterns.tables import write_patterns

    inventory = None if options.phones is None else read_inventory(options.phones)
    found = []
    for event in events:
        data = options.data / event / options.subset
        found.append(find_patterns(data, options.models / event, event, inventory, options.draws, options.seed))
        print(f"{data}: {event}, {len(found[-1].decisions)} detections")
    draw_streams(found, options.out / "streams")
    draw_evidence(found, options.out / "evidence")
    about = (
        f"Data: `{options.data}`, {options.subset}; models: `{options.models}`, seed 1; {options.draws} permutations, "
        f"seed {options.seed}. How the numbers are made: `docs/phones.md`."
    )
    write_patterns(found, options.out, about)
    print(f"{options.out}: patterns.md, four tables as CSV, two figures as SVG, PNG and PDF")
    return 0
