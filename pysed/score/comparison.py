"""Every system of a corpus side by side: what ``RESULTS.md`` shows, as ``exp/<corpus>/comparison.json``.

::

    {"format": 2, "corpus": "demo", "against": "gradual",
     "interval": {"level": 0.95, "draws": 10000, "over": "recordings and seeds"},
     "paper": "where its figures are printed",
     "subsets": {"devtest": [RECORD, ...], ...}}

A RECORD is one system on one event class, or on "average", the classes' plain mean, seed by seed::

    {"event": "babycry", "system": "gradual", "seeds": [1, 2, 3], "num_files": 500,
     "num_event_recordings": 34, "num_background_recordings": 58,      # null where counts do not name them
     "error_rate": FIGURE, "f_measure": FIGURE, "precision": FIGURE, "recall": FIGURE,
     "segment_error_rate": FIGURE, "segment_f_measure": FIGURE, "psds1": FIGURE, "psds2": FIGURE,
     "expected_calibration_error": FIGURE,
     "consistent": true,                 # can error rate and F of every seed come together? null for the average
     "against": {"error_rate": DIFFERENCE, "f_measure": DIFFERENCE},    # null: gradual itself, or not comparable
     "paper": {"name": "Gradual Net", "error_rate": 0.04, "f_measure": 0.98, "consistent": true},       # or null
     "parameters": 123456, "training_s": 61.2, "times_real_time": 900.0}      # means over seeds; null where unknown

    FIGURE = {"mean": 0.1, "std": 0.02, "interval": [0.05, 0.15], "values": [0.08, 0.1, 0.12]}
    DIFFERENCE = {"mean": 0.03, "interval": [-0.01, 0.07], "p": 0.12}           # this system minus gradual

``p`` is null for a class whose events come from fewer than five recordings, and for the average with such a class;
of counts that name no recordings, every file is one.

Rates are fractions. ``mean`` is null where a seed's value is, ``std`` (with n - 1) with one seed, ``interval`` where
counts are not known, where no file differs from another, and for segments, PSDS and ECE. ``values`` stand in the
order of ``seeds``.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from pysed.atomic import atomic_open
from pysed.score import bootstrap
from pysed.score import paper_table1 as paper
from pysed.score.consistency import check
from pysed.score.results_files import MORE, RATES, Row, in_order

FORMAT = 2
AGAINST = "gradual"
COMPARED = ("error_rate", "f_measure")

Draws = dict[str, bootstrap.Draws]


def comparison(rows: list[Row], corpus: str) -> dict[str, Any]:
    """The content of comparison.json, of gather()'s rows."""
    subsets = in_given_order(row.subset for row in rows)
    return {
        "format": FORMAT,
        "corpus": corpus,
        "against": AGAINST,
        "interval": {"level": bootstrap.LEVEL, "draws": bootstrap.NUM_DRAWS, "over": "recordings and seeds"},
        "paper": paper.SOURCE,
        "subsets": {subset: records([row for row in rows if row.subset == subset]) for subset in subsets},
    }


def in_given_order(names: Iterable[str]) -> list[str]:
    """Names without repetition."""
    return list(dict.fromkeys(names))


