#!/usr/bin/env python3
"""Copy an ASR model folder with random weights for the network's: a control for what the recogniser has learned."""

import argparse
import shutil
import sys
from itertools import islice
from pathlib import Path


def recordings(data: Path):
    """(features, i-vectors or None) of one recording of a data directory after another."""
    from pysed.kaldi.tables import RandomAccess, matrices

    if not (data / "ivectors.scp").exists():
        yield from ((features, None) for _, features in matrices(f"scp:{data}/mfcc_hires.scp"))
        return
    with RandomAccess(f"scp:{data}/ivectors.scp", "matrix") as ivectors:
        yield from ((features, ivectors[name]) for name, features in matrices(f"scp:{data}/mfcc_hires.scp"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="with mfcc_hires.scp, ivectors.scp of that model")
    parser.add_argument("source", type=Path, metavar="ASR_DIR", help="model folder, for example models/demo")
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="a new folder")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same weights (default 0)")
    options = parser.parse_args(argv)

    from pysed.errors import DataError
    from pysed.kaldi.nnet3.random_model import randomise
    from pysed.kaldi.nnet3.reader import read_model
    from pysed.kaldi.nnet3.writer import write_model
    from pysed.kaldi.stream import KaldiWriter
    from pysed.kaldi.tables import read_object, write_object

    try:
        model = read_model(read_object(str(options.source / "final.mdl")))
        randomise(model.nnet, list(islice(recordings(options.data), 10)), options.seed)
        shutil.copytree(options.source, options.out, ignore=shutil.ignore_patterns("final.mdl", "MODEL_CARD.md"))
        writer = KaldiWriter()
        write_model(model, writer)
        write_object(str(options.out / "final.mdl"), bytes(writer))
    except (OSError, DataError) as error:
        print(f"randomise_model.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
