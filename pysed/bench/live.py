"""Live sound: how long after a sound its scores are settled and its lines are there, beside the stated look-ahead.

Sound comes in pieces of 100 ms. A clock is simulated, so that nothing waits: a piece is taken when it is there and the
one before it has been worked on, for as long as the processor takes.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pysed.bench.systems import prepare
from pysed.detect.decide import Decision
from pysed.detect.detector import Detector
from pysed.detect.live import EventStream
from pysed.detect.scoring import ScoreStream
from pysed.features.grid import HOP_S
from pysed.features.of_samples import RATE_HZ

_SYSTEMS = "cbrnn", "gradual"
_STEPS_S = 1.0, 0.5
_PIECE_S = 0.1
_SOUND_S = 60


def pieces(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Of 100 ms each."""
    size = round(_PIECE_S * RATE_HZ)
    return (samples[first : first + size] for first in range(0, len(samples), size))


def settling_s(detector: Detector, samples: np.ndarray, step_s: float) -> np.ndarray:
    """For each frame the seconds from its end until its score is settled."""
    stream, clock_s, there_s, waits = ScoreStream([detector], RATE_HZ, step_s), 0.0, 0.0, list[float]()
    for piece in pieces(samples):
        there_s += len(piece) / RATE_HZ
        start = time.process_time()
        (found,) = stream.push(piece)
        clock_s = max(clock_s, there_s) + time.process_time() - start
        waits += [clock_s - (len(waits) + number) * HOP_S for number in range(1, len(found.scores) + 1)]
    return np.asarray(waits)


def lines_s(detector: Detector, samples: np.ndarray, step_s: float) -> tuple[np.ndarray, float, float]:
    """For each line that an event begins the seconds from its onset, the stated look-ahead, and the share of the
    processor that live sound takes."""
    threshold = float(np.median(detector.scores(samples, RATE_HZ)))
    detector = replace(detector, network=replace(detector.network, low_ratio=1.0))  # many short events
    stream = EventStream(detector, RATE_HZ, Decision(threshold=threshold, max_gap_s=0.0), step_s)
    clock_s, there_s, busy_s, waits = 0.0, 0.0, 0.0, []
    for piece in pieces(samples):
        there_s += len(piece) / RATE_HZ
        start = time.process_time()
        changes = stream.follow(piece)
        spent_s = time.process_time() - start
        clock_s, busy_s = max(clock_s, there_s) + spent_s, busy_s + spent_s
        waits += [clock_s - each.event.onset_s for each in changes if each.kind == "begin"]
    return np.asarray(waits), stream.look_ahead_s, busy_s / there_s


def main() -> None:
    """Print the table as Markdown."""
    samples = np.random.default_rng(0).normal(0, 1, _SOUND_S * RATE_HZ)
    samples *= 10 ** np.repeat(np.random.default_rng(1).uniform(-3, -1, 2 * _SOUND_S), RATE_HZ // 2)
    samples = samples.astype(np.float32)
    print(
        f"{_SOUND_S} s of noise whose level changes twice a second, pieces of {1000 * _PIECE_S:.0f} ms, one thread:\n"
    )
    heads = ["system", "`--step`, s", "look-ahead as stated, s", "frame to score: p50, p99, longest, s"]
    heads += ["onset to line: p50, p99, longest, s", "lines", "of the processor"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for system in _SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            with redirect_stdout(sys.stderr):
                prepare(system, Path(folder), train=True)
            detector = Detector.load(folder)
        for step_s in _STEPS_S:
            frames = settling_s(detector, samples, step_s)
            lines, stated_s, share = lines_s(detector, samples, step_s)
            row = [system, f"{step_s:g}", f"{stated_s:.1f}", _spread(frames), _spread(lines), str(len(lines))]
            print(f"| {' | '.join([*row, f'{share:.1%}'])} |", flush=True)
    torch.set_num_threads(threads)


def _spread(seconds: np.ndarray) -> str:
    return ", ".join(f"{each:.2f}" for each in (*np.quantile(seconds, (0.5, 0.99)), seconds.max()))
