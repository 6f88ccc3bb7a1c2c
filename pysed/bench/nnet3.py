"""Speed of a LibriSpeech-sized network's pre-final layer on one thread, beside the machine's matrix multiplication."""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.random_model import write_random_model
from pysed.kaldi.nnet3.reader import read_nnet
from pysed.kaldi.tables import read_object

_LAYER = "prefinal-l"
_NUM_FRAMES = 3000
_SIZE = 2048
_REPEATS = 3
_CASES = (("150 frames", 150, 3), ("150 frames", 150, 1), ("the whole clip", _NUM_FRAMES, 3))


def _seconds(function: Callable[[], object]) -> float:
    """The least processor time of one thread: other processes' load counts little in it."""
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the tables as Markdown."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder))
    finally:
        torch.set_num_threads(threads)


def _measure(folder: Path) -> None:
    write_random_model(folder / "final.mdl")
    start = time.process_time()
    nnet = read_nnet(read_object(str(folder / "final.mdl")))
    reading = time.process_time() - start
    preparing = _seconds(lambda: NnetComputer(nnet, _LAYER))
    rng = np.random.default_rng(0)
    features = rng.standard_normal((_NUM_FRAMES, nnet.input_dim("input"))).astype(np.float32)
    ivectors = rng.standard_normal((_NUM_FRAMES // 10, nnet.input_dim("ivector"))).astype(np.float32)
    left, right = (torch.from_numpy(rng.standard_normal((_SIZE, _SIZE)).astype(np.float32)) for _ in range(2))
    size = nnet.num_parameters() / 1e6
    print(f"{size:.1f} million parameters: read in {reading:.2f} s, prepared in {preparing:.2f} s\n")
    print("| layer | chunk | frame every | of real time | hours a minute | matrix rate, GFLOP/s | share of it |")
    print("|---|---|---|---|---|---|---|")
    sys.stdout.flush()
    for title, frames_per_chunk, step in _CASES:
        computer = NnetComputer(nnet, _LAYER, ChunkOptions(frames_per_chunk, step))
        work = 2 * computer.num_products(_NUM_FRAMES) / 1e9  # also plans the chunks, outside the measurement
        seconds = _seconds(partial(computer.compute, features, ivectors))
        rate = 2 * _SIZE**3 / 1e9 / _seconds(lambda: left @ right)
        duration_s = _NUM_FRAMES / 100
        row = [_LAYER, title, f"{10 * step} ms", f"{seconds / duration_s:.4f}", f"{duration_s / seconds / 60:.2f}"]
        print(f"| {' | '.join([*row, f'{rate:.0f}', f'{work / seconds / rate:.0%}'])} |", flush=True)
