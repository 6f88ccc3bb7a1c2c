"""Plots of what decisions rest on: the two streams, and the phones under the recogniser's evidence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pysed.drawing.figure_files import save_figure
from pysed.drawing.heard import COLOURS
from pysed.phones.names import by_class, class_of
from pysed.phones.patterns.analysis import Patterns
from pysed.phones.patterns.tables import LEVEL, parts

_PANEL_INCHES = 2.7
# figure's name -> caption
CAPTIONS = {
    "streams": "What each detection of gradual rests on: its logit's parts from the SED features and from the "
    "recogniser's, above the clip's mean input.",
    "evidence": "The recogniser's evidence, summed over all detections, on each phone heard there; lines: what chance "
    f"expects, the recording's phones moved in time; *: false discovery rate q below {LEVEL:g}; colours: phone class.",
}


def draw_streams(found: Sequence[Patterns], path: Path) -> None:
    """A panel for each class: every detection's logit from SED features (x) and from the recogniser (y).

    ``path`` has no suffix; SVG, PNG and PDF are written.
    """
    figure, panels = _figure(len(found), 2.9, sharey=True)
    for panel, each in zip(panels, found, strict=True):
        for hit, label, colour, marker in ((True, "hit", "#0072B2", "o"), (False, "false alarm", "#D55E00", "x")):
            group = [decision for decision in each.decisions if decision.hit == hit]
            if group:
                _, sed, asr = parts(group)
                panel.scatter(sed, asr, s=16, c=colour, marker=marker, linewidths=1, alpha=0.75, label=label)
        panel.axhline(0, color="#888888", linewidth=0.6)
        panel.axvline(0, color="#888888", linewidth=0.6)
        panel.set_title(each.event, fontsize=9)
        panel.set_xlabel("SED features (logits)", fontsize=8)
        if each.decisions:
            panel.legend(fontsize=7, frameon=False)
    panels[0].set_ylabel("recogniser's features (logits)", fontsize=8)
    save_figure(figure, path)


def draw_evidence(found: Sequence[Patterns], path: Path) -> None:
    """A panel for each class: evidence on each phone in detections; chance as a line, a star for q below LEVEL.

    ``path`` has no suffix; SVG, PNG and PDF are written.
    """
    heard = [{row.phone: row for row in each.phones if row.seconds} for each in found]
    most = max(map(len, heard), default=0)
    figure, panels = _figure(len(found), 1.2 + 0.15 * max(most, 4))
    for panel, each, rows in zip(panels, found, heard, strict=True):
        names = by_class(rows)
        heights = np.arange(len(names))
        values = [rows[name].observed for name in names]
        panel.barh(heights, values, color=[COLOURS[class_of(name)] for name in names], height=0.75)
        expected = [rows[name].expected for name in names]
        panel.vlines(expected, heights - 0.5, heights + 0.5, color="black", linewidth=1.2)
        labels = [f"{name} *" if rows[name].q < LEVEL else name for name in names]
        panel.set_yticks(heights, labels, fontsize=7)
        panel.set_title(each.event, fontsize=9)
        panel.set_xlabel("evidence (logits)", fontsize=8)
        panel.set(ylim=(max(most, 4) - 0.4, -0.6))
        panel.axvline(0, color="#888888", linewidth=0.6)
    figure.supxlabel(f"line: expected by chance; *: q below {LEVEL:g}", fontsize=7)
    save_figure(figure, path)


def _figure(number: int, height: float, **options):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(_PANEL_INCHES * number, 3.6), height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, number, squeeze=False, **options)[0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=7)
    return figure, panels
