#!/usr/bin/env python3
"""How often is the bound of ``pysed tune --per-day`` broken? By splits of recordings without the event.

A detector's alarms on each recording are counted once. Then recordings are drawn by chance, 200 times, the threshold is
set on them as ``pysed tune`` does, and alarms at that threshold are counted on others:

- halves: on the other half. Its count has chance of its own, beside that of the half that was heard, so it exceeds the
  bound on the rate more often than the rate itself does.
- resampled: as many recordings are drawn with replacement, and the rate that counts is that of all recordings, from
  which they come. It is known without chance, so it should exceed the bound in at most 5 % of draws.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np

from pysed.commands.detect import list_recordings
from pysed.decision.alarms import DAY_S, THRESHOLDS, Alarms
from pysed.detect.ambience import AmbienceAnalyser, Heard
from pysed.detect.archive import Work, results
from pysed.detect.decide import Decision

DRAWS = 200
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def halves(random: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the recordings that are heard, and of those that are counted."""
    order = random.permutation(number)
    return order[: number // 2], order[number // 2 :]


def resampled(random: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The same; what is counted is all, and what is heard half as many of them, drawn with replacement."""
    return random.integers(0, number, number // 2), np.arange(number)


def broken(counts: Sequence[np.ndarray], seconds: np.ndarray, per_day: float, draw: Draw) -> tuple[int, int, float]:
    """How many draws break the bound, how many set a threshold at all, and the mean rate a day that those then have.

    counts: (K, M) of each recording: alarms at the thresholds in its minutes; seconds: (N,) their lengths.
    """
    random = np.random.default_rng(1)
    totals = np.stack([each.sum(axis=1) for each in counts])  # (N, K)
    rates = []
    for _ in range(DRAWS):
        heard, counted = draw(random, len(counts))
        alarms = Alarms()
        for place in heard:
            alarms.add(counts[place], seconds[place])
        choice = alarms.choose(per_day)
        if choice is not None:
            rates.append(totals[counted, THRESHOLDS.index(choice.threshold)].sum() / seconds[counted].sum() * DAY_S)
    return sum(rate > per_day for rate in rates), len(rates), float(np.mean(rates)) if rates else 0.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help="folder with final.pt")
    add("--ambience", required=True, nargs="+", metavar="FILE|DIR", help="recordings, all of them without the event")
    add("--per-day", required=True, type=float, nargs="+", metavar="N", help="bounds to try, alarms a day")
    options = parser.parse_args(argv)
    recordings = list_recordings(options.ambience)
    analyser = AmbienceAnalyser(Work((options.model,), Decision()))
    heard = [each for each in results(recordings, analyser) if isinstance(each, Heard) and not each.fault]
    counts, seconds = [np.array(each.counts) for each in heard], np.array([each.duration_s for each in heard])
    print(f"{len(heard)} recordings, {seconds.sum() / 60:.0f} minutes, {DRAWS} draws of half as many:\n")
    print("| alarms a day | draws | threshold set in | broken in | mean rate then, a day |\n|---|---|---|---|---|")
    for per_day in options.per_day:
        for draw in (halves, resampled):
            bad, set_, rate = broken(counts, seconds, per_day, draw)
            print(f"| {per_day:g} | {draw.__name__} | {set_} | {bad} | {rate:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
