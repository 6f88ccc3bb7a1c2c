"""A corpus extended by what a person decided of a detector's finds in an archive.

Accepted detections become events, rejected ones backgrounds: a stretch of the length of a mixture around each, in which
nothing was accepted or left undecided. All clips of one recording stand in one subset.
"""

import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from pysed.atomic import atomic_open, temporary_beside
from pysed.audio import AudioFile, write_wav
from pysed.corpus.own import SUBSETS
from pysed.corpus.own_recordings import contents_of, flat_names, join_same_audio, recording_of, recording_pattern
from pysed.corpus.recipes import CorpusSettings, split_recordings
from pysed.corpus.reviewed import ACCEPTED, REJECTED, Reviewed, find_audio
from pysed.corpus.sources import Background, EventClip, Sources, list_path, load_sources
from pysed.errors import DataError

CLEAR_S = 0.5  # between a hard negative and the nearest event
_AROUND_S = 0.5  # of the recording kept before and after an event, for people; no mixture holds it
_MS = 0.001
Span = tuple[float, float]


@dataclass(frozen=True)
class ExtendSettings:
    """``duration_s``: of a background, None for the corpus's mixtures'. ``recording``: as OwnSettings'; ``scene``: what
    the new backgrounds are said to be of. ``test_fraction``: share of the new recordings that go to devtest, by
    ``seed``; recordings that the corpus knows stay where they are."""

    duration_s: float | None = None
    recording: str = ""
    scene: str = "archive"
    test_fraction: float = 0.0
    seed: int = 1


class _Plan:
    """What is cut from where; ``left``: reason → what cannot be used for it."""

    def __init__(self, classes: Iterable[str], duration_s: float):
        self.classes, self.duration_s = set(classes), duration_s
        self.events: dict[str, list[Reviewed]] = defaultdict(list)
        self.backgrounds: dict[str, list[tuple[Span, list[Reviewed]]]] = defaultdict(list)
        self.left: dict[str, list[Reviewed]] = defaultdict(list)

    def add(self, name: str, rows: Sequence[Reviewed], length_s: float, known: "_Known") -> None:
        """One recording's labels."""
        taken: list[Reviewed] = []
        for row in sorted((each for each in rows if each.decision == ACCEPTED), key=lambda each: each.onset_s):
            if reason := self._fault(row, taken, length_s, known.events.get(name, [])):
                self.left[reason].append(row)
            else:
                taken.append(row)
        self.events[name] = taken
        kept_clear = [(each.onset_s, each.offset_s) for each in rows if each.decision != REJECTED]
        kept_clear += [span for span, _ in known.events.get(name, [])]
        covered = list(known.backgrounds.get(name, []))
        for row in sorted((each for each in rows if each.decision == REJECTED), key=lambda each: each.onset_s):
            span = row.detected_s
            if span[1] > length_s + 5e-4:
                self.left["not inside the recording"].append(row)
            elif inside := next((each for each in self.backgrounds[name] if _holds(each[0], span)), None):
                inside[1].append(row)
            elif any(_holds(each, span) for each in covered):
                self.left["in the corpus already"].append(row)
            elif (found := stretch_around(span, kept_clear, length_s, self.duration_s)) is None:
                self.left[f"no {self.duration_s:g} s around it without an event"].append(row)
            else:
                self.backgrounds[name].append((found, [row]))

    def _fault(self, row: Reviewed, taken: list[Reviewed], length_s: float, known: list[tuple[Span, str]]) -> str:
        """Why an accepted row is no new event; nothing where it is one."""
        span = row.onset_s, row.offset_s
        if row.label not in self.classes:
            return f"the corpus has no class {row.label}"
        if row.offset_s > length_s + 5e-4:
            return "not inside the recording"
        if row.offset_s - row.onset_s >= self.duration_s:
            return f"an event of {self.duration_s:g} s or more does not fit a mixture"
        if any(label == row.label and _overlap(span, each) for each, label in known):
            return "in the corpus already"
        if any(each.label == row.label and _overlap(span, (each.onset_s, each.offset_s)) for each in taken):
            return "overlaps another event of its class"
        return ""


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _holds(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] + _MS and inner[1] <= outer[1] + _MS


