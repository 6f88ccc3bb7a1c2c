"""A picture of how many events there were in each hour."""

from datetime import datetime
from pathlib import Path

import numpy as np

from pysed.drawing.figure_files import plain_text, save_figure
from pysed.drawing.spectrogram import line_colour

_MOST_TICKS = 12


@plain_text()
def draw_hourly(table: str, path: Path) -> None:
    """Draw the table that hourly_counts() makes, as bars, a colour for each class; ``path`` ends in .svg, .png, .pdf.

    Hours of a clock stand at their time, so that a gap between recordings is seen; others one after the other.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    head, *rows = [line.split("\t") for line in table.splitlines()]
    labels, hours = head[1:], [row[0] for row in rows]
    counts = np.array([row[1:] for row in rows], dtype=np.int64).reshape(len(rows), len(labels))
    places = _places(hours)
    figure = Figure(figsize=(min(16.0, 4 + 0.12 * (np.ptp(places) if len(rows) else 0)), 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    below = np.zeros(len(rows))
    for index, (label, column) in enumerate(zip(labels, counts.T, strict=True)):
        axes.bar(places, column, bottom=below, width=0.9, color=line_colour(index), label=label)
        below += column
    shown = range(0, len(rows), max(1, -(-len(rows) // _MOST_TICKS)))
    axes.set_xticks(
        [places[index] for index in shown], [hours[index].replace("T", "\n") for index in shown], fontsize=6
    )
    axes.set(xlabel="hour", ylabel="events", ylim=(0, max(1.0, 1.05 * below.max(initial=0))))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if labels:
        axes.legend(frameon=False, fontsize=7)
    suffix = path.suffix.lower()
    save_figure(figure, path.with_suffix(""), suffixes=(suffix,))
    if suffix != path.suffix:
        path.with_suffix(suffix).replace(path)


def _places(hours: list[str]) -> np.ndarray:
    """Hours since the first, where all are a clock's; else their numbers in the list."""
    try:
        times = [datetime.fromisoformat(hour) if "T" in hour else None for hour in hours]
        return np.array([(time - times[0]).total_seconds() / 3600 for time in times])  # type: ignore[operator]
    except TypeError:  # some have no clock, or no zone
        return np.arange(len(hours), dtype=float)
