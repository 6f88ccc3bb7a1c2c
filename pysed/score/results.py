"""Every score of a corpus in ``RESULTS.md``, next to the paper's figures, and for programs in
``comparison.json`` and ``score_pooled_<subset>.json``."""

import os
import textwrap
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from pysed.atomic import atomic_open
from pysed.freshness.marks import clear_left
from pysed.score import paper_table1 as paper
from pysed.score.bootstrap import FEWEST_RECORDINGS as FEWEST
from pysed.score.comparison import AGAINST, COMPARED, comparison, write_comparison, write_pooled
from pysed.score.consistency import check
from pysed.score.onsets import ONSETS
from pysed.score.results_files import COUNTS, MORE, RATES, Row, gather

NAMES = {"error_rate": ("ER", 1, 2), "f_measure": ("F %", 100, 1)}
NAMES |= {"precision": ("precision %", 100, 1), "recall": ("recall %", 100, 1)}
NAMES |= {"segment_error_rate": ("segment ER", 1, 2), "segment_f_measure": ("segment F %", 100, 1)}
NAMES |= {"psds1": ("PSDS 1", 1, 3), "psds2": ("PSDS 2", 1, 3)}
NAMES |= {"expected_calibration_error": ("ECE", 1, 3)}

Record = dict[str, Any]
Table = list[list[str]]


class Section(NamedTuple):
    """A heading (level 1 to 3), and the paragraphs and tables below it."""

    level: int
    title: str
    parts: list[str | Table]


def number(value: float | None, rate: str, sign: str = "") -> str:
    """A rate as printed: error rates with two decimals, PSDS and ECE with three, the others in percent with one; "n/a"
    where undefined."""
    _, scale, decimals = NAMES[rate]
    return "n/a" if value is None else f"{value * scale:{sign}.{decimals}f}"


def spread(figure: Record, rate: str) -> str:
    """Mean over seeds, ± standard deviation where there are several."""
    text = number(figure["mean"], rate)
    return text if figure["std"] is None else f"{text} ± {number(figure['std'], rate)}"


def bounds(figure: Record | None, rate: str, sign: str = "") -> str:
    """An interval in brackets, or nothing."""
    if not figure or not figure["interval"]:
        return ""
    return "[{}, {}]".format(*(number(end, rate, sign) for end in figure["interval"]))


def pair(each: Record) -> str:
    """Error rate / F."""
    return " / ".join(spread(each[rate], rate) for rate in COMPARED)


def overview(found: list[Record]) -> Table:
    """Error rate / F of every system (lines) and class (columns), the paper's below its system's."""
    events = list(dict.fromkeys(each["event"] for each in found))
    events = [event for event in events if event != paper.AVERAGE]
    table = [["system", *events, paper.AVERAGE, "seeds"]]
    for system in dict.fromkeys(each["system"] for each in found):
        mine = {each["event"]: each for each in found if each["system"] == system}
        missing = {event: "-" for event in events} | {paper.AVERAGE: "n/a"}
        cells = [pair(mine[event]) if event in mine else missing[event] for event in (*events, paper.AVERAGE)]
        seeds = sorted({seed for each in mine.values() for seed in each["seeds"]})
        table.append([system, *cells, ",".join(map(str, seeds))])
        printed = [(event, paper.figure(system, event)) for event in (*events, paper.AVERAGE)]
        if any(figure for _, figure in printed):
            cells = [paper_cell(event, figure) for event, figure in printed]
            table.append([f"  paper: {paper.title(system)}", *cells, ""])
    return table


def paper_cell(event: str, figure: paper.Figure | None) -> str:
    """A cell of the paper's table, marked where no single evaluation gives it (the bound is not for averages)."""
    if figure is None:
        return "-"
    mark = "" if event == paper.AVERAGE or check(*figure).consistent else "*"
    return f"{figure.error_rate:.2f} / {100 * figure.f_measure:.1f}{mark}"


def one_class(found: list[Record]) -> Table:
    """Every system on one class: each rate over its seeds, and its interval on the next line."""
    table = [["system", *(NAMES[rate][0] for rate in RATES)]]
    for each in found:
        table.append([each["system"], *(spread(each[rate], rate) for rate in RATES)])
        intervals = [bounds(each[rate], rate) for rate in RATES]
        if any(intervals):
            table.append(["", *intervals])
    return table


def made_of(found: list[Record]) -> list[str]:
    """What a class's test set is made of, in a line; nothing where it is not known, or for the average."""
    first = found[0]
    if first["event"] == paper.AVERAGE or None in (first["num_event_recordings"], first["num_background_recordings"]):
        return []
    events, backgrounds = first["num_event_recordings"], first["num_background_recordings"]
    return [f"{first['num_files']} files, of {events} recordings of events and {backgrounds} backgrounds."]


