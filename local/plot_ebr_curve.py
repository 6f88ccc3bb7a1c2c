#!/usr/bin/env python3
"""Table and figure of F over the event-to-background ratio, from the scores that local/ebr_curve.sh leaves."""

import argparse
import csv
import sys
from pathlib import Path

from pysed.drawing.figure_files import plain_text

#: F in % of the challenge's baseline on the development set of TUT Rare Sound Events 2017 (its documentation).
TUT_BASELINE = {"babycry": 72.0, "glassbreak": 88.5, "gunshot": 57.4}


def crossing(shifts: list[float], values: list[float], wanted: float) -> float | None:
    """Where the values, joined by lines, first reach ``wanted`` from below; None where they do not."""
    for (left, low), (right, high) in zip(
        zip(shifts, values, strict=True), zip(shifts[1:], values[1:], strict=True), strict=False
    ):
        if low < wanted <= high:
            return left + (right - left) * (wanted - low) / (high - low)
    return None


def at(shifts: list[float], values: list[float], place: float) -> float:
    """The values, joined by lines, at a place between the first and the last shift."""
    import numpy as np

    return float(np.interp(place, shifts, values))


def read_curves(folder: Path) -> dict[str, dict[float, tuple[float, float]]]:
    """System -> shift in dB -> F in % and error rate, means over seeds."""
    from pysed.text_files import read_json

    found: dict[str, dict[float, list[tuple[float, float]]]] = {}
    for path in sorted([*folder.glob("*/*/score_devtest.json"), *folder.glob("*/*/seed*/score_devtest.json")]):
        shift, system = path.relative_to(folder).parts[:2]
        score = read_json(path)
        pair = 100 * (score["f_measure"] or 0.0), score["error_rate"]
        found.setdefault(system, {}).setdefault(float(shift), []).append(pair)
    return {
        system: {
            shift: (sum(f for f, _ in pairs) / len(pairs), sum(e for _, e in pairs) / len(pairs))
            for shift, pairs in sorted(by_shift.items())
        }
        for system, by_shift in found.items()
    }


@plain_text()
def draw(curves: dict[str, dict[float, tuple[float, float]]], event: str, reached: float | None, path: Path) -> None:
    """One line a system; a dashed line where the baseline reaches its published F."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from pysed.drawing.figure_files import save_figure
    from pysed.drawing.spectrogram import line_colour

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, (system, points) in enumerate(curves.items()):
        axes.plot(
            list(points), [f for f, _ in points.values()], marker="o", ms=4, color=line_colour(index), label=system
        )
    if reached is not None:
        axes.axvline(reached, color="grey", ls="--", lw=1)
        inwards = "right" if reached > sum(axes.get_xlim()) / 2 else "left"
        axes.text(reached, 2, " as hard as TUT for the baseline ", fontsize=7, color="grey", ha=inwards)
    axes.set(xlabel="events louder than in the corpus by, dB", ylabel="F, %", ylim=(0, 100), title=event)
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", default="mlp")
    parser.add_argument("folder", type=Path)
    parser.add_argument("event")
    options = parser.parse_args(argv)

    from pysed.atomic import atomic_open

    curves = read_curves(options.folder)
    if not curves:
        print(f"{options.folder}: no scores; expected SHIFT/SYSTEM/score_devtest.json", file=sys.stderr)
        return 2
    reached = None
    if options.baseline in curves and options.event in TUT_BASELINE:
        points = curves[options.baseline]
        reached = crossing(list(points), [f for f, _ in points.values()], TUT_BASELINE[options.event])
        if reached is None:
            print(f"{options.baseline} does not reach the {TUT_BASELINE[options.event]} % of TUT at these shifts")
    with atomic_open(options.folder / "curve.csv") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["system", "shift_db", "f_percent", "error_rate"])
        for system, points in curves.items():
            writer.writerows([system, f"{shift:g}", f"{f:.1f}", f"{e:.2f}"] for shift, (f, e) in points.items())
    draw(curves, options.event, reached, options.folder / "curve")
    if reached is not None:
        print(f"{options.baseline} reaches the {TUT_BASELINE[options.event]} % of TUT at {reached:+.1f} dB; there:")
        for system, points in curves.items():
            f = at(list(points), [f for f, _ in points.values()], reached)
            error_rate = at(list(points), [e for _, e in points.values()], reached)
            print(f"  {system}: error rate {error_rate:.2f}, F {f:.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
