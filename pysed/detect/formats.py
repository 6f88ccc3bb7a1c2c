"""What was found as text, in the forms that other tools read.

``tsv``, ``csv``, ``json``, ``jsonl``, ``list`` (an event list) and ``rttm`` hold many files; ``audacity`` (label
track), ``raven`` (selection table) and ``textgrid`` (Praat, ELAN) hold one file each. Times are seconds from the file's
start; where the time of the start is known, tables and JSON say the clock's time as well.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pysed.detect.decide import Detection
from pysed.events import Event, event_rows, seconds

HIGHEST_HZ = 8000.0  # what detectors hear of a sound


@dataclass(frozen=True)
class Found:
    """What was found in one file: by model, in order of time; ``start``: the clock's time at the file's start."""

    name: str
    duration_s: float
    events: list[list[Detection]]
    start: datetime | None = None

    def rows(self) -> list[tuple[int, Detection]]:
        """(model, event), model by model."""
        return [(number, event) for number, events in enumerate(self.events) for event in events]


@dataclass(frozen=True)
class Columns:
    """What the rows tell besides file, times, class and score; settled before the first file."""

    models: list[str] = field(default_factory=lambda: [""])
    channels: bool = False
    times: bool = False

    def names(self) -> list[str]:
        """Heads of a table."""
        names = ["filename", "onset", "offset", "event_label", "score"]
        names += ["model"] * (len(self.models) > 1) + ["channel"] * self.channels
        return names + ["onset_time", "offset_time"] * self.times

    def cells(self, found: Found, model: int, event: Detection) -> list[str]:
        """One event's cells."""
        cells = [found.name, seconds(event.onset_s), seconds(event.offset_s), event.label, f"{event.score:.4f}"]
        cells += [self.models[model]] * (len(self.models) > 1)
        cells += ["" if event.channel is None else str(event.channel)] * self.channels
        if self.times:
            cells += [clock_time(found.start, event.onset_s), clock_time(found.start, event.offset_s)]
        return cells

    def fields(self, found: Found, model: int, event: Detection) -> dict[str, Any]:
        """One event for JSON."""
        fields: dict[str, Any] = {
            "onset_s": event.onset_s, "offset_s": event.offset_s, "label": event.label, "score": event.score,
            "model": self.models[model],
        }  # fmt: skip
        if self.channels:
            fields["channel"] = event.channel
        if self.times:
            fields["onset_time"] = clock_time(found.start, event.onset_s)
            fields["offset_time"] = clock_time(found.start, event.offset_s)
        return fields


def clock_time(start: datetime | None, after_s: float) -> str:
    """The clock's time so long after the start, ISO 8601 to the millisecond; empty where the start is not known."""
    return "" if start is None else (start + timedelta(seconds=after_s)).isoformat(timespec="milliseconds")


def _table(found: Found, columns: Columns) -> list[list[str]]:
    """A row for each event; of a file without events, one with its name alone."""
    rows = [columns.cells(found, *row) for row in found.rows()]
    return rows or [[found.name] + [""] * (len(columns.names()) - 1)]


def _tsv(found: Found, columns: Columns) -> str:
    return "".join("\t".join(row) + "\n" for row in _table(found, columns))


def _csv(found: Found, columns: Columns) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_table(found, columns))
    return text.getvalue()


def _jsonl(found: Found, columns: Columns) -> str:
    rows = [{"filename": found.name, **columns.fields(found, *row)} for row in found.rows()]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _json(found: Found, columns: Columns) -> str:
    value: dict[str, Any] = {"filename": found.name, "duration_s": round(found.duration_s, 6)}
    if found.start is not None:
        value["start_time"] = clock_time(found.start, 0.0)
    value["events"] = [columns.fields(found, *row) for row in found.rows()]
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(f"  {line}" for line in lines)


def _list(found: Found, columns: Columns) -> str:
    events = [Event(event.onset_s, event.offset_s, event.label) for _, event in found.rows()]
    return "".join(f"{row}\n" for row in event_rows({found.name: list(dict.fromkeys(events))}))


