"""Detections as text: event list (tsv), JSON, Audacity label track."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from pysed.detect.recordings import Detection
from pysed.events import Event, event_rows


def as_tsv(found: Mapping[str, list[list[Detection]]]) -> str:
    """An event list: a row per event, a file's name alone where nothing was found. found: file -> model -> events."""
    lists = {
        name: [Event(each.onset_s, each.offset_s, each.label) for events in per_model for each in events]
        for name, per_model in found.items()
    }
    return "".join(f"{row}\n" for row in event_rows(lists))


def as_json(found: Mapping[str, list[list[Detection]]], models: list[str]) -> str:
    """A list of files, each with its events; times in seconds."""
    files = [
        {
            "filename": name,
            "events": [
                {**asdict(each), "model": model}
                for model, events in zip(models, per_model, strict=True)
                for each in events
            ],
        }
        for name, per_model in found.items()
    ]
    return json.dumps(files, indent=2, ensure_ascii=False) + "\n"


def as_audacity(per_model: list[list[Detection]]) -> str:
    """One file's label track: start, end, label between tabs."""
    events = sorted((each for events in per_model for each in events), key=lambda each: (each.onset_s, each.offset_s))
    return "".join(f"{each.onset_s:.6f}\t{each.offset_s:.6f}\t{each.label}\n" for each in events)
