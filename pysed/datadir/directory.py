"""Kaldi data directories of mixtures: written, validated, read."""

import math
from dataclasses import dataclass
from pathlib import Path

from pysed.atomic import atomic_open
from pysed.datadir.lists import read_table
from pysed.errors import DataError
from pysed.events import Event, event_rows_of


@dataclass(frozen=True)
class Utterance:
    """One recording of a data directory."""

    name: str
    wav: str
    duration_s: float
    events: tuple[tuple[float, float, str], ...] = ()
    scene: str = ""
    split: str = ""
    fold: str = ""


def write_data_dir(folder: Path, utterances: list[Utterance]) -> None:
    """Write wav.scp, utt2spk (identity: no adaptation across files), spk2utt, reco2dur, events.tsv, utt2scene.

    Everything is sorted by name in C order; utt2split and utt2fold appear where the utterances have a split, a fold.
    Raises DataError for a recording's name or file that these tables cannot hold, or would take for a command.
    """
    for u in utterances:
        if not u.name or u.name.split() != [u.name] or not u.name.isprintable() or "/" in u.name:
            raise DataError(f"{folder}: recording {u.name!r}; expected a name without spaces; rename its file")
        if u.wav != u.wav.strip() or not u.wav.isprintable() or u.wav.startswith("|") or u.wav.endswith("|"):
            raise DataError(f"{folder}: {u.name}: file {u.wav!r}: not a name that wav.scp can hold; rename the folder")
    utterances = sorted(utterances, key=lambda utterance: utterance.name.encode())

    def write(name: str, lines) -> None:
        with atomic_open(folder / name) as stream:
            stream.writelines(f"{line}\n" for line in lines)

    write("wav.scp", (f"{u.name} {u.wav}" for u in utterances))
    write("utt2spk", (f"{u.name} {u.name}" for u in utterances))
    write("spk2utt", (f"{u.name} {u.name}" for u in utterances))
    write("reco2dur", (f"{u.name} {u.duration_s:.9g}" for u in utterances))
    rows = (f"{u.name}\t{onset:.6f}\t{offset:.6f}\t{label}" for u in utterances for onset, offset, label in u.events)
    write("events.tsv", rows)
    write("utt2scene", (f"{u.name} {u.scene}" for u in utterances if u.scene))
    if any(u.split for u in utterances):
        write("utt2split", (f"{u.name} {u.split}" for u in utterances))
    if any(u.fold for u in utterances):
        write("utt2fold", (f"{u.name} {u.fold}" for u in utterances))


def _table(path: Path) -> dict[str, str]:
    return read_table(path, in_order=True)


def _optional(path: Path) -> dict[str, str]:
    return _table(path) if path.is_file() and path.stat().st_size else {}


def _number(text: str, place: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise DataError(f"{place}: {what} {text!r}; expected seconds")
    return value


def read_durations(folder: Path) -> dict[str, float]:
    """``reco2dur``: seconds of each recording. Raises DataError for what is no positive number."""
    path = folder / "reco2dur"
    durations = {name: _number(text, f"{path}: {name}", "duration") for name, text in _table(path).items()}
    for name, duration_s in durations.items():
        if duration_s <= 0:
            raise DataError(f"{path}: {name}: duration {duration_s:g}; expected more than 0 s")
    return durations


def load_data_dir(folder: str | Path) -> list[Utterance]:
    """Read and validate a data directory, in order of names.

    Raises DataError (``file:line: ...``) for unsorted or repeated names, files that do not name the same recordings,
    durations that are not positive, and events outside their recording.
    """
    folder = Path(folder)
    wavs = _table(folder / "wav.scp")
    durations = read_durations(folder)
    scenes = _optional(folder / "utt2scene")
    splits = _optional(folder / "utt2split")
    folds = _optional(folder / "utt2fold")
    tables: dict[str, dict] = {
        "utt2spk": _table(folder / "utt2spk"),
        "spk2utt": _table(folder / "spk2utt"),
        "reco2dur": durations,
    }
    more = (("utt2scene", scenes), ("utt2split", splits), ("utt2fold", folds))
    tables |= {name: table for name, table in more if table}
    for file, table in tables.items():
        for name in sorted(set(wavs) ^ set(table)):
            missing, present = (file, "wav.scp") if name in wavs else ("wav.scp", file)
            raise DataError(f"{folder / missing}: no line for {name}, which {present} has; both must name the same")
    events = _load_events(folder / "events.tsv", durations)
    return [
        Utterance(
            n, wavs[n], durations[n], tuple(events.get(n, ())), scenes.get(n, ""), splits.get(n, ""), folds.get(n, "")
        )
        for n in wavs
    ]


def _load_events(path: Path, durations: dict[str, float]) -> dict[str, list[Event]]:
    events: dict[str, list[Event]] = {}
    for place, name, event in event_rows_of(path):
        if event is None:
            raise DataError(f"{place}: 1 columns; expected recording, onset, offset, label with tabs")
        check_event(place, name, event, durations)
        events.setdefault(name, []).append(event)
    return events


def check_event(place: str, name: str, event: Event, durations: dict[str, float]) -> None:
    """Raise DataError for an event of a recording that is not there, or past its end."""
    if name not in durations:
        raise DataError(f"{place}: {name}: no such recording in reco2dur")
    if event.offset_s > durations[name] + 0.01:
        end = f"the recording's end at {durations[name]:g} s"
        raise DataError(f"{place}: offset {event.offset_s:g} is past {end}")


def validate_data_dir(folder: str | Path) -> int:
    """Validate a data directory and see that its audio files exist; returns the number of recordings."""
    folder = Path(folder)
    utterances = load_data_dir(folder)
    for number, utterance in enumerate(utterances, 1):
        path = Path(utterance.wav)
        if not utterance.wav.endswith("|") and (not path.is_file() or path.stat().st_size <= 44):
            raise DataError(f"{folder / 'wav.scp'}:{number}: {path}: missing or empty; run stage 1 again")
    return len(utterances)
