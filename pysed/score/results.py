"""``pysed results``: every score of a corpus in one table, ``RESULTS.md``, next to the paper's figures."""

import argparse
import json
import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.score import paper
from pysed.score.consistency import check

RATES = ("error_rate", "f_measure", "precision", "recall")
COUNTS = ("num_reference", "num_detected", "insertions", "deletions")
SYSTEM_ORDER = ("gradual", "cbrnn", "finetune", "crnn", "crnn_ta", "crnn_ta_fa", "cnn1d_rnn", "mlp")


@dataclass(frozen=True)
class Row:
    """One trained model on one subset: its score file's content and where it came from."""

    event: str
    system: str
    subset: str
    seed: int
    score: dict[str, Any]
    num_files: int | None
    command: str | None


def gather(corpus_dir: str | os.PathLike) -> list[Row]:
    """Every ``<event>/<system>[/seed<k>]/score_<subset>.json`` below ``exp/<corpus>``.

    Raises DataError for a missing folder, one without scores, and score files that are not as the contract says.
    """
    root = Path(corpus_dir)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected exp/<corpus>")
    rows = []
    for path in sorted([*root.glob("*/*/score_*.json"), *root.glob("*/*/seed*/score_*.json")]):
        subset = path.stem.removeprefix("score_")
        if subset.startswith("pooled_"):
            continue
        nested = re.fullmatch(r"seed(\d+)", path.parent.name)
        folder = path.parent.parent if nested else path.parent
        score = read_score(path)
        seed = int(nested[1]) if nested else int(score.get("seed") or 1)
        rows.append(
            Row(folder.parent.name, folder.name, subset, seed, score, _num_files(path, score), _command(path.parent))
        )
    if not rows:
        raise DataError(f"{root}: no <event>/<system>/score_<subset>.json; run stage 6 first")
    return rows


def read_score(path: Path) -> dict[str, Any]:
    """One score file, its rates and counts checked for type."""
    try:
        score = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); run stage 6 again") from None
    if not isinstance(score, dict):
        raise DataError(f"{path}: not an object; expected a score; run stage 6 again")
    for key in (*RATES, *COUNTS):
        value = score.get(key, "missing")
        if isinstance(value, bool) or not (isinstance(value, int | float) or (value is None and key in RATES)):
            raise DataError(f"{path}: {key} {value!r}; expected a number; run stage 6 again")
    return score


def _num_files(path: Path, score: dict[str, Any]) -> int | None:
    if isinstance(score.get("num_files"), int):
        return score["num_files"]
    events = path.with_name(path.name.replace("score_", "events_")).with_suffix(".tsv")
    if not events.is_file():
        return None
    return len({line.split("\t")[0] for line in events.read_text(encoding="utf-8").splitlines() if line})


def _command(folder: Path) -> str | None:
    """The command that trained a model, where its resolved configuration holds it."""
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    command = config.get("command") if isinstance(config, dict) else None
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return str(command) if command else None


def _ordered(names: Iterable[str]) -> list[str]:
    unique = set(names)
    known = [name for name in SYSTEM_ORDER if name in unique]
    return known + sorted(unique.difference(known))


def _spread(values: list[float | None], scale: float, decimals: int) -> str:
    """Mean over seeds, ± standard deviation where there are several; "n/a" when one of them is undefined."""
    known = [value * scale for value in values if value is not None]
    if not known or len(known) < len(values):
        return "n/a"
    text = f"{mean(known):.{decimals}f}"
    return f"{text} ± {stdev(known):.{decimals}f}" if len(known) > 1 else text


def _cell(error_rates: list[float | None], f_measures: list[float | None]) -> str:
    return f"{_spread(error_rates, 1, 2)} / {_spread(f_measures, 100, 1)}"


def _average(rows: list[Row], events: list[str]) -> str:
    """Plain mean over the event classes, seed by seed; only where every class has every seed."""
    by_seed: dict[int, dict[str, Row]] = {}
    for row in rows:
        by_seed.setdefault(row.seed, {})[row.event] = row
    if any(set(found) != set(events) for found in by_seed.values()):
        return "n/a"

    def means(key: str) -> list[float | None]:
        values = [[found[event].score[key] for event in events] for found in by_seed.values()]
        return [None if None in seed_values else mean(seed_values) for seed_values in values]

    return _cell(means("error_rate"), means("f_measure"))


