"""The paper's Figure 2: a bar for each phone of each event, for a column of a two-column page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pysed.drawing.figure_files import plain_text, save_panels
from pysed.phones.heard.analysis import BACKGROUND, Analysis, PhoneTable
from pysed.phones.names import CLASSES, OTHER, by_class, class_of, is_speech

# Okabe and Ito's palette, told apart by colour-blind readers; classes are also set apart by gaps.
COLOURS = dict(
    zip([*CLASSES, OTHER], ["#666666", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#000000"], strict=True)
)
# figure's name -> whose events it shows, and its caption
FIGURES = {
    name: (
        place,
        f"The paper's Figure 2, from {where}: how often each phone is heard, as a share of all phones of the class. "
        "Word position and stress are left out. Whiskers are 95 % intervals over source recordings. The vertical "
        "lines are the shares in recordings without an event.",
    )
    for name, place, where in (
        ("figure2", "isolated", "bare events"), ("figure2_mixtures", "mixtures", "events in mixtures")
    )
}  # fmt: skip
COLUMN_INCHES = 3.4
_POINTS = 6.5  # of letters beside each other in a column; a panel alone has larger ones, for a phone
_POINTS_ALONE = 8
_ROW_INCHES = 0.112
_GAP = 0.7  # rows between classes


def draw_figure2(analysis: Analysis, place: str, path: Path) -> None:
    """Draw a panel for each event of ``place``: share of phones by count in %, in order of their classes.

    ``path`` has no suffix; SVG, PNG and PDF are written, and each panel alone as SVG. Silence and noise have an axis of
    their own, above, since they are many times the rest. Whiskers are 95 % intervals, black lines the background's
    shares. Three events are a column wide (COLUMN_INCHES), more are wider. The same analysis gives the same bytes.
    """
    save_panels(lambda events: _figure2(analysis, place, events), analysis.events, path, dpi=400)


@plain_text()
def _figure2(analysis: Analysis, place: str, events: Sequence[str]):
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    everything = [analysis.table(event, place, "phone") for event in analysis.events]
    tables = [table for table in everything if table.event in events]
    background = None
    if (BACKGROUND, BACKGROUND) in analysis.measures:
        background = analysis.table(BACKGROUND, BACKGROUND, "phone")
    names = by_class(tables[0].phones)
    groups = [[name for name in names if not is_speech(name)], [name for name in names if is_speech(name)]]
    groups = [group for group in groups if group]
    heights = [_positions(group)[-1] + 1.0 for group in groups]
    width = max(COLUMN_INCHES, COLUMN_INCHES / 3 * len(tables))
    points = _POINTS_ALONE if len(tables) == 1 else _POINTS
    row_inches = _ROW_INCHES * points / _POINTS
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": points, "axes.linewidth": 0.5}):
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.01)
        figure = Figure(figsize=(width, row_inches * sum(heights) + 0.95), layout=layout)
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(groups), len(tables), squeeze=False, sharey="row", height_ratios=heights)
        for row, group in zip(axes, groups, strict=True):
            limit = max(_limit(table, group) for table in [*everything, background] if table)
            for panel, table in zip(row, tables, strict=True):
                _draw_panel(panel, table, background, group, limit, points)
        for panel, table in zip(axes[0], tables, strict=True):
            panel.set_title(f"{table.event}\n{int(table.amount.sum())} phones", fontsize=points + 0.5)
        figure.supxlabel("share of phones (%)", fontsize=points)
        _add_legend(figure, {class_of(name) for name in names}, background is not None, points)
    return figure


def _positions(group: list[str]) -> np.ndarray:
    """(V,) heights of the rows, with a gap wherever the class changes."""
    steps = [0.0] + [1.0 + _GAP * (class_of(a) != class_of(b)) for a, b in zip(group, group[1:], strict=False)]
    return np.cumsum(steps)


def _columns(table: PhoneTable, group: list[str]) -> list[int]:
    return [table.phones.index(name) for name in group]


def _limit(table: PhoneTable, group: list[str]) -> float:
    """Right end of an axis in %; an interval is cut at one and a half times the longest bar."""
    columns = _columns(table, group)
    longest = np.nanmax(table.share[columns], initial=0)
    return 105 * float(min(max(np.nanmax(table.share_high[columns], initial=0), longest), 1.5 * longest, 1)) or 1.0


def _draw_panel(
    panel, table: PhoneTable, background: PhoneTable | None, group: list[str], limit: float, points: float
) -> None:
    columns, rows = _columns(table, group), _positions(group)
    shares = 100 * np.nan_to_num(table.share[columns])
    panel.barh(rows, shares, height=0.78, color=[COLOURS[class_of(name)] for name in group], linewidth=0)
    panel.hlines(
        rows, 100 * table.share_low[columns], 100 * table.share_high[columns], color="#222222", linewidth=0.5, zorder=3
    )
    if background is not None:
        reference = 100 * background.share[_columns(background, group)]
        panel.vlines(reference, rows - 0.5, rows + 0.5, color="black", linewidth=1.1, zorder=4)
    panel.set(xlim=(0, limit), ylim=(rows[-1] + 0.6, -0.6))
    panel.set_yticks(rows, group)
    panel.locator_params(axis="x", nbins=4)
    panel.tick_params(axis="y", length=0, pad=1.5, labelsize=points - 0.5)
    panel.tick_params(axis="x", length=2, width=0.5, pad=1.5, labelsize=points - 0.5)
    panel.grid(axis="x", color="#dddddd", linewidth=0.4)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _add_legend(figure, classes: set[str], background: bool, points: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list = [Patch(color=colour, label=label) for label, colour in COLOURS.items() if label in classes]
    if background:
        handles.append(Line2D([], [], color="black", linewidth=1.1, marker="|", linestyle="", label="no event"))
    figure.legend(
        handles=handles, loc="outside upper center", ncols=3 if len(handles) > 4 else 2, frameon=False,
        fontsize=points - 0.5, handlelength=1.0, columnspacing=1.0, labelspacing=0.25, borderpad=0.1,
    )  # fmt: skip
