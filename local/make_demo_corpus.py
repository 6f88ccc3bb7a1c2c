#!/usr/bin/env python3
"""Make the demo corpus: OUT_DIR/source_data in the layout of TUT Rare Sound Events 2017."""

import argparse
import os
import sys
from pathlib import Path

# One thread a process: the processes share the cores already, and the bytes must not depend on the machine's number.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder that gets source_data/")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")
    parser.add_argument("--nj", type=int, default=2, help="processes (default 2); they do not change the result")
    options = parser.parse_args(argv)
    if options.seed < 0 or options.nj < 1:
        parser.error(f"--seed {options.seed} --nj {options.nj}: expected a seed of at least 0 and at least one process")

    from demo.corpus import make_corpus
    from tqdm import tqdm

    def progress(results, total):
        return tqdm(results, total=total, desc="demo corpus", unit="file", mininterval=1.0, disable=None)

    try:
        make_corpus(options.out_dir, options.seed, options.nj, progress)
    except OSError as error:
        print(f"make_demo_corpus.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