def other_criteria(found: list[Record]) -> Table:
    """Every system's segment-based rates, PSDS and ECE; the header alone where stage 6 has not left any."""
    table = [["class", "system", *(NAMES[key][0] for key in MORE)]]
    for each in found:
        if any(each[key]["mean"] is not None for key in MORE):
            table.append([each["event"], each["system"], *(spread(each[key], key) for key in MORE)])
    return table


def tests(found: list[Record]) -> Table:
    """Differences of every system to the one all are held against; the header alone where there are none."""
    table = [["class", "system", "ER", "p", "F %", "p"]]
    for each in found:
        if each["against"]:
            cells = []
            for rate in COMPARED:
                known = each["against"][rate]
                cells += (
                    [f"{number(known['mean'], rate, '+')} {bounds(known, rate, '+')}", p_value(known["p"])]
                    if known
                    else ["n/a", ""]
                )
            table.append([each["event"], each["system"], *cells])
    return table


def p_value(p: float | None) -> str:
    """p as printed; a dash where there are too few recordings for one."""
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def costs(found: list[Record]) -> Table:
    """Parameters, training time and speed of every system, means over classes and seeds; only where one is known."""
    table = [["system", "parameters", "training, min", "times real time"]]
    columns = (("parameters", 1, ",.0f"), ("training_s", 1 / 60, ".1f"), ("times_real_time", 1, ",.0f"))
    for system in dict.fromkeys(each["system"] for each in found):
        mine = [each for each in found if each["system"] == system and each["event"] != paper.AVERAGE]
        cells = []
        for key, scale, form in columns:
            known = [each[key] for each in mine if each[key] is not None]
            cells.append(format(scale * mean(known), form) if known else "-")
        if set(cells) != {"-"}:
            table.append([system, *cells])
    return table


def details(rows: list[Row]) -> Table:
    """Every model's rates and counts."""
    table = [
        ["event", "system", "seed", "ER", "F %", "precision %", "recall %", "events", "found", "ins", "del", "files"]
    ]
    for row in rows:
        shown = [number(row.score[rate], rate) for rate in RATES]
        pair = row.score["error_rate"], row.score["f_measure"]
        if None not in pair and not check(*pair, 0, 0).consistent:
            shown[0] += "*"
        counts = [f"{row.score[key]:g}" for key in COUNTS]
        files = "?" if row.num_files is None else str(row.num_files)
        name = row.system + " †" * row.mixed_code
        table.append([row.event, name, str(row.seed), *shown, *counts, files])
    return table


def onsets(rows: list[Row]) -> Table:
    """How far every model's onsets lie from the true ones; the header alone where stage 6 has not left it."""
    table = [["event", "system", "seed", "median, s", "10 %", "90 %", "within 300 ms, %"]]
    for row in rows:
        known = [row.score[key] for key in ONSETS if row.score.get(key) is not None]
        if len(known) == len(ONSETS):
            errors = [f"{value:+.2f}" for value in known[:3]]
            table.append([row.event, row.system, str(row.seed), *errors, f"{100 * known[3]:.0f}"])
    return table


def render(table: Table) -> list[str]:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def marks(rows: list[Row]) -> dict[str, str]:
    """What stands behind the names of a subset's systems; notes_of() says what it means."""
    other_code = {row.system for row in rows if row.mixed_code}
    unlike = set()
    for event in {row.event for row in rows}:
        here = [row for row in rows if row.event == event]
        settings = {(row.system, row.settings) for row in here}
        unlike |= {system for system, number in Counter(system for system, _ in settings).items() if number > 1}
        files = Counter(tuple(row.counts.names) for row in here if row.counts is not None)
        usual = files.most_common(1)[0][0] if files else None
        unlike |= {row.system for row in here if row.counts is not None and tuple(row.counts.names) != usual}
    return {row.system: " †" * (row.system in other_code) + " ‡" * (row.system in unlike) for row in rows}


def notes_of(rows: list[Row], code: str = "") -> list[str]:
    """What the marks of a subset's systems mean; ``code`` stands on both sides of a command."""
    notes = []
    mixed = next((row for row in rows if row.mixed_code), None)
    if mixed:
        command = mixed.command if (mixed.command or "").startswith("./run.sh") else "./run.sh"
        again = f"{code}{command} --stage 5 --remake{code}"
        notes.append(f"† The model and its scores come from different code; {again} makes them anew.")
    if any("‡" in mark for mark in marks(rows).values()):
        notes.append(
            "‡ Trained with other settings than the system's other seeds, or tested on other files than other systems: "
            "train and test anew before comparing."
        )
    return notes


