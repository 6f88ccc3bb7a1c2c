"""What stages 5 and 6 left of every model of a corpus, read back."""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysed.detector.config import config_of_checkpoint
from pysed.errors import DataError
from pysed.freshness.marks import read_mark
from pysed.names import RULE, check_class_name, is_name
from pysed.score import paper_table1 as paper
from pysed.score.counts import FileCounts, read_counts
from pysed.score.onsets import ONSETS
from pysed.text_files import read_csv, read_json, read_lines, read_yaml

RATES = ("error_rate", "f_measure", "precision", "recall")
MORE = (  # of scores by newer versions
    "segment_error_rate", "segment_f_measure", "psds1", "psds2", "expected_calibration_error",
)  # fmt: skip
COUNTS = ("num_reference", "num_detected", "insertions", "deletions")


@dataclass(frozen=True)
class Row:
    """One trained model on one subset: its files' content; None where a file is not there."""

    folder: Path  # of the system
    model: Path  # of this training: the folder itself, or seed<k> in it
    event: str
    system: str
    subset: str
    seed: int
    score: dict[str, Any]  # score_<subset>.json
    num_files: int | None
    command: str | None  # that trained it
    counts: FileCounts | None  # counts_<subset>.tsv
    cost: dict[str, Any]  # cost_<subset>.json, {} where it is not there
    training_s: float | None  # all epochs of metrics.csv
    mixed_code: bool = False  # the model and its scores were made by different versions of the code
    settings: str = ""  # the resolved configuration, but for seed and command


def gather(corpus_dir: str | os.PathLike) -> list[Row]:
    """Every ``<event>/<system>[/seed<k>]/score_<subset>.json`` below ``exp/<corpus>``, by event, system, seed.

    Raises DataError for a missing folder, one without scores, and files that are not as stage 6 writes them.
    """
    root = Path(corpus_dir)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected exp/<corpus>")
    rows = []
    for path in [*root.glob("*/*/score_*.json"), *root.glob("*/*/seed*/score_*.json")]:
        subset = path.stem.removeprefix("score_")
        if subset.startswith("pooled_"):
            continue
        nested = re.fullmatch(r"seed(0|[1-9]\d{0,8})", path.parent.name)
        folder = path.parent.parent if nested else path.parent
        odd = [name for name in (subset, folder.name, folder.parent.name) if not is_name(name)]
        if odd or (folder.parent.parent != root):  # a copy, or a folder of the user's own
            reason = f"{odd[0][:200]!r}; {RULE}" if odd else f"{path.parent.name}: not the folder of a seed"
            print(f"WARNING: {path}: left out: {reason}", file=sys.stderr)
            continue
        score = read_score(path)
        counts = path.with_name(f"counts_{subset}.tsv")
        rows.append(
            Row(
                folder=folder,
                model=path.parent,
                event=check_class_name(folder.parent.name, folder.parent),
                system=folder.name,
                subset=subset,
                seed=int(nested[1]) if nested else 1 if score.get("seed") is None else score["seed"],
                score=score,
                num_files=_num_files(path, score),
                command=_command(path.parent),
                counts=read_counts(counts) if counts.is_file() else None,
                cost=_read_cost(path.with_name(f"cost_{subset}.json")),
                training_s=_training_s(path.with_name("metrics.csv")),
                mixed_code=_mixed_code(path.parent, subset),
                settings=_settings(path.parent),
            )
        )
    if not rows:
        raise DataError(f"{root}: no <event>/<system>/score_<subset>.json; run stage 6 first")
    systems = in_order(row.system for row in rows)
    return sorted(rows, key=lambda row: (row.subset, row.event, systems.index(row.system), row.seed))


def _mixed_code(folder: Path, subset: str) -> bool:
    """Do the marks of stages 5 and 6 name different versions of the code? False where one names none."""
    versions = [(read_mark(str(folder / name)) or {}).get("version") for name in (".done_train", f".done_{subset}")]
    return None not in versions and versions[0] != versions[1]


def in_order(names: Iterable[str]) -> list[str]:
    """System names without repetition: those of the paper's table in its order, then the rest by name."""
    unique = set(names)
    printed = [name for name in paper.TABLE_1 if name in unique]
    return printed + sorted(unique.difference(printed))


def _read_cost(path: Path) -> dict[str, Any]:
    """One cost file, what tables show of it checked for type; {} where there is none."""
    cost = _read_object(path)
    for key in ("parameters", "times_real_time"):
        if isinstance(value := cost.get(key), bool) or not isinstance(value, int | float | None):
            raise DataError(f"{path}: {key} {str(value)[:40]!r}; expected a number; run stage 6 again")
    return cost


def read_score(path: Path) -> dict[str, Any]:
    """One score file, its rates and counts checked for type and range."""
    score = _read_object(path)
    if not isinstance(score.get("seed"), int | None):
        raise DataError(f"{path}: seed {str(score['seed'])[:40]!r}; expected a whole number; run stage 6 again")
    for key in (*RATES, *MORE, *ONSETS, *COUNTS):
        value = score.get(key, None if key in (*MORE, *ONSETS) else "missing")
        if isinstance(value, bool) or not (isinstance(value, int | float) or (value is None and key not in COUNTS)):
            raise DataError(f"{path}: {key} {str(value)[:40]!r}; expected a number; run stage 6 again")
        most = 1 + 1e-6 if key in RATES[1:] else 1e15
        if value is not None and key not in (*MORE, *ONSETS) and not 0 <= value <= most:
            expected = "0 or more" if most > 2 else "a fraction from 0 to 1"
            raise DataError(f"{path}: {key} {value}; expected {expected}; run stage 6 again")
    return score


def _read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    if not path.exists():
        return {}
    value = read_json(path, "what stage 6 writes; run it again")
    if not isinstance(value, dict):
        raise DataError(f"{path}: not an object; run stage 6 again")
    return value


def _num_files(path: Path, score: dict[str, Any]) -> int | None:
    if isinstance(score.get("num_files"), int):
        return score["num_files"]
    events = path.with_name(path.name.replace("score_", "events_")).with_suffix(".tsv")
    if not events.is_file():
        return None
    return len({line.split("\t")[0] for line in read_lines(events, "an event list") if line})


def _settings(folder: Path) -> str:
    """A model's resolved configuration, but for what tells its trainings apart; "" where it is not known."""
    try:
        config = read_yaml(folder / "config.yaml")
    except DataError:
        return ""
    if not isinstance(config, dict):
        return ""
    settings = {key: value for key, value in config.items() if key not in ("event", "seed", "command")}
    with suppress(DataError):  # the keys that were not there yet, too: at the values at which such a model is loaded
        settings = config_of_checkpoint(settings, str(folder)).as_dict()
    return json.dumps(settings, default=str)


def _command(folder: Path) -> str | None:
    """The command that trained a model, where its resolved configuration holds it."""
    try:
        config = read_yaml(folder / "config.yaml")
    except DataError:
        return None
    command = config.get("command") if isinstance(config, dict) else None
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return str(command) if command else None


def _training_s(path: Path) -> float | None:
    """Seconds of all epochs; None where they were not written down."""
    try:
        (_, header), *rows = read_csv(path)
        seconds = sum(float(row[header.index("seconds")]) for _, row in rows)
    except (DataError, LookupError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