def comparison(rows: list[Row], events: list[str]) -> list[list[str]]:
    """Header and lines of the main table: per system a line of ours, and the paper's below it where it has one."""
    table = [["system", *events, "average", "seeds"]]
    for system in _ordered(row.system for row in rows):
        mine = [row for row in rows if row.system == system]
        cells = []
        for event in events:
            found = [row.score for row in mine if row.event == event]
            cells.append(_cell([s["error_rate"] for s in found], [s["f_measure"] for s in found]) if found else "-")
        seeds = sorted({row.seed for row in mine})
        table.append([system, *cells, _average(mine, events), ",".join(map(str, seeds))])
        printed = [paper.figure(system, event) for event in (*events, paper.AVERAGE)]
        if any(printed):
            cells = [f"{f.error_rate:.2f} / {100 * f.f_measure:.1f}" if f else "-" for f in printed]
            marks = [
                "*" if f and not check(f.error_rate, f.f_measure).consistent else ""
                for f in printed[:-1]  # the bound is for single classes, not averages
            ]
            cells = [cell + mark for cell, mark in zip(cells, [*marks, ""], strict=True)]
            table.append([f"  paper: {paper.TABLE_1[system][0]}", *cells, ""])
    return table


def details(rows: list[Row], events: list[str]) -> list[list[str]]:
    """Header and lines of the second table: every model's rates and counts."""
    table = [
        ["event", "system", "seed", "ER", "F %", "precision %", "recall %", "events", "found", "ins", "del", "files"]
    ]
    for event in events:
        for system in _ordered(row.system for row in rows):
            for row in sorted((r for r in rows if (r.event, r.system) == (event, system)), key=lambda r: r.seed):
                percent = [_spread([row.score[key]], 100, 1) for key in RATES[1:]]
                counts = [f"{row.score[key]:g}" for key in COUNTS]
                files = "?" if row.num_files is None else str(row.num_files)
                rate = _spread([row.score["error_rate"]], 1, 2)
                table.append([event, system, str(row.seed), rate, *percent, *counts, files])
    return table


def render(table: list[list[str]]) -> list[str]:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def results_text(corpus_dir: str | os.PathLike) -> str:
    """The content of RESULTS.md."""
    rows = gather(corpus_dir)
    events = sorted({row.event for row in rows})
    lines = [f"# Results on {Path(corpus_dir).resolve().name}", ""]
    lines += [
        "Event-based error rate / F in percent (sed_eval, onset collar 500 ms, every file counted); the average is"
    ]
    lines += ["classes' plain mean. Several seeds: mean ± standard deviation. n/a: undefined.", ""]
    for subset in sorted({row.subset for row in rows}):
        here = [row for row in rows if row.subset == subset]
        subset_events = [event for event in events if any(row.event == event for row in here)]
        table = comparison(here, subset_events)
        lines += [f"## {subset}", "", *render(table), ""]
        if any("paper:" in row[0] for row in table):
            lines += [f"paper: {paper.SOURCE}; other recordings than these unless the corpus is that one.", ""]
        if any(cell.endswith("*") for row in table for cell in row):
            lines += ["\\* error rate and F that no single evaluation can give together, even rounded.", ""]
        lines += [*render(details(here, subset_events)), ""]
    commands = {(row.event, row.system, row.seed): row.command for row in rows if row.command}
    if commands:
        lines += ["## Commands", ""]
        lines += [f"- {event}, {system}, seed {seed}: `{text}`" for (event, system, seed), text in commands.items()]
        lines += [""]
    return "\n".join(lines)


def write_results(corpus_dir: str | os.PathLike) -> str:
    """Write ``<corpus_dir>/RESULTS.md`` and return its text."""
    text = results_text(corpus_dir)
    with atomic_open(Path(corpus_dir) / "RESULTS.md") as stream:
        stream.write(text)
    return text


def main(argv: list[str]) -> int:
    """Run ``pysed results``; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="pysed results", description="Gather every score of a corpus into its RESULTS.md and print it."
    )
    parser.add_argument("corpus", metavar="exp/CORPUS")
    values = parser.parse_args(argv)
    print(write_results(values.corpus), end="")
    return 0
