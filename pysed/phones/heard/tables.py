"""The phone analysis as tables: CSV for programs, one Markdown page for people."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_open
from pysed.phones.heard import paper_table2 as paper
from pysed.phones.heard.analysis import BACKGROUND, PLACES, Analysis, Estimate, PhoneTable
from pysed.phones.heard.statistics import CONFIDENCE
from pysed.phones.names import class_of

TOP = 10
# measure -> (title, factor, decimals)
MEASURES = {
    "median_duration_s": ("median duration, s", 1, 2),
    "speech_share": ("speech phones, % of time", 100, 1),
    "sil_share": ("SIL, % of time", 100, 1),
    "spn_share": ("SPN, % of time", 100, 1),
    "phone_rate": ("speech phones a second", 1, 2),
    "phones_per_event": ("speech phones an event", 1, 1),
    "entropy_bits": ("entropy of all phones, bits", 1, 2),
    "speech_entropy_bits": ("entropy of speech phones, bits", 1, 2),
}


def write_tables(analysis: Analysis, out: Path, about: Sequence[str], figures: Sequence[tuple[str, str]]) -> list[Path]:
    """Write summary, comparisons, phones, table2, words (.csv) and phones.md into ``out``; returns the paths.

    ``about``: lines on where the numbers come from; ``figures``: (file name, caption), for phones.md. CSVs are tidy,
    one value or phone a row; a value that is undefined is an empty field.
    """
    paths = [
        out / name for name in ("summary.csv", "comparisons.csv", "phones.csv", "table2.csv", "words.csv", "phones.md")
    ]
    write_csv(paths[0], ["event", "place", "measure", *_FIELDS], _summary_rows(analysis))
    write_csv(paths[1], ["measure", "place", "a", "b", *_FIELDS], _comparison_rows(analysis))
    head = "event place form measure phone class amount share share_low share_high num_sources log_odds log_odds_low"
    write_csv(paths[2], [*head.split(), "log_odds_high", "p_adjusted"], _phone_rows(analysis.tables))
    head = "event place median_duration_s paper_median_duration_s rank phone share paper_names_it paper_phone"
    write_csv(paths[3], head.split(), _table2_rows(analysis))
    write_csv(paths[4], ["event", "place", "phones", "count", "share", "num_sources"], _word_rows(analysis))
    with atomic_open(paths[5]) as stream:
        stream.write("\n".join(_page(analysis, about, figures)) + "\n")
    return paths


_FIELDS = ["value", "low", "high", "num_sources"]


def _field(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if not math.isfinite(value) else f"{value:.6g}"
    return str(value)


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole; a number that is not finite is an empty field."""
    with atomic_open(path, newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows([_field(value) for value in row] for row in rows)


def _fields(estimate: Estimate) -> list[object]:
    return [estimate.value, estimate.low, estimate.high, estimate.num_sources]


def _summary_rows(analysis: Analysis) -> list[list[object]]:
    return [
        [event, place, name, *_fields(estimate)]
        for (event, place), measures in analysis.measures.items()
        for name, estimate in measures.items()
    ]


def _comparison_rows(analysis: Analysis) -> list[list[object]]:
    return [[*names, *_fields(estimate)] for *names, estimate in analysis.comparisons]


def _phone_rows(tables: Iterable[PhoneTable]) -> Iterable[list[object]]:
    for each in tables:
        names = [each.event, each.place, each.form, each.measure]
        for v, phone in enumerate(each.phones):
            amount = int(each.amount[v]) if each.measure == "count" else f"{each.amount[v]:.6f}"
            yield [
                *names, phone, class_of(phone), amount, each.share[v], each.share_low[v], each.share_high[v],
                int(each.num_sources[v]), each.log_odds[v], each.log_odds_low[v], each.log_odds_high[v],
                each.p_adjusted[v],
            ]  # fmt: skip


def most_frequent(table: PhoneTable, number: int = TOP) -> list[int]:
    """Columns of the phones with the largest amounts, largest first, equals by name; none that never occurs."""
    order = sorted(range(len(table.phones)), key=lambda v: (-table.amount[v], table.phones[v]))
    return [v for v in order[:number] if table.amount[v] > 0]


def _table2_rows(analysis: Analysis) -> Iterable[list[object]]:
    for event in analysis.events:
        printed = paper.TABLE_2.get(event)
        for place in PLACES:
            table = analysis.table(event, place, "position")
            median = analysis.measures[event, place]["median_duration_s"].value
            top = most_frequent(table)
            for rank in range(max(len(top), len(printed.phones) if printed else 0)):
                phone, share = (table.phones[top[rank]], table.share[top[rank]]) if rank < len(top) else ("", "")
                named = "" if printed is None else ("yes" if phone in printed.phones else "no")
                theirs = printed.phones[rank] if printed and rank < len(printed.phones) else ""
                yield [event, place, median, printed.median_s if printed else "", rank + 1, phone, share, named, theirs]


def _word_rows(analysis: Analysis) -> Iterable[list[object]]:
    for part in analysis.parts:
        total = sum(count for _, count, _ in part.words)
        for phones, count, sources in part.words:
            yield [part.event, part.place, phones, count, count / total, sources]


def _word_lines(analysis: Analysis) -> Iterable[list[str]]:
    for part in analysis.parts:
        total = sum(count for _, count, _ in part.words)
        cells = [f"{phones} {100 * count / total:.1f}" for phones, count, _ in part.words[:6]]
        yield [part.event, part.place, str(total), ", ".join(cells) or "none"]


def _shown(estimate: Estimate, factor: float, decimals: int, sign: str = "") -> str:
    """``1.23 (1.01 to 1.45)``, or the value alone where there is no interval, or n/a."""
    form = f"{sign}.{decimals}f"
    if not math.isfinite(estimate.value):
        return "n/a"
    text = format(factor * estimate.value, form)
    if not math.isfinite(estimate.low):
        return text
    return f"{text} ({format(factor * estimate.low, form)} to {format(factor * estimate.high, form)})"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines, an empty one last."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def _page(analysis: Analysis, about: Sequence[str], figures: Sequence[tuple[str, str]]) -> list[str]:
    interval = f"{100 * CONFIDENCE:g} %"
    lines = ["# Phones in events", "", *about, ""]
    lines += ["## Classes", "", f"Brackets hold {interval} intervals over source recordings.", ""]
    keys = [(part.event, part.place) for part in analysis.parts]
    head = ["", *(BACKGROUND if event == BACKGROUND else f"{event}, {place}" for event, place in keys)]
    rows = [
        ["recordings", *(str(part.num_recordings) for part in analysis.parts)],
        ["source recordings", *(str(len(part.tally.sources)) for part in analysis.parts)],
    ]
    for name, (title, factor, decimals) in MEASURES.items():
        found = [analysis.measures[key].get(name) for key in keys]
        rows.append([title, *("" if one is None else _shown(one, factor, decimals) for one in found)])
    lines += markdown_table(head, rows)
    differences = f"Each cell is a − b with its {interval} interval, **bold** where that leaves 0 out."
    lines += ["## Differences", "", differences, ""]
    lines += markdown_table(["", "a", "b", *PLACES], _difference_rows(analysis))
    lines += [f"## Table 2 (the paper's rows: {paper.SOURCE})", ""]
    about_phones = (
        "The most frequent phones by count, with their share in %; **bold** ones are in the paper's table, too."
    )
    lines += [about_phones, ""]
    lines += markdown_table(["event", "", "median, s", "phones"], _table2_lines(analysis))
    about_words = "The most frequent words of the graph, written as phones, with their share in %."
    lines += ["## Words", "", about_words, ""]
    lines += markdown_table(["event", "", "words", "most frequent"], _word_lines(analysis))
    lines += ["## Figures", ""]
    for name, caption in figures:
        lines += [f"![{caption}]({name})", "", caption, ""]
    lines += [
        "## Phones against the background", "",
        "How much more or less frequent a phone is than in recordings without an event: the log-odds ratio (natural "
        f"logarithm: +0.69 is twice the odds) with its {interval} interval, by count, without position and stress. "
        "Only phones whose p is below 0.05, adjusted for all phones (Holm), are listed.", "",
    ]  # fmt: skip
    if (BACKGROUND, BACKGROUND) in analysis.measures:
        lines += markdown_table(["event", "", "more than in the background", "less"], _odds_lines(analysis))
    else:
        lines += ["Every recording has an event: there is no background to compare with.", ""]
    return lines[:-1]


def _difference_rows(analysis: Analysis) -> Iterable[list[str]]:
    found = {(name, first, second, place): one for name, place, first, second, one in analysis.comparisons}
    for name, (title, factor, decimals) in MEASURES.items():
        for first, second in dict.fromkeys((key[1], key[2]) for key in found if key[0] == name):
            cells = []
            for place in PLACES:
                one = found[name, first, second, place]
                text = _shown(one, factor, decimals, "+")
                cells.append(f"**{text}**" if one.low > 0 or one.high < 0 else text)
            yield [title, first, second, *cells]


def _table2_lines(analysis: Analysis) -> Iterable[list[str]]:
    for event in analysis.events:
        printed = paper.TABLE_2.get(event)
        if printed:
            yield [event, "paper", f"{printed.median_s:.2f}", ", ".join(printed.phones)]
        for place in PLACES:
            table = analysis.table(event, place, "position")
            cells = []
            for v in most_frequent(table):
                text = f"{table.phones[v]} {100 * table.share[v]:.1f}"
                cells.append(f"**{text}**" if printed and table.phones[v] in printed.phones else text)
            median = analysis.measures[event, place]["median_duration_s"]
            yield [event, place, f"{median.value:.2f}", ", ".join(cells) or "none"]


def _odds_lines(analysis: Analysis) -> Iterable[list[str]]:
    for event in analysis.events:
        for place in PLACES:
            table = analysis.table(event, place, "phone")
            sure = [v for v in range(len(table.phones)) if table.p_adjusted[v] < 0.05]
            cells = []
            for sign in (1, -1):
                order = sorted((v for v in sure if sign * table.log_odds[v] > 0), key=lambda v: -abs(table.log_odds[v]))
                cells.append(", ".join(_odds(table, v) for v in order) or "none")
            yield [event, place, *cells]


def _odds(table: PhoneTable, v: int) -> str:
    low, high = table.log_odds_low[v], table.log_odds_high[v]
    return f"{table.phones[v]} {table.log_odds[v]:+.2f} ({low:+.2f} to {high:+.2f})"