def _rttm(found: Found, columns: Columns) -> str:
    return "".join(
        f"SPEAKER {_one_word(found.name)} {event.channel or 1} {event.onset_s:.3f} "
        f"{max(event.offset_s - event.onset_s, 0.001):.3f} <NA> <NA> {_one_word(event.label)} {event.score:.4f} <NA>\n"
        for _, event in found.rows()
    )


def _one_word(text: str) -> str:
    """Spaces separate the fields of RTTM: they are written %20, and a percent sign %25."""
    return re.sub(r"[\s%]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


def _audacity(found: Found, columns: Columns) -> str:
    events = sorted((event for _, event in found.rows()), key=lambda each: (each.onset_s, each.offset_s))
    return "".join(f"{each.onset_s:.6f}\t{each.offset_s:.6f}\t{each.label}\n" for each in events)


def _raven(found: Found, columns: Columns) -> str:
    heads = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"]
    rows = [[*heads, "Begin File", "File Offset (s)", "Annotation", "Score"]]
    for number, (_, event) in enumerate(found.rows(), 1):
        rows.append([
            str(number), "Spectrogram 1", str(event.channel or 1), f"{event.onset_s:.6f}", f"{event.offset_s:.6f}",
            "0.0", f"{HIGHEST_HZ:.1f}", found.name.rsplit("/", 1)[-1], f"{event.onset_s:.6f}", event.label,
            f"{event.score:.4f}",
        ])  # fmt: skip
    return "".join("\t".join(row) + "\n" for row in rows)


def _textgrid(found: Found, columns: Columns) -> str:
    """A tier for each class, model and channel: intervals from the file's start to its end, empty between events."""
    tiers: dict[str, list[Detection]] = {}
    for model, event in found.rows():
        parts = [event.label] + [columns.models[model]] * (len(columns.models) > 1)
        parts += [str(event.channel)] * (event.channel is not None)
        tiers.setdefault(", ".join(parts), []).append(event)
    tiers = tiers or {"events": []}
    end_s = max([found.duration_s, *(event.offset_s for _, event in found.rows())])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {seconds(end_s)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, events) in enumerate(tiers.items(), 1):
        intervals, at_s = [], 0.0
        for event in events:
            if event.onset_s > at_s:
                intervals.append((at_s, event.onset_s, ""))
            intervals.append((event.onset_s, event.offset_s, event.label))
            at_s = event.offset_s
        if end_s > at_s:
            intervals.append((at_s, end_s, ""))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {seconds(end_s)}", f"        intervals: size = {len(intervals)}"]
        for place, (start_s, stop_s, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {seconds(start_s)}"]
            lines += [f"            xmax = {seconds(stop_s)}", f"            text = {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class Format:
    """``text``: of one file; ``suffix``: of its file in a folder; ``joins``: whether many files may share one."""

    text: Callable[[Found, Columns], str]
    suffix: str
    joins: bool = True
    head: Callable[[Columns], str] = lambda columns: ""
    between: str = ""
    tail: str = ""

    def whole(self, found: Sequence[Found], columns: Columns) -> str:
        """The text of these files together."""
        return self.head(columns) + self.between.join(self.text(each, columns) for each in found) + self.tail


def _csv_head(columns: Columns) -> str:
    return ",".join(columns.names()) + "\n"


def _tsv_head(columns: Columns) -> str:
    return "\t".join(columns.names()) + "\n"


FORMATS: dict[str, Format] = {
    "tsv": Format(_tsv, ".tsv", head=_tsv_head),
    "csv": Format(_csv, ".csv", head=_csv_head),
    "json": Format(_json, ".json", head=lambda columns: "[\n", between=",\n", tail="\n]\n"),
    "jsonl": Format(_jsonl, ".jsonl"),
    "list": Format(_list, ".tsv"),
    "rttm": Format(_rttm, ".rttm"),
    "audacity": Format(_audacity, ".txt", joins=False),
    "raven": Format(_raven, ".selections.txt", joins=False),
    "textgrid": Format(_textgrid, ".TextGrid", joins=False),
}
