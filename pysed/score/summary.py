"""A whole experiment in a few lines: the small table of systems and classes, and what to make of it.

The end of a run shows them, and the report begins with them. ``found`` is a subset's RECORDs of comparison.json
(``pysed.score.comparison``).
"""

import os
import shlex
import textwrap
from pathlib import Path
from typing import Any

from pysed.score import paper_table1 as paper
from pysed.score.comparison import AGAINST
from pysed.score.results import Table, marks, notes_of, number, overview, p_value, render
from pysed.score.results_files import Row, gather, in_order
from pysed.text_files import read_json

Record = dict[str, Any]

SILENCE = "(silence)"
MEANING = (
    "Each cell holds the error rate and F in percent. The error rate is missed events and false alarms together, "
    "divided by the number of true events: 0 is perfect, and 1 is what a detector gets that stays silent. F is best at "
    "100."
)
SIGNIFICANT = 0.05


def small_table(found: list[Record], rows: list[Row]) -> Table:
    """Error rate / F of every system (lines) and class (columns), last of a detector that stays silent.

    The average and the seeds stand there where there is more than one class, or seed.
    """
    marked = marks(rows)
    head, *lines = overview(found)
    lines = [line for line in lines if not line[0].startswith("  paper:")]
    kept = [column for column in range(len(head)) if _says_something(column, head, lines)]
    table = [[line[column] for column in kept] for line in (head, *lines)]
    for line in table[1:]:
        line[0] += marked.get(line[0], "")
    return [*table, [SILENCE, *(_of_silence(name, found) for name in table[0][1:])]]


def _of_silence(column: str, found: list[Record]) -> str:
    """A column's cell of a detector that stays silent: F is undefined there, and the error rate where no event is."""
    if column == "seeds":
        return ""
    without = _without_events(found) & ({column} if column != paper.AVERAGE else _events(found))
    return f"{'n/a' if without else '1.00'} / n/a"


def _events(found: list[Record]) -> set[str]:
    return {each["event"] for each in found} - {paper.AVERAGE}


def _without_events(found: list[Record]) -> set[str]:
    """The classes of which no test file holds an event, so that nobody has an error rate."""
    return _events(found) - {each["event"] for each in found if each["error_rate"]["mean"] is not None}


def _says_something(column: int, head: list[str], lines: list[list[str]]) -> bool:
    if head[column] == paper.AVERAGE:
        return column > 2 and any(line[column] != "n/a" for line in lines)
    return head[column] != "seeds" or {line[column] for line in lines} != {"1"}


def compared(found: list[Record]) -> list[Record]:
    """What systems are compared by, the best first: their averages, or their records of the only class."""
    events = {each["event"] for each in found} - {paper.AVERAGE}
    event = paper.AVERAGE if len(events) > 1 else next(iter(events))
    known = [each for each in found if each["event"] == event and each["error_rate"]["mean"] is not None]
    return sorted(known, key=lambda each: each["error_rate"]["mean"])


def verdict(found: list[Record]) -> str:
    """What to make of the table: which system makes the fewest errors, whether by more than chance, and which could not
    be compared."""
    ranked = compared(found)
    others = in_order(each["system"] for each in found if each["system"] not in {one["system"] for one in ranked})
    left = f"Left out, as not every class has been scored with the same seeds: {', '.join(others)}."
    return f"{_best_of(ranked, found)} {left if ranked and others else ''}".rstrip()


def _best_of(ranked: list[Record], found: list[Record]) -> str:
    if not ranked:
        without = ", ".join(sorted(_without_events(found)))
        if without:
            return f"No test file holds an event of {without}, so there is no error rate to compare."
        return "No system has been scored on every class with the same seeds, so there is no average to compare."
    best, *others = ranked
    where = "on average over the classes" if best["event"] == paper.AVERAGE else f"on {best['event']}"
    rate = _rate(best)
    if best["error_rate"]["mean"] >= 1:
        text = (
            f"No system does better {where} than one that stays silent; {best['system']} has an error rate of {rate}."
        )
        return f"{text} Longer training or more data may help." if not others else text
    if not others:
        return f"{best['system']} has an error rate of {rate} {where}, where staying silent gets 1."
    second = others[0]
    if _rate(second) == rate:
        text = f"{best['system']} and {second['system']} have the same error rate {where}, {rate}."
    else:
        text = f"{best['system']} is best {where}, with an error rate of {rate} ({second['system']}: {_rate(second)})."
    return f"{text} {_chance(best, others)}".rstrip()


def _rate(each: Record) -> str:
    return number(each["error_rate"]["mean"], "error_rate")


def _chance(best: Record, others: list[Record]) -> str:
    """Whether the best system differs from the one that all are held against by more than chance."""
    tested, other = (others[0], best) if best["system"] == AGAINST else (best, None)
    if other is None:
        other = next((each for each in others if each["system"] == AGAINST), None)
    if other is None:
        return ""
    known = (tested["against"] or {}).get("error_rate")
    if known is None:
        return ""
    names = f"{best['system']} and {tested['system'] if tested is not best else other['system']}"
    if known["p"] is None:
        return f"Too few recordings of events to tell whether {names} differ by more than chance."
    differ = "differ by more than chance" if known["p"] < SIGNIFICANT else "may differ by chance alone"
    p = p_value(known["p"])
    return f"{names} {differ} (p {'' if p.startswith('<') else '= '}{p})."


def best_model(content: Record, rows: list[Row]) -> Row:
    """The first training of the best system, on the first class, of the last subset that ranks systems."""
    for subset, found in reversed(content["subsets"].items()):
        for best in compared(found)[:1]:
            return next(row for row in rows if (row.subset, row.system) == (subset, best["system"]))
    return rows[0]


def wrapped(text: str) -> list[str]:
    """Lines of at most a hundred characters."""
    return textwrap.wrap(text, 100, break_on_hyphens=False)


def brief(corpus_dir: str | os.PathLike) -> str:
    """The last screen's text, with the command that uses the best model, of what write_results() left."""
    rows = gather(corpus_dir)
    content = read_json(Path(corpus_dir) / "comparison.json", "what pysed results writes")
    parts = []
    for subset, found in content["subsets"].items():
        here = [row for row in rows if row.subset == subset]
        table = small_table(found, here)
        title = [f"{subset}:"] * (len(content["subsets"]) > 1)
        said = [line for text in (verdict(found), *notes_of(here)) for line in wrapped(text)]
        parts += [*title, *render(table), "", *said, ""]
    model = best_model(content, rows).model
    use = f". ./path.sh && pysed detect --model {shlex.quote(str(model))} RECORDING.wav"
    return "\n".join([*parts, *wrapped(MEANING), "", f"Detect with it  {use}", ""])