def records(rows: list[Row]) -> list[dict[str, Any]]:
    """The records of one subset: event by event, then the average; systems in the paper's order."""
    events = in_given_order(row.event for row in rows)
    systems = in_order(row.system for row in rows)
    made: dict[tuple[str, str], dict[str, Any]] = {}
    draws: dict[tuple[str, str], Draws] = {}
    for event in events:
        here = {system: [r for r in rows if (r.event, r.system) == (event, system)] for system in systems}
        draws.update({(event, system): drawn for system, drawn in draw_event(event, here).items()})
        made.update(
            {
                (event, system): record(event, system, found, draws.get((event, system)))
                for system, found in here.items()
                if found
            }
        )
    for system in systems:
        parts = [made[event, system] for event in events if (event, system) in made]
        if len(parts) == len(events) and len({tuple(part["seeds"]) for part in parts}) == 1:
            drawn = [draws[event, system] for event in events if (event, system) in draws]
            if len(drawn) == len(events):
                draws[paper.AVERAGE, system] = {
                    rate: bootstrap.mean_draws([each[rate] for each in drawn]) for rate in RATES
                }
            made[paper.AVERAGE, system] = average(system, parts, draws.get((paper.AVERAGE, system)))
    few = {event: _too_few([row for row in rows if row.event == event]) for event in events}
    few[paper.AVERAGE] = any(few.values())
    for (event, system), each in made.items():
        other = made.get((event, AGAINST))
        if system != AGAINST and other and (event, system) in draws and (event, AGAINST) in draws:
            each["against"] = {
                rate: difference(each, other, rate, draws[event, system][rate], draws[event, AGAINST][rate], few[event])
                for rate in COMPARED
            }
    return [made[event, system] for event in (*events, paper.AVERAGE) for system in systems if (event, system) in made]


def draw_event(event: str, found: dict[str, list[Row]]) -> dict[str, Draws]:
    """Each system's rates in the same draws of an event class's files; none for a system tested on other files."""
    known = {
        system: [row.counts for row in rows if row.counts is not None]
        for system, rows in found.items()
        if rows and all(row.counts is not None for row in rows)
    }
    if not known:
        return {}
    files = known.get(AGAINST, next(iter(known.values())))[0]
    weights = bootstrap.draw_weights(files.events, files.backgrounds, seed=zlib.crc32(event.encode()))
    return {
        system: bootstrap.draw_rates(np.stack([each.counts for each in runs]), weights, f"{event} {system}")
        for system, runs in known.items()
        if all(each.names == files.names for each in runs)
    }


def _too_few(rows: list[Row]) -> bool:
    """Whether a class's events come from too few recordings for a p; of unnamed ones every file is one of its own."""
    counts = next((row.counts for row in rows if row.counts is not None), None)
    if counts is None:
        return False
    has_event = (counts.counts[:, 0] + counts.counts[:, 2] > 0).tolist()
    sources = zip(counts.names, counts.events, counts.backgrounds, has_event, strict=True)
    unnamed = [name for name, event, background, here in sources if here and event is None and background is None]
    return len(set(counts.events) - {None}) + len(unnamed) < bootstrap.FEWEST_RECORDINGS


def num_recordings(rows: list[Row]) -> dict[str, int | None]:
    """How many recordings a test set's events and backgrounds come from; None where the counts do not name them."""
    counts = rows[0].counts
    named = (None, None) if counts is None else (set(counts.events) - {None}, set(counts.backgrounds) - {None})
    keys = ("num_event_recordings", "num_background_recordings")
    return {key: len(names) if names else None for key, names in zip(keys, named, strict=True)}


def record(event: str, system: str, rows: list[Row], draws: Draws | None) -> dict[str, Any]:
    """One system on one event class, its rows the seeds."""
    printed = paper.figure(system, event)
    rate_pairs = [(row.score["error_rate"], row.score["f_measure"]) for row in rows]
    return {
        "event": event,
        "system": system,
        "seeds": [row.seed for row in rows],
        "num_files": rows[0].num_files,
        **num_recordings(rows),
        **{rate: figure([row.score[rate] for row in rows], rate, draws[rate] if draws else None) for rate in RATES},
        **{key: figure([row.score.get(key) for row in rows]) for key in MORE},
        "consistent": all(check(*pair, 0, 0).consistent for pair in rate_pairs if None not in pair),
        "against": None,
        "paper": printed and paper_record(system, printed, check(*printed).consistent),
        "parameters": mean_or_none([row.cost.get("parameters") for row in rows]),
        "training_s": mean_or_none([row.training_s for row in rows]),
        "times_real_time": mean_or_none([row.cost.get("times_real_time") for row in rows]),
    }


