"""Source recordings in the layout of TUT Rare Sound Events 2017: lists of events and backgrounds."""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pysed.audio import duration_of
from pysed.errors import DataError
from pysed.names import check_class_name, inside
from pysed.text_files import read_yaml

OFFICIAL_ORDER = ("babycry", "glassbreak", "gunshot")
_SEGMENT = re.compile(r"(.+)_(\d+)_(\d+)\.\w+")  # a031_120_150.wav: 30 s of recording a031
_SEGMENT_S = 30


@dataclass(frozen=True)
class EventClip:
    """One event inside a source recording, in seconds."""

    label: str
    path: Path
    onset_s: float
    offset_s: float
    recording: str
    entry: dict

    @property
    def length_s(self) -> float:
        """Duration in seconds."""
        return self.offset_s - self.onset_s


@dataclass(frozen=True)
class Background:
    """One background recording and the scene it was made in."""

    path: Path
    scene: str
    recording: str
    entry: dict


@dataclass(frozen=True)
class Sources:
    """One subset of a corpus: its events by class, in the official order of classes, and its backgrounds."""

    subset: str
    events: dict[str, list[EventClip]]
    backgrounds: list[Background]


def list_path(corpus: Path, kind: str, subset: str) -> Path:
    """Where a corpus keeps a list; ``kind`` is ``events`` or ``bgs``."""
    return Path(corpus) / "source_data" / "cv_setup" / f"{kind}_{subset}.yaml"


def _load_list(path: Path, kind: type):
    if not path.is_file():
        raise DataError(f"{path}: missing; expected a corpus folder with source_data/cv_setup/")
    content = read_yaml(path, f"a {'mapping of classes' if kind is dict else 'list'}")
    if not isinstance(content, kind) or not content:
        raise DataError(f"{path}: expected a non-empty {'mapping of classes' if kind is dict else 'list'}")
    if isinstance(content, dict):
        for name in content:
            check_class_name(name, path)
    return content


def _entry(path: Path, number: int, entry: object, keys: tuple[str, ...]) -> dict:
    if not isinstance(entry, dict):
        raise DataError(f"{path}: entry {number}: expected a mapping with {', '.join(keys)}")
    for key in keys:
        if key not in entry:
            raise DataError(f"{path}: entry {number}: no '{key}'; expected {', '.join(keys)}")
    return entry


def background_recording(name: str) -> str:
    """The recording that a background was cut from, by its file's name.

    TUT Acoustic Scenes, and so TUT Rare Sound Events in whatever folder, names segments ``<recording>_<start>_<end>``,
    30 s apart. Any other file is a recording of its own, named by its path.
    """
    match = _SEGMENT.fullmatch(Path(name).name)
    return match[1] if match and int(match[3]) - int(match[2]) == _SEGMENT_S else name


def order_classes(names) -> list[str]:
    """The official classes first, in their order, then the others sorted."""
    return [name for name in OFFICIAL_ORDER if name in names] + sorted(set(names) - set(OFFICIAL_ORDER))


def corpus_classes(corpus: Path, subset: str = "devtrain") -> list[str]:
    """The event classes a corpus names."""
    return order_classes(_load_list(list_path(corpus, "events", subset), dict))


def check_class(corpus: Path, label: str, subset: str = "devtrain") -> None:
    """Raise DataError, with the known classes, if the corpus has no class of that name."""
    known = corpus_classes(corpus, subset)
    if label not in known:
        near = difflib.get_close_matches(label, known, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise DataError(f"{corpus}: no event class '{label}'; it has {', '.join(known)}{hint}")


def load_sources(corpus: Path, subset: str) -> Sources:
    """Read both lists of a subset. Raises DataError naming list, entry and what is wrong; opens no audio."""
    path = list_path(corpus, "events", subset)
    folder = Path(corpus) / "source_data" / "events"
    content = _load_list(path, dict)
    events: dict[str, list[EventClip]] = {}
    for label in order_classes(content):
        events[label] = []
        rows = content[label] or []
        if not isinstance(rows, list):
            raise DataError(f"{path}: {label}: {str(rows)[:200]!r}; expected a list of events")
        for number, raw in enumerate(rows, 1):
            place = f"{path}: {label} {number}"
            entry = _entry(path, number, raw, ("audio_filename", "segment"))
            try:
                onset_s, offset_s = (float(value) for value in entry["segment"])
            except (TypeError, ValueError):
                raise DataError(f"{place}: segment {entry['segment']!r}: expected [start_s, end_s]") from None
            if not 0 <= onset_s < offset_s < float("inf"):
                raise DataError(f"{place}: offset {offset_s:g} <= onset {onset_s:g}; an event needs positive length")
            audio = inside(folder / label, entry["audio_filename"], place)
            recording = str(entry.get("recording_id", entry["audio_filename"]))
            events[label].append(EventClip(label, audio, onset_s, offset_s, recording, entry))
        if not events[label]:
            raise DataError(f"{path}: {label}: no events; expected at least one")
    path = list_path(corpus, "bgs", subset)
    folder = Path(corpus) / "source_data" / "bgs"
    backgrounds = []
    for number, raw in enumerate(_load_list(path, list), 1):
        entry = _entry(path, number, raw, ("filepath", "classname"))
        audio = inside(folder, entry["filepath"], f"{path}: entry {number}")
        recording = str(entry.get("recording_id", background_recording(str(entry["filepath"]))))
        scene = str(entry["classname"])
        if not scene.isprintable() or scene != scene.strip():
            raise DataError(f"{path}: entry {number}: classname {scene[:200]!r}; expected a scene's name on one line")
        backgrounds.append(Background(audio, scene, recording, entry))
    return Sources(subset, events, backgrounds)


def check_events(sources: Sources, label: str) -> None:
    """See that every recording of a class can be read and holds the segments that the list names."""
    for event in sources.events[label]:
        length_s = duration_of(event.path)
        if event.offset_s > length_s + 5e-4:
            raise DataError(f"{event.path}: segment ends at {event.offset_s:g} s, the file at {length_s:.3f} s")


def check_mixable(sources: Sources, label: str, duration_s: float) -> None:
    """See that the events of a class and all backgrounds can be read, and fit mixtures of a duration."""
    check_events(sources, label)
    for event in sources.events[label]:
        if event.length_s >= duration_s:
            raise DataError(f"{event.path}: event of {event.length_s:.3f} s does not fit a mixture of {duration_s:g} s")
    for background in sources.backgrounds:
        if duration_of(background.path) < duration_s - 5e-4:
            raise DataError(f"{background.path}: shorter than a mixture's {duration_s:g} s; remove or extend it")


def fingerprint(corpus: Path) -> str:
    """Hash of all lists' contents: the same for a copy of the corpus, another for another corpus."""
    digest = hashlib.sha256()
    lists = sorted((Path(corpus) / "source_data" / "cv_setup").glob("*.yaml"))
    if not lists:
        raise DataError(f"{corpus}: no source_data/cv_setup/*.yaml; expected a folder in the TUT layout")
    for path in lists:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
