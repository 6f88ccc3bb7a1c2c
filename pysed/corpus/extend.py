"""A corpus extended by what a person decided of a detector's finds in an archive.

Accepted detections become events, rejected ones backgrounds: a stretch of the length of a mixture around each, in which
nothing was accepted or left undecided. All clips of one recording stand in one subset.
"""

import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from pysed.atomic import atomic_open, temporary_beside
from pysed.audio import AudioFile, write_wav
from pysed.corpus.known import Cut, Known, Span
from pysed.corpus.own import SUBSETS
from pysed.corpus.own_recordings import (
    contents_of,
    flat_names,
    identity_of,
    join_same_audio,
    recording_of,
    recording_pattern,
)
from pysed.corpus.recipes import CorpusSettings, split_recordings
from pysed.corpus.reviewed import ACCEPTED, REJECTED, Reviewed, find_audio
from pysed.corpus.sources import Sources, list_path, load_sources
from pysed.errors import DataError
from pysed.freshness.marks import clear_left_beside
from pysed.names import inside

CLEAR_S = 0.5  # between a hard negative and the nearest event
_AROUND_S = 0.5  # of the recording kept before and after an event, for people; no mixture holds it
_MS = 0.001


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
    """What is cut from where; ``left``: reason → what cannot be used for it; ``spoilt``: the corpus's backgrounds that
    hold an event which was accepted now."""

    def __init__(self, classes: Iterable[str], duration_s: float):
        self.classes, self.duration_s = set(classes), duration_s
        self.events: dict[str, list[Reviewed]] = defaultdict(list)
        self.backgrounds: dict[str, list[tuple[Span, list[Reviewed]]]] = defaultdict(list)
        self.left: dict[str, list[Reviewed]] = defaultdict(list)
        self.spoilt: list[tuple[dict, Reviewed]] = []

    def add(self, name: str, rows: Sequence[Reviewed], length_s: float, known: Cut) -> None:
        """One recording's labels; ``known``: what the corpus has of it."""
        taken: list[Reviewed] = []
        for row in sorted((each for each in rows if each.decision == ACCEPTED), key=lambda each: each.onset_s):
            if reason := self._fault(row, taken, length_s, known.events):
                self.left[reason].append(row)
            else:
                taken.append(row)
        self.events[name] = taken
        kept_clear = [(each.onset_s, each.offset_s) for each in rows if each.decision != REJECTED]
        kept_clear += [span for span, _ in known.events]
        covered = []
        for span, entry in known.backgrounds:
            if held := next((row for row in taken if _overlap((row.onset_s, row.offset_s), span)), None):
                self.spoilt.append((entry, held))
            else:
                covered.append(span)
        for row in sorted((each for each in rows if each.decision == REJECTED), key=lambda each: each.onset_s):
            span = row.detected_s
            if span[1] > length_s + 5e-4:
                self.left["not inside the recording"].append(row)
            elif inside := next((each for each in self.backgrounds[name] if _holds(each[0], span)), None):
                inside[1].append(row)
            elif any(_holds(each, span) for each in covered):
                self.left["in the corpus already"].append(row)
            elif (found := stretch_around(span, kept_clear, length_s, self.duration_s)) is None:
                self.left[f"no {self.duration_s:g} s around it without an event or an undecided detection"].append(row)
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
    known, plan = Known(subsets), _Plan(subsets[SUBSETS[0]].events, duration_s)
    by_name: dict[str, list[Reviewed]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    paths, given, faults = _plan_all(plan, by_name, folders, known)
    left = [_counted(reason, some) for reason, some in plan.left.items()] + faults
    used = [name for name in paths if plan.events[name] or plan.backgrounds[name]]
    if not used:
        why = "; ".join(left) or "the label files accept and reject nothing"
        raise DataError(f"{corpus}: nothing to add; {why}")
    pattern = recording_pattern(settings.recording)
    given = {name: given[name] or recording_of(name, pattern) for name in used}
    recordings, same = _recordings_of({name: paths[name] for name in used}, given, subsets)
    places = _subsets(recordings, known, settings)

    temporary = temporary_beside(out)
    clear_left_beside(out)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _copy(corpus, temporary)
        lists = {(kind, subset): _entries(subsets[subset], kind) for kind in ("events", "bgs") for subset in SUBSETS}
        removed = _remove(plan.spoilt, lists, temporary)
        counts = _Cutting(temporary, plan, settings.scene, lists).cut_all(used, paths, recordings, places)
        for (kind, subset), content in lists.items():
            with atomic_open(list_path(temporary, kind, subset)) as stream:
                yaml.safe_dump(content, stream, sort_keys=False, allow_unicode=True)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [*_summary(counts, places), *removed, *same], left, bool(faults)


def _plan_all(
    plan: _Plan, by_name: dict[str, list[Reviewed]], folders: Sequence[Path], known: Known
) -> tuple[dict[str, Path], dict[str, str], list[str]]:
    """Fill the plan; returns the files that were found, what recording of the corpus each is, if any, and what is
    wrong with the others."""
    paths: dict[str, Path] = {}
    recordings: dict[str, str] = {}
    faults = []
    for name, own in by_name.items():
        if all(row.decision not in (ACCEPTED, REJECTED) for row in own):
            continue
        path = find_audio(name, folders)
        try:
            if path is None:
                raise DataError(f"{name}: no such recording; give its folder by --audio")
            with AudioFile(path) as audio:
                identity = known.identity(path, audio)
                plan.add(name, own, audio.duration_s, known.cut(name, identity))
            paths[name], recordings[name] = path, known.recording.get(identity, "")
        except DataError as error:
            faults.append(f"{error} ({sum(row.decision in (ACCEPTED, REJECTED) for row in own)} labels left out)")
    return paths, recordings, faults


def _remove(spoilt: list[tuple[dict, Reviewed]], lists: dict[tuple[str, str], Any], corpus: Path) -> list[str]:
    """Take these backgrounds out of the new corpus; returns a line for each."""
    lines = {}
    for entry, row in spoilt:
        file = entry["filepath"]
        lines[file] = f"background {file} removed: {row.label} was accepted in it ({row.place})"
        for subset in SUBSETS:
            lists["bgs", subset] = [each for each in lists["bgs", subset] if each is not entry]
        (corpus / "source_data/bgs" / file).unlink(missing_ok=True)
    return list(lines.values())


def _counted(reason: str, rows: Sequence[Reviewed]) -> str:
    named = ", ".join(f"{row.name} at {row.onset_s:g} s" for row in rows[:3])
    return f"{len(rows)} left out: {reason} ({named}{f' and {len(rows) - 3} more' if len(rows) > 3 else ''})"


def _recordings_of(
    paths: dict[str, Path], own: dict[str, str], subsets: dict[str, Sources]
) -> tuple[dict[str, str], list]:
    """Each file's recording, its own but where it has the audio of another, or of one of the corpus's event clips."""
    clips = [clip for sources in subsets.values() for events in sources.events.values() for clip in events]
    old = {f"\0{clip.path}": (clip.path, clip.recording) for clip in clips}
    files = {name: path for name, (path, _) in old.items()} | paths
    sizes: dict[str, tuple[int, int]] = {}
    for name, path in files.items():
        with AudioFile(path) as audio:
            sizes[name] = audio.rate_hz, audio.num_frames
    count = Counter(sizes.values())
    alike = {name: path for name, path in files.items() if count[sizes[name]] > 1}  # none other is worth decoding
    given = {name: recording for name, (_, recording) in old.items()} | own
    joined, lines = join_same_audio(given, contents_of(alike))
    return {name: joined[name] for name in paths}, [line for line in lines if "\0" not in line]


def _subsets(recordings: dict[str, str], known: Known, settings: ExtendSettings) -> dict[str, str]:
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
    """The corpus's files, linked where the disk allows it; its lists and settings copied.

    A link in the corpus is followed to a file of the corpus. Raises DataError for any other.
    """

    def refuse(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(corpus, onerror=refuse):
        there = out / Path(root).relative_to(corpus)
        there.mkdir(parents=True)
        for source in (Path(root, name) for name in (*folders, *names)):
            inner = source.relative_to(corpus)
            if source.is_symlink():
                inside(corpus, str(inner), corpus)
            if source.is_file():
                _link_or_copy(source, out / inner)
            elif source.is_symlink() or not source.is_dir():
                raise DataError(
                    f"{source}: no file or folder, or a link to a folder; replace it by files, or remove it"
                )


def _link_or_copy(source: Path, target: Path) -> None:
    if source.suffix not in (".yaml", ".yml"):
        with suppress(OSError):
            return os.link(os.path.realpath(source), target)
    shutil.copyfile(source, target)


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
            said = {"file": name, "audio": identity_of(paths[name])}
            with AudioFile(paths[name]) as audio:
                for row in self._plan.events[name]:
                    self._event(audio, row, stem, recording, places[recording], said)
                for span, rows in self._plan.backgrounds[name]:
                    self._background(audio, span, rows, stem, recording, places[recording], said)
        return self.counts

    def _event(
        self, audio: AudioFile, row: Reviewed, stem: str, recording: str, subset: str, said: dict[str, str]
    ) -> None:
        start_s = max(0.0, row.onset_s - _AROUND_S)
        end_s = min(audio.duration_s, row.offset_s + _AROUND_S)
        file = _free(self._source / "events" / row.label, f"{stem}_{row.onset_s:010.3f}")
        write_wav(file, audio.read(start_s, end_s - start_s), audio.rate_hz)
        offset_s = min(row.offset_s, audio.duration_s)
        self._lists["events", subset][row.label].append({
            "audio_filename": file.name,
            "segment": [round(row.onset_s - start_s, 6), round(offset_s - start_s, 6)],
            "recording_id": recording,
            "cut_from": {**said, "segment": [row.onset_s, row.offset_s], "label": row.label,
                         "detected": list(row.detected_s), "score": row.score, "labelled_in": row.place},
        })  # fmt: skip
        self.counts[subset, row.label] += 1

    def _background(
        self, audio: AudioFile, span: Span, rows: list[Reviewed], stem: str, recording: str, subset: str,
        said: dict[str, str],
    ) -> None:  # fmt: skip
        file = _free(self._source / "bgs" / "audio", f"{stem}_{span[0]:010.3f}")
        write_wav(file, audio.read(span[0], span[1] - span[0]), audio.rate_hz)
        self._lists["bgs", subset].append({
            "filepath": f"audio/{file.name}",
            "classname": self._scene,
            "recording_id": recording,
            "cut_from": {**said, "segment": list(span), "rejected": [
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
