"""Plots of what decisions rest on: the two streams, and the phones under the recogniser's evidence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pysed.drawing.figure_files import plain_text, save_panels
from pysed.drawing.heard import COLOURS
from pysed.phones.names import by_class, class_of
from pysed.phones.patterns.analysis import Patterns
from pysed.phones.patterns.tables import LEVEL, parts

_PANEL_INCHES = 2.7
_ALONE_INCHES, _SMALL = 3.4, 7.5  # letters of 9 pixels where a panel fills a phone
# figure's name -> caption
CAPTIONS = {
    "streams": "What each detection of gradual rests on. A detection's logit, above that of the clip's mean input, is "
    "the sum of two parts: one from the SED features (to the right) and one from the recogniser's (upwards).",
    "evidence": "How much the recogniser's evidence on each phone adds to all detections together. The line is what "
    "chance expects, with the phones of each recording moved in time. A star marks a phone that differs from chance "
    f"(false discovery rate q below {LEVEL:g}). Colours are classes of phones.",
}


def draw_streams(found: Sequence[Patterns], path: Path) -> None:
    """A panel for each class: every detection's logit from SED features (x) and from the recogniser (y).

    ``path`` has no suffix; SVG, PNG and PDF are written, and each panel alone as SVG.
    """
    upwards = [0.0, *(value for each in found if each.decisions for value in parts(each.decisions)[2])]
    span = (min(upwards), max(upwards) or 1.0)  # the same for all classes, alone or not
    by_event = {each.event: each for each in found}
    save_panels(lambda events: _streams([by_event[event] for event in events], span), list(by_event), path)


@plain_text()
def _streams(found: Sequence[Patterns], span: tuple[float, float]):
    figure, panels = _figure(len(found), 2.9, sharey=True)
    margin = 0.05 * (span[1] - span[0])
    panels[0].set_ylim(span[0] - margin, span[1] + margin)
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
            panel.legend(fontsize=_SMALL, frameon=False)
    panels[0].set_ylabel("recogniser's features (logits)", fontsize=8)
    return figure


def draw_evidence(found: Sequence[Patterns], path: Path) -> None:
    """A panel for each class: evidence on each phone in detections; chance as a line, a star for q below LEVEL.

    ``path`` has no suffix; SVG, PNG and PDF are written, and each panel alone as SVG.
    """
    by_event = {each.event: each for each in found}
    most = max((sum(1 for row in each.phones if row.seconds) for each in found), default=0)
    save_panels(lambda events: _evidence([by_event[event] for event in events], max(most, 4)), list(by_event), path)


@plain_text()
def _evidence(found: Sequence[Patterns], rows_of_all: int):
    heard = [{row.phone: row for row in each.phones if row.seconds} for each in found]
    figure, panels = _figure(len(found), 1.2 + 0.15 * rows_of_all)
    for panel, each, rows in zip(panels, found, heard, strict=True):
        names = by_class(rows)
        heights = np.arange(len(names))
        values = [rows[name].observed for name in names]
        panel.barh(heights, values, color=[COLOURS[class_of(name)] for name in names], height=0.75)
        expected = [rows[name].expected for name in names]
        panel.vlines(expected, heights - 0.5, heights + 0.5, color="black", linewidth=1.2)
        labels = [f"{name} *" if rows[name].q < LEVEL else name for name in names]
        panel.set_yticks(heights, labels, fontsize=_SMALL)
        panel.set_title(each.event, fontsize=9)
        panel.set_xlabel("evidence (logits)", fontsize=8)
        panel.set(ylim=(rows_of_all - 0.4, -0.6))
        panel.axvline(0, color="#888888", linewidth=0.6)
    figure.supxlabel(f"line: expected by chance; *: q below {LEVEL:g}", fontsize=_SMALL)
    return figure


def _figure(number: int, height: float, **options):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(_PANEL_INCHES * number, _ALONE_INCHES), height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, number, squeeze=False, **options)[0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=_SMALL)
    return figure, panels
