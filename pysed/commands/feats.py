"""``pysed feats``: front ends' and recognisers' options for the shell, and averaging of feature tables."""

import argparse
import sys
from pathlib import Path

from pysed.commands.options import CommandParser
from pysed.errors import DataError
from pysed.features.averaging import average_frames
from pysed.features.frontend import load_frontend


def build_parser() -> argparse.ArgumentParser:
    """The subcommands' options."""
    parser = CommandParser(prog="pysed feats", description="Front ends and feature archives.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="options|recogniser|average")
    options = actions.add_parser("options", help="print a front end's options for compute-fbank-feats, one a line")
    options.add_argument("frontend", metavar="conf/frontends/NAME.yaml", help="the front end")
    recogniser = actions.add_parser("recogniser", help="check a recogniser's folder; write it out for Kaldi's commands")
    recogniser.add_argument("model", type=Path, metavar="ASR_DIR", help="the recogniser's folder")
    recogniser.add_argument("--layer", metavar="NODE", help="a node that the network must have")
    conf = "gets mfcc.conf, ivector_extractor.conf, cmvn.conf, ... (none: check only)"
    recogniser.add_argument("out", type=Path, nargs="?", metavar="CONF_DIR", help=conf)
    average = actions.add_parser("average", help="mean of every N frames of a table of matrices")
    average.add_argument("--num-frames", type=int, required=True, metavar="N", help="frames to average")
    average.add_argument("rspecifier", help="such as ark:- or scp:feats.scp")
    average.add_argument("wspecifier", help="such as ark,scp:feats.ark,feats.scp")
    return parser


def average_table(rspecifier: str, wspecifier: str, num_frames: int) -> int:
    """Average every matrix of a table; returns how many were written. Raises DataError for an empty table."""
    from pysed.kaldi.tables import TableWriter, matrices

    with TableWriter(wspecifier, "matrix") as table:
        for key, rows in matrices(rspecifier):
            table.write(key, average_frames(rows, num_frames))
        if not table.count:
            raise DataError(f"{rspecifier}: no matrices; expected at least one recording's features")
        return table.count


def main(argv: list[str]) -> int:
    """Run ``pysed feats``; returns the exit code."""
    values = build_parser().parse_args(argv)
    if values.action == "options":
        print("\n".join(load_frontend(values.frontend).kaldi_options()))
        return 0
    if values.action == "recogniser":
        from pysed.kaldi.model_folder import read_model_folder
        from pysed.kaldi.whole_model import check_whole

        settings = read_model_folder(values.model)
        if values.layer is not None:
            settings.check_layer(values.layer)
        check_whole(settings)
        if values.out is not None:
            settings.write(values.out)
        return 0
    if values.num_frames < 1:
        raise DataError(f"--num-frames {values.num_frames}; expected 1 or more")
    count = average_table(values.rspecifier, values.wspecifier, values.num_frames)
    print(f"averaged {count} matrices by {values.num_frames}", file=sys.stderr)
    return 0
