"""Pictures of what was found in a recording: spectrogram, each model's events, their scores."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_path
from pysed.audio import duration_of
from pysed.detect.postprocess import HOP_S
from pysed.detect.recordings import Detection
from pysed.errors import DataError
from pysed.score.plot import draw_spectrogram

PAGE_S = 60.0
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def pages(duration_s: float) -> Iterator[tuple[float, float]]:
    """Start and length in seconds of each picture: a minute, the last one shorter, none of under a second but alone."""
    start = 0.0
    while start == 0.0 or duration_s - start >= 1.0:
        left = duration_s - start
        yield start, left if left < PAGE_S + 1.0 else PAGE_S
        start += PAGE_S


def plot_recording(
    folder: Path, name: str, path: Path, models: list[str], analysed: list[tuple[np.ndarray, list[Detection]]]
) -> list[Path]:
    """Draw a recording into ``folder``: ``<name>.png``, or ``<name>_<first second>.png`` for each minute of a long one.

    models: what to call each; analysed: scores (T100,) and events of each. Returns the pictures' paths. Raises
    DataError where ``folder`` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = list(pages(duration_of(path)))
    written = []
    for start_s, length_s in parts:
        figure = Figure(figsize=(10, 4.2 + 0.3 * len(models)), layout="constrained")
        FigureCanvasAgg(figure)
        top, bars, lines = figure.subplots(3, 1, sharex=True, height_ratios=[3, 0.4 * len(models), 1.2])
        end_s = draw_spectrogram(top, path, start_s, length_s)
        top.set_title(name, fontsize="small", loc="left")
        for row, (scores, events) in enumerate(analysed):
            colour = COLOURS[row % len(COLOURS)]
            bars.broken_barh([(e.onset_s, e.offset_s - e.onset_s) for e in events], (row + 0.15, 0.7), color=colour)
            lines.plot(HOP_S * (np.arange(len(scores)) + 0.5), scores, color=colour, linewidth=1)
        bars.set(ylim=(len(models), 0), yticks=np.arange(len(models)) + 0.5, yticklabels=_short(models))
        lines.set(ylim=(0, 1), ylabel="score", xlabel="time (s)", xlim=(start_s, end_s))
        out = folder / f"{name}{f'_{start_s:04.0f}' if len(parts) > 1 else ''}.png"
        try:
            with atomic_path(out) as temporary:
                figure.savefig(temporary, format="png", dpi=100)
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --plot") from None
        written.append(out)
    return written


def _short(models: list[str]) -> list[str]:
    """The last two folders of each: event and system."""
    return ["/".join(Path(model).resolve().parts[-2:]) for model in models]