def subset_sections(subset: str, found: list[Record], rows: list[Row]) -> list[Section]:
    """A subset's sections of the results."""
    main_table, model_table, test_table, cost_table = overview(found), details(rows), tests(found), costs(found)
    other_table, onset_table = other_criteria(found), onsets(rows)
    marked = marks(rows)
    main_table = [[row[0] + marked.get(row[0], ""), *row[1:]] for row in main_table]
    notes: list[str | Table] = [*notes_of(rows, "`")]
    if any("paper:" in row[0] for row in main_table):
        notes += [f"The paper's figures are from {paper.SOURCE}: other recordings, unless the corpus is that one."]
    if any(cell.endswith("*") for row in (*main_table, *model_table) for cell in row):
        notes += ["\\* This error rate and F are such as no single evaluation can give together, even rounded."]
    sections = [Section(2, subset, [main_table, *notes])]
    for event in dict.fromkeys(each["event"] for each in found):
        here = [each for each in found if each["event"] == event]
        sections.append(Section(3, f"{subset}: {event}", [*made_of(here), one_class(here)]))
    compared = [each for each in found if each["against"] and each["event"] != paper.AVERAGE]
    without_p = [
        each["event"] for each in compared if any(one and one["p"] is None for one in each["against"].values())
    ]
    few = list(dict.fromkeys(without_p))
    too_few = f"{', '.join(few)}: fewer than {FEWEST} recordings of events, too few to judge a difference."
    by_others = (
        "Segment-based rates judge each second by itself (sed_eval). PSDS, the polyphonic sound detection score, "
        "judges the scores at all thresholds; 1 is perfect. ECE, the expected calibration error, says how far scores "
        "are from probabilities; 0 is perfect (docs/scoring.md)."
    )
    about_onsets = (
        "How far a detected onset lies after the true one (before it where negative), in files that have both: the "
        "median, two percentiles, and how many are within 300 ms."
    )
    about_tests = (
        f"The difference to {AGAINST}, in the same draws of recordings, and the p of no difference. A positive "
        "difference in ER, or a negative one in F, is a loss."
    )
    about_costs = "Means over classes and seeds. The speed is the network's alone, on features that are ready."
    further: list[tuple[str, list[str | Table]]] = [
        ("by other criteria", [by_others, other_table]),
        ("onsets", [about_onsets, onset_table]),
        (f"against {AGAINST}", [about_tests, test_table, *[too_few] * bool(few)]),
        ("cost", [about_costs, cost_table]),
        ("every model", [model_table]),
    ]
    for title, parts in further:
        if all(len(part) > 1 for part in parts if isinstance(part, list)):  # more than its header
            sections.append(Section(3, f"{subset}: {title}", parts))
    return sections


def result_sections(rows: list[Row], content: Record) -> list[Section]:
    """All that RESULTS.md and the report's page say, of gather()'s rows and comparison()'s content."""
    about = (
        "Each cell holds the error rate and F in percent. An error rate of 0 is perfect, and 1 is what a detector gets "
        "that stays silent. Brackets hold 95 % intervals over recordings and seeds. Several seeds stand as mean ± "
        "standard deviation, n/a is undefined, and the average is the plain mean of the classes. The figures are "
        "event-based, by sed_eval, with an onset collar of 500 ms, and every file counts (docs/scoring.md)."
    )
    sections = [Section(1, f"Results on {content['corpus']}", [about])]
    for subset, found in content["subsets"].items():
        sections += subset_sections(subset, found, [row for row in rows if row.subset == subset])
    return sections


def command_lines(rows: list[Row]) -> list[str]:
    """What to type for every model, where it is known."""
    commands = {(row.event, row.system, row.seed): row.command for row in rows if row.command}
    return [f"{event}, {system}, seed {seed}: `{text}`" for (event, system, seed), text in commands.items()]


def as_markdown(sections: list[Section], commands: list[str]) -> str:
    """The text of RESULTS.md."""
    lines = []
    for section in sections:
        lines += [f"{'#' * section.level} {section.title}", ""]
        for part in section.parts:
            lines += [
                *(textwrap.wrap(part, 110, break_on_hyphens=False) if isinstance(part, str) else render(part)),
                "",
            ]
    if commands:
        lines += ["## Commands", "", *(f"- {each}" for each in commands), ""]
    return "\n".join(lines)


def write_results(corpus_dir: str | os.PathLike) -> str:
    """Write ``<corpus_dir>/RESULTS.md`` (its text is returned), ``comparison.json`` and the pooled scores."""
    clear_left(str(corpus_dir))
    rows = gather(corpus_dir)
    content = comparison(rows, Path(corpus_dir).resolve().name)
    text = as_markdown(result_sections(rows, content), command_lines(rows))
    write_comparison(Path(corpus_dir) / "comparison.json", content)
    write_pooled(rows, content)
    with atomic_open(Path(corpus_dir) / "RESULTS.md") as stream:
        stream.write(text)
    return text