def average(system: str, parts: list[dict[str, Any]], draws: Draws | None) -> dict[str, Any]:
    """The classes' plain mean of records with the same seeds."""
    printed = paper.figure(system, paper.AVERAGE)

    def of_classes(key: str) -> dict[str, Any]:
        by_seed = zip(*(part[key]["values"] for part in parts), strict=True)
        return figure([mean_or_none(list(values)) for values in by_seed], key, draws.get(key) if draws else None)

    return {
        "event": paper.AVERAGE,
        "system": system,
        "seeds": parts[0]["seeds"],
        "num_files": None if None in (files := [part["num_files"] for part in parts]) else sum(files),
        "num_event_recordings": min_or_none([part["num_event_recordings"] for part in parts]),
        "num_background_recordings": min_or_none([part["num_background_recordings"] for part in parts]),
        **{key: of_classes(key) for key in (*RATES, *MORE)},
        "consistent": None,
        "against": None,
        "paper": printed and paper_record(system, printed, None),
        **{key: mean_or_none([part[key] for part in parts]) for key in ("parameters", "training_s", "times_real_time")},
    }


def paper_record(system: str, printed: paper.Figure, consistent: bool | None) -> dict[str, Any]:
    """What the paper prints for a system."""
    return {"name": paper.title(system), **printed._asdict(), "consistent": consistent}


def figure(values: list[float | None], rate: str = "", draws: bootstrap.Draws | None = None) -> dict[str, Any]:
    """A FIGURE of the seeds' values; with an interval where a rate's draws are known."""
    centre = mean_or_none(values)
    bounds = None if centre is None or draws is None else bootstrap.interval(draws, rate)
    spread = stdev(values) if centre is not None and len(values) > 1 else None  # type: ignore[type-var]
    return {"mean": centre, "std": spread, "interval": bounds and list(bounds), "values": values}


def difference(
    mine: dict[str, Any], other: dict[str, Any], rate: str, draws: bootstrap.Draws, others: bootstrap.Draws, few: bool
) -> dict | None:
    """A DIFFERENCE of two RECORDs in a rate, of too ``few`` recordings without p; None where one is undefined."""
    test = bootstrap.compare(draws, others)
    means = [each[rate]["mean"] for each in (mine, other)]
    if test is None or None in means:
        return None
    return {"mean": means[0] - means[1], "interval": list(test.interval), "p": None if few else test.p}


def min_or_none(values: list[int | None]) -> int | None:
    """The smallest; None where one of them is None."""
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None


def mean_or_none(values: list[float | None]) -> float | None:
    """The mean; None where there is nothing or one of them is None."""
    known = [value for value in values if value is not None]
    return mean(known) if known and len(known) == len(values) else None


def write_comparison(path: str | os.PathLike, content: dict[str, Any]) -> None:
    """Write comparison.json."""
    with atomic_open(path) as stream:
        json.dump(content, stream, indent=1)
        stream.write("\n")


def write_pooled(rows: list[Row], content: dict[str, Any]) -> None:
    """``score_pooled_<subset>.json`` in the folder of every system with several seeds: its RECORD, and the subset."""
    folders = {(row.subset, row.event, row.system): row.folder for row in rows}
    for path in {path for folder in folders.values() for path in folder.glob("score_pooled_*.json")}:
        if path.stem.removeprefix("score_pooled_") not in content["subsets"]:
            path.unlink()  # of a test set that is no longer there
    for (subset, event, system), folder in folders.items():
        path = Path(folder) / f"score_pooled_{subset}.json"
        (found,) = [r for r in content["subsets"][subset] if (r["event"], r["system"]) == (event, system)]
        if len(found["seeds"]) > 1:
            with atomic_open(path) as stream:
                json.dump({"subset": subset, **found}, stream, indent=2)
                stream.write("\n")
        else:
            path.unlink(missing_ok=True)  # of seeds that are no longer there
