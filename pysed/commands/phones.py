"""``pysed phones``: what each event class is heard as, beside recordings without an event."""

import argparse
from pathlib import Path

from pysed.commands.options import CommandParser, split_events
from pysed.errors import DataError


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed phones",
        description="Phones of each event class, bare and in mixtures, against recordings without an event: tables "
        "(Markdown, CSV), the paper's Table 2 and Figure 2 (SVG, PNG, PDF). Intervals are 95 % over source recordings.",
        epilog="Example: pysed phones --data data/demo --events babycry,glassbreak,gunshot --out exp/demo/phones "
        "--phones models/demo/phones.txt --source data/demo. "
        "Which speech patterns help a trained detector: pysed phones patterns --help.",
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="data/<corpus>, with stage 4 done")
    parser.add_argument("--events", required=True, metavar="A,B,...", help="event classes")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where tables and figures go")
    parser.add_argument("--phones", type=Path, metavar="FILE", help="the model's phones.txt (else those that occur)")
    parser.add_argument(
        "--source", type=Path, metavar="DIR", help="corpus in the TUT layout: which bare events share a recording"
    )
    parser.add_argument("--subset", default="devtrain", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--samples", type=int, default=1000, metavar="N", help="resamplings (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the resampling (%(default)s)")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed phones``; returns the exit code."""
    if argv[:1] == ["patterns"]:
        from pysed.commands.patterns import main as patterns_main

        return patterns_main(argv[1:])
    options = build_parser().parse_args(argv)
    events = split_events(options.events)
    if options.samples < 2 or options.seed < 0:
        values = f"--samples {options.samples}, --seed {options.seed}"
        raise DataError(f"pysed phones: {values}: expected at least 2 samples and a seed of 0 or more")
    if not options.data.is_dir():
        raise DataError(f"{options.data}: no such folder; expected data/<corpus>; run stages 1 to 4")

    from pysed.drawing.heard import FIGURES, draw_figure2
    from pysed.phones.heard.analysis import analyse
    from pysed.phones.heard.tables import write_tables

    analysis = analyse(
        options.data, events, options.phones, options.source, options.subset, options.samples, options.seed, print
    )
    for name, (place, _) in FIGURES.items():
        draw_figure2(analysis, place, options.out / name)
    figures = [(f"{name}.png", caption) for name, (_, caption) in FIGURES.items()]
    about = [
        f"Data: `{options.data}`, {options.subset}; seed {options.seed}, {options.samples} resamplings. "
        "What the numbers are and how they are made: `docs/phones.md`."
    ]
    write_tables(analysis, options.out, about, figures)
    print(f"{options.out}: phones.md, five tables as CSV, {len(figures)} figures as SVG, PNG and PDF")
    return 0