def stretch_around(span: Span, kept_clear: Iterable[Span], length_s: float, duration_s: float) -> Span | None:
    """``duration_s`` of a recording around ``span``, in its middle if it can be, CLEAR_S from what is to be kept clear.

    None where there is no room. Of a longer span it is the middle. Seconds, on whole milliseconds.
    """
    first, last = 0.0, length_s
    for start, end in kept_clear:
        if _overlap((start, end), span):
            return None
        if end <= span[0]:
            first = max(first, end + CLEAR_S)
        else:
            last = min(last, start - CLEAR_S)
    if last - first < duration_s - 5e-4:
        return None
    start = min(max((span[0] + span[1] - duration_s) / 2, first), max(first, last - duration_s))
    start = math.floor(1000 * start + 1e-6) / 1000
    found = start, round(start + duration_s, 6)
    return found if _holds(found, span) or _holds(span, found) else None


class _Known:
    """What the corpus's lists say of recordings: their subset, and what was cut from archives before."""

    def __init__(self, subsets: dict[str, Sources]):
        self.subset: dict[str, str] = {}
        self.events: dict[str, list[tuple[Span, str]]] = defaultdict(list)
        self.backgrounds: dict[str, list[Span]] = defaultdict(list)
        for subset, sources in subsets.items():
            clips: list[EventClip | Background] = [*sources.backgrounds]
            for each in clips + [clip for events in sources.events.values() for clip in events]:
                self.subset.setdefault(each.recording, subset)
                cut = each.entry.get("cut_from")
                if not isinstance(cut, dict) or not isinstance(cut.get("file"), str):
                    continue
                try:
                    span = float(cut["segment"][0]), float(cut["segment"][1])
                except (KeyError, IndexError, TypeError, ValueError):
                    continue
                if "label" in cut:
                    self.events[cut["file"]].append((span, str(cut["label"])))
                else:
                    self.backgrounds[cut["file"]].append(span)


def corpus_duration(corpus: Path) -> float:
    """Seconds of the corpus's mixtures, by its corpus.yaml if it has one. Raises DataError for official mixtures."""
    path = corpus / "corpus.yaml"
    settings = CorpusSettings.load(path) if path.is_file() else None
    if settings is not None and settings.official:
        raise DataError(f"{path}: official: true; official mixtures are of the official lists alone: remove the key")
    return CorpusSettings.duration_s if settings is None else settings.duration_s


