"""Which rows of a published table can no evaluation of a single class give? (``pysed score --check``)

With N events of one class, H of them found and I detections that are none: error rate (N - H + I) / N,
F = 2H / (N + H + I), precision H / (H + I), recall H / N. Each printed figure stands for the interval that its digits
leave. Where N is known every H is tried, with the I that the figures leave; otherwise the figures bound the fractions
H / N and I / N linearly, and it is asked whether any pair of fractions meets them all.
"""

import csv
import os
import re
from typing import NamedTuple

import numpy as np

from pysed.errors import DataError
from pysed.text_files import read_lines

RATES = {"error_rate": ("error_rate", "er"), "f_measure": ("f_measure", "f", "f1", "f %", "f1 %")}
RATES |= {"precision": ("precision", "precision %"), "recall": ("recall", "recall %")}
NUM_EVENTS = ("num_events", "num_reference", "n", "events")
_SLACK = 1e-9
_MOST_EVENTS = 10_000

Interval = tuple[float, float]


class Claim(NamedTuple):
    """One row of a table: its line, its other cells, its figures as intervals of fractions, its number of events."""

    line: int
    name: str
    figures: dict[str, Interval]
    num_events: int | None


def possible(figures: dict[str, Interval], num_events: int | None = None) -> bool:
    """Is there an evaluation of one class with all these rates (RATES' names, fractions) within their intervals?"""
    return _some_fractions(figures) if num_events is None else _some_counts(figures, num_events)


def _some_counts(figures: dict[str, Interval], num_events: int) -> bool:
    """For every number of hits: do the figures leave a whole number of insertions?"""
    hits = np.arange(num_events + 1.0)
    least, most = np.zeros_like(hits), np.full_like(hits, np.inf)
    fits = np.ones(len(hits), dtype=bool)
    for name, (low, high) in figures.items():
        low, high = low - _SLACK, high + _SLACK
        if name == "recall":
            fits &= (hits >= low * num_events) & (hits <= high * num_events)
        elif name == "error_rate":
            least = np.maximum(least, low * num_events - num_events + hits)
            most = np.minimum(most, high * num_events - num_events + hits)
        else:  # numerator / (beside + insertions)
            numerator, beside = (hits, hits) if name == "precision" else (2 * hits, num_events + hits)
            least = np.maximum(least, numerator / high - beside)
            if low > 0:
                most = np.minimum(most, numerator / low - beside)
            least = np.maximum(least, (beside == 0) * 1.0)  # no precision without a detection
    return bool((fits & (np.ceil(least) <= np.floor(most))).any())


def _some_fractions(figures: dict[str, Interval]) -> bool:
    """Linear programming over h = H / N in [0, 1] and i = I / N >= 0."""
    from scipy.optimize import linprog

    numerators = {"error_rate": (-1, 1, 1), "f_measure": (2, 0, 0), "precision": (1, 0, 0), "recall": (1, 0, 0)}
    denominators = {"error_rate": (0, 0, 1), "f_measure": (1, 1, 1), "precision": (1, 1, 0), "recall": (0, 0, 1)}
    rows, limits = [], []
    for name, (low, high) in figures.items():  # low * denominator <= numerator <= high * denominator
        over, under = np.array(numerators[name], dtype=float), np.array(denominators[name], dtype=float)
        for side in (over - (high + _SLACK) * under, (low - _SLACK) * under - over):
            rows.append(side[:2])
            limits.append(-side[2])
    if not rows:
        return True
    return bool(linprog([0, 0], A_ub=rows, b_ub=limits, bounds=[(0, 1), (0, None)]).status == 0)


def read_claims(path: str | os.PathLike) -> list[Claim]:
    """The rows of a table with a header, its cells between tabs, commas, semicolons or Markdown's bars.

    Columns: error_rate (ER) and f_measure (F) are needed, precision, recall and num_events (N) may follow, every other
    is a name. F, precision and recall above 1 anywhere in their column, or under a header with %, are percentages, and
    so is a cell with %. Raises DataError, naming file and line, for what is not such a table.
    """
    lines = [(number, line) for number, line in enumerate(read_lines(path, "a table"), 1) if line.strip(" |-:\t")]
    if len(lines) < 2:
        raise DataError(f"{path}: no rows below a header; expected columns such as system, ER, F")
    mark = next((mark for mark in ("\t", "|", ";", ",") if mark in lines[0][1]), "\t")
    table = [(number, [cell.strip() for cell in _row(line, mark)]) for number, line in lines]
    header = [cell.lower() for cell in table[0][1]]
    columns = {rate: next((header.index(n) for n in names if n in header), None) for rate, names in RATES.items()}
    counted = next((header.index(name) for name in NUM_EVENTS if name in header), None)
    for needed in ("error_rate", "f_measure"):
        if columns[needed] is None:
            raise DataError(
                f"{path}:{table[0][0]}: no column {needed}; expected ER and F, perhaps precision, recall, N"
            )
    for number, row in table[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}:{number}: {len(row)} cells; expected {len(header)}, as in the header")
    percent = {rate: _in_percent(table, header, column) for rate, column in columns.items()}
    used = {*columns.values(), counted}
    claims = []
    for number, row in table[1:]:
        figures = {
            rate: _interval(row[column], percent[rate] or "%" in row[column], f"{path}:{number}: {rate}")
            for rate, column in columns.items()
            if column is not None and row[column] not in ("", "-", "–", "n/a")
        }
        name = " ".join(cell for index, cell in enumerate(row) if index not in used) or f"line {number}"
        claims.append(Claim(number, name, figures, _events(row[counted] if counted is not None else "", path, number)))
    return claims


def _row(line: str, mark: str) -> list[str]:
    """A line's cells; outer bars are Markdown's, while outer tabs stand beside empty cells; quotes may hold a comma."""
    if mark == "|":
        return line.strip().strip("|").split(mark)
    try:
        return next(csv.reader([line.strip(" ")], delimiter=mark, skipinitialspace=True))
    except csv.Error:  # a cell longer than csv takes
        return [line]


def _in_percent(table: list[tuple[int, list[str]]], header: list[str], column: int | None) -> bool:
    if column is None or column == _column(header, "error_rate"):
        return False
    values = [re.sub(r"[%*\s]", "", row[column]) for _, row in table[1:]]
    return "%" in header[column] or any(re.fullmatch(r"\d+(\.\d+)?", v) and float(v) > 1 for v in values)


def _column(header: list[str], rate: str) -> int | None:
    return next((header.index(name) for name in RATES[rate] if name in header), None)


def _interval(cell: str, percent: bool, place: str) -> Interval:
    """What a printed figure stands for: half of its last digit to either side."""
    text = re.sub(r"[%*\s]", "", cell)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,9})?", text):
        raise DataError(f"{place} {cell!r}; expected a number such as 0.06 or 95.4")
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    scale = 0.01 if percent else 1.0
    return max(0.0, (float(text) - half) * scale), (float(text) + half) * scale


def _events(cell: str, path: str | os.PathLike, line: int) -> int | None:
    if cell in ("", "-", "–", "n/a", "?"):
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}", cell) or int(cell) > _MOST_EVENTS:
        raise DataError(f"{path}:{line}: {cell!r} events; expected a whole number from 1 to {_MOST_EVENTS}")
    return int(cell)


def check_table(path: str | os.PathLike) -> list[tuple[Claim, bool]]:
    """Every row of a table, and whether an evaluation can have given it."""
    return [(claim, possible(claim.figures, claim.num_events)) for claim in read_claims(path)]