def extend_corpus(
    corpus: Path, rows: Sequence[Reviewed], folders: Sequence[Path], out: Path, settings: ExtendSettings | None = None
) -> tuple[list[str], list[str], bool]:
    """Write ``out``, the corpus with the labels' events and hard negatives; ``corpus`` is not touched.

    ``rows``: of ``read_reviewed``; ``folders``: where the recordings lie (none: the names are paths). Files of the
    corpus are linked where the disk allows it, else copied. Returns lines of what was added and of what could not be
    used, for people, and whether a recording could not be read. Raises DataError, and leaves no ``out``, where nothing
    can be added; ``out`` must not exist.
    """
    settings = ExtendSettings() if settings is None else settings
    if out.exists():
        raise DataError(f"{out}: exists; name a new folder, or remove it")
    if out.resolve().is_relative_to(corpus.resolve()):
        raise DataError(f"{out}: inside {corpus}; name a folder beside it")
    duration_s = corpus_duration(corpus) if settings.duration_s is None else settings.duration_s
    subsets = {subset: load_sources(corpus, subset) for subset in SUBSETS}
    known, plan = _Known(subsets), _Plan(subsets[SUBSETS[0]].events, duration_s)
    by_name: dict[str, list[Reviewed]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    paths, faults = _plan_all(plan, by_name, folders, known)
    left = [_counted(reason, some) for reason, some in plan.left.items()] + faults
    used = [name for name in paths if plan.events[name] or plan.backgrounds[name]]
    if not used:
        raise DataError(f"{corpus}: nothing to add; {left[0] if left else 'the label files accept and reject nothing'}")
    pattern = recording_pattern(settings.recording)
    recordings, same = _recordings_of({name: paths[name] for name in used}, pattern, subsets)
    places = _subsets(recordings, known, settings)

    temporary = temporary_beside(out)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _copy(corpus, temporary)
        lists = {(kind, subset): _entries(subsets[subset], kind) for kind in ("events", "bgs") for subset in SUBSETS}
        counts = _Cutting(temporary, plan, settings.scene, lists).cut_all(used, paths, recordings, places)
        for (kind, subset), content in lists.items():
            with atomic_open(list_path(temporary, kind, subset)) as stream:
                yaml.safe_dump(content, stream, sort_keys=False, allow_unicode=True)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [*_summary(counts, places), *same], left, bool(faults)


def _plan_all(
    plan: _Plan, by_name: dict[str, list[Reviewed]], folders: Sequence[Path], known: _Known
) -> tuple[dict[str, Path], list[str]]:
    """Fill the plan; returns the recordings that were found, and what is wrong with the others."""
    paths: dict[str, Path] = {}
    faults = []
    for name, own in by_name.items():
        if all(row.decision not in (ACCEPTED, REJECTED) for row in own):
            continue
        path = find_audio(name, folders)
        try:
            if path is None:
                raise DataError(f"{name}: no such recording; give its folder by --audio")
            with AudioFile(path) as audio:
                plan.add(name, own, audio.duration_s, known)
            paths[name] = path
        except DataError as error:
            faults.append(f"{error} ({sum(row.decision in (ACCEPTED, REJECTED) for row in own)} labels left out)")
    return paths, faults


def _counted(reason: str, rows: Sequence[Reviewed]) -> str:
    named = ", ".join(f"{row.name} at {row.onset_s:g} s" for row in rows[:3])
    return f"{len(rows)} left out: {reason} ({named}{f' and {len(rows) - 3} more' if len(rows) > 3 else ''})"


def _recordings_of(paths: dict[str, Path], pattern: Any, subsets: dict[str, Sources]) -> tuple[dict[str, str], list]:
    """Each file's recording; files with the audio of another, or of one of the corpus's event clips, share its."""
    clips = [clip for sources in subsets.values() for events in sources.events.values() for clip in events]
    old = {f"\0{clip.path}": (clip.path, clip.recording) for clip in clips}
    files = {name: path for name, (path, _) in old.items()} | paths
    sizes: dict[str, tuple[int, int]] = {}
    for name, path in files.items():
        with AudioFile(path) as audio:
            sizes[name] = audio.rate_hz, audio.num_frames
    count = Counter(sizes.values())
    alike = {name: path for name, path in files.items() if count[sizes[name]] > 1}  # none other is worth decoding
    given = {name: recording for name, (_, recording) in old.items()}
    given |= {name: recording_of(name, pattern) for name in paths}
    joined, lines = join_same_audio(given, contents_of(alike))
    return {name: joined[name] for name in paths}, [line for line in lines if "\0" not in line]


def _subsets(recordings: dict[str, str], known: _Known, settings: ExtendSettings) -> dict[str, str]:
    """Each recording's subset: the corpus's where it knows the recording, else by the test fraction."""
    fresh = {recording for recording in recordings.values() if recording not in known.subset}
    random = np.random.RandomState(settings.seed)
    test = split_recordings(fresh, settings.test_fraction, random) if settings.test_fraction else set()
    return {each: known.subset.get(each, SUBSETS[each in test]) for each in recordings.values()}


def _entries(sources: Sources, kind: str) -> Any:
    if kind == "events":
        return {label: [event.entry for event in events] for label, events in sources.events.items()}
    return [background.entry for background in sources.backgrounds]


def _copy(corpus: Path, out: Path) -> None:
    """The corpus's files, linked where the disk allows it; its lists and settings copied."""

    def link_or_copy(source: str, target: str) -> None:
        if not source.endswith((".yaml", ".yml")):
            try:
                return os.link(os.path.realpath(source), target)
            except OSError:
                pass
        shutil.copyfile(source, target)

    shutil.copytree(corpus, out, copy_function=link_or_copy)


class _Cutting:
    """Cuts the plan's events and backgrounds into a corpus folder and adds them to its lists."""

    def __init__(self, corpus: Path, plan: _Plan, scene: str, lists: dict[tuple[str, str], Any]):
        self._source, self._plan, self._scene, self._lists = corpus / "source_data", plan, scene, lists
        self.counts: Counter[tuple[str, str]] = Counter()

    def cut_all(
        self, used: Sequence[str], paths: dict[str, Path], recordings: dict[str, str], places: dict[str, str]
    ) -> Counter[tuple[str, str]]:
        """Returns the numbers by subset and class, "" for backgrounds."""
        flat = flat_names(name.lstrip("/") for name in used)
        for name in used:
            recording = recordings[name]
            stem = PurePosixPath(flat[name.lstrip("/")]).name
            with AudioFile(paths[name]) as audio:
                for row in self._plan.events[name]:
                    self._event(audio, row, stem, recording, places[recording])
                for span, rows in self._plan.backgrounds[name]:
                    self._background(audio, span, rows, stem, recording, places[recording])
        return self.counts

    def _event(self, audio: AudioFile, row: Reviewed, stem: str, recording: str, subset: str) -> None:
        start_s = max(0.0, row.onset_s - _AROUND_S)
        end_s = min(audio.duration_s, row.offset_s + _AROUND_S)
        file = _free(self._source / "events" / row.label, f"{stem}_{row.onset_s:010.3f}")
        write_wav(file, audio.read(start_s, end_s - start_s), audio.rate_hz)
        offset_s = min(row.offset_s, audio.duration_s)
        self._lists["events", subset][row.label].append({
            "audio_filename": file.name,
            "segment": [round(row.onset_s - start_s, 6), round(offset_s - start_s, 6)],
            "recording_id": recording,
            "cut_from": {"file": row.name, "segment": [row.onset_s, row.offset_s], "label": row.label,
                         "detected": list(row.detected_s), "score": row.score, "labelled_in": row.place},
        })  # fmt: skip
        self.counts[subset, row.label] += 1

    def _background(
        self, audio: AudioFile, span: Span, rows: list[Reviewed], stem: str, recording: str, subset: str
    ) -> None:
        file = _free(self._source / "bgs" / "audio", f"{stem}_{span[0]:010.3f}")
        write_wav(file, audio.read(span[0], span[1] - span[0]), audio.rate_hz)
        self._lists["bgs", subset].append({
            "filepath": f"audio/{file.name}",
            "classname": self._scene,
            "recording_id": recording,
            "cut_from": {"file": rows[0].name, "segment": list(span), "rejected": [
                {"label": row.label, "detected": list(row.detected_s), "score": row.score, "labelled_in": row.place}
                for row in rows
            ]},
        })  # fmt: skip
        self.counts[subset, ""] += 1


def _free(folder: Path, stem: str) -> Path:
    """A file that is not there yet."""
    number, path = 1, folder / f"{stem}.wav"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.wav"
    return path


def _summary(counts: Counter[tuple[str, str]], places: dict[str, str]) -> list[str]:
    lines = []
    for subset in SUBSETS:
        recordings = sum(place == subset for place in places.values())
        events = [f"{number} {label}" for (where, label), number in sorted(counts.items()) if where == subset and label]
        if recordings:
            told = ", ".join(events) or "0"
            lines.append(f"{subset}: events added: {told}; hard negatives added: {counts[subset, '']}; "
                         f"recordings: {recordings}")  # fmt: skip
    return lines
