"""The demo corpus in the layout of TUT Rare Sound Events 2017: lists of what to make, cutting, levels, files.

Everything random in a file comes from a generator of (seed, kind, subset, index), so neither the number of processes
nor the order of work can change a byte.
"""

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import yaml

from . import cry, glass, scenes, shot
from .rooms import microphone
from .signals import (
    RATE_HZ,
    Rng,
    Sound,
    add_at,
    fade,
    gain,
    generator,
    log_uniform,
    moving_rms,
    num_samples,
    shaped_noise,
    unit_rms,
)  # fmt: skip

SYNTHESISERS: dict[str, Callable[[Rng, Rng], Sound]] = {
    "babycry": cry.synthesise,
    "glassbreak": glass.synthesise,
    "gunshot": shot.synthesise,
}
NUM_EVENTS = {"devtrain": 80, "devtest": 40}
NUM_BACKGROUNDS = {"devtrain": 90, "devtest": 45}
BACKGROUND_S = 30.0

# An event starts where its samples first pass ONSET_DB of its peak, and ends where the RMS of 20 ms stays below
# OFFSET_DB of the loudest 20 ms: at EBRs up to 6 dB the rest of the decay lies under any background.
ONSET_DB = -40.0
OFFSET_DB = -40.0
# Boundaries fall on whole milliseconds, so that the lists give them exactly.
GRID = RATE_HZ // 1000


@dataclass(frozen=True)
class Piece:
    """One file to be made: ``kind`` is an event class or a scene, ``recording`` the number of what it shares."""

    seed: int
    subset: str
    kind: str
    index: int
    recording: int
    is_event: bool

    @property
    def filename(self) -> str:
        return f"{self.kind.replace('/', '_')}_{self.subset}_{self.index:03d}.flac"

    @property
    def recording_id(self) -> str:
        return f"demo-{self.subset}-{self.kind.replace('/', '_')}-{self.recording:03d}"

    @property
    def folder(self) -> Path:
        return Path("events", self.kind) if self.is_event else Path("bgs", "audio")


def pieces(seed: int) -> list[Piece]:
    """Every file of the corpus; two events in three share their recording (voice, vessel or place) with another."""
    found = []
    for subset, number in NUM_EVENTS.items():
        for kind in SYNTHESISERS:
            found += [Piece(seed, subset, kind, i, i * 2 // 3, True) for i in range(number)]
    names = list(scenes.SCENES)
    for subset, number in NUM_BACKGROUNDS.items():
        found += [Piece(seed, subset, names[i % len(names)], i, i // len(names), False) for i in range(number)]
    return found


def cut_event(sound: Sound) -> Sound:
    """The event alone: from its onset to its end (see ONSET_DB, OFFSET_DB), whole milliseconds, faded out; peak 1."""
    magnitude = np.abs(sound)
    first = int(np.argmax(magnitude > gain(ONSET_DB) * magnitude.max()))
    level = moving_rms(sound, 0.02)
    last = int(np.flatnonzero(level > gain(OFFSET_DB) * level.max())[-1])
    length = -(-(last + 1 - first) // GRID) * GRID
    event = np.zeros(length)
    add_at(event, 0, sound[first : first + length])
    return fade(event / magnitude.max(), 0.0, 0.01)


def make_event(piece: Piece) -> tuple[Sound, tuple[float, float]]:
    """Samples of an event's file in [-1, 1] and its segment (onset, offset) in seconds."""
    recording = generator(piece.seed, piece.kind, piece.subset, "recording", piece.recording)
    rng = generator(piece.seed, piece.kind, piece.subset, piece.index)
    event = cut_event(microphone(recording, SYNTHESISERS[piece.kind](recording, rng)))
    onset = GRID * int(rng.integers(200, 1500))
    total = onset + len(event) + GRID * int(rng.integers(300, 1500))
    # The recorder's own noise, faded at the file's ends, well below the quietest part of the event.
    floor_db = rng.uniform(-72, -58)
    hiss = {40: 3, 200: 0, 2000: rng.uniform(-12, 0), 8000: rng.uniform(-20, 0)}
    track = gain(floor_db) * shaped_noise(rng, total, hiss)
    add_at(track, onset, event)
    track *= log_uniform(rng, 0.25, 0.95) / np.abs(track).max()
    return fade(track, 0.005, 0.005), (onset / RATE_HZ, (onset + len(event)) / RATE_HZ)


def make_background(piece: Piece) -> Sound:
    """Samples of a background in [-1, 1]; RMS between -34 and -22 dB, lower where peaks would clip."""
    rng = generator(piece.seed, piece.kind, piece.subset, piece.index)
    sound = gain(rng.uniform(-34, -22)) * unit_rms(scenes.synthesise(piece.kind, rng, num_samples(BACKGROUND_S)))
    return fade(sound * min(1.0, 0.9 / np.abs(sound).max()), 0.005, 0.005)


def _make(task: tuple[Piece, Path]) -> tuple[float, float] | None:
    piece, source_data = task
    samples, segment = make_event(piece) if piece.is_event else (make_background(piece), None)
    whole = np.round(samples * 32767.0).clip(-32768, 32767).astype(np.int16)
    soundfile.write(source_data / piece.folder / piece.filename, whole, RATE_HZ, subtype="PCM_16", format="FLAC")
    return segment


def make_corpus(
    out_dir: str | os.PathLike, seed: int = 7, num_jobs: int = 2, progress: Callable | None = None,
    selected: Callable[[Piece], bool] | None = None,
) -> Path:  # fmt: skip
    """Make ``out_dir/source_data`` (built as ``out_dir.tmp`` and renamed, so it is whole or absent).

    progress: wraps an iterator of finished files, called with ``total=`` (tqdm). selected: makes only such pieces.
    Returns the path of ``source_data``; raises FileExistsError where it stands already.
    """
    out_dir = Path(out_dir)
    final = out_dir / "source_data"
    if final.exists():
        raise FileExistsError(f"{final}: exists already; expected a new folder; remove it to make the corpus again")
    building = out_dir.with_name(out_dir.name + ".tmp")
    shutil.rmtree(building, ignore_errors=True)
    try:
        todo = [piece for piece in pieces(seed) if selected is None or selected(piece)]
        for folder in {piece.folder for piece in todo} | {Path("cv_setup")}:
            (building / "source_data" / folder).mkdir(parents=True)
        # The long files first, so that no process is left alone with one at the end.
        todo.sort(key=lambda piece: piece.is_event)
        tasks = [(piece, building / "source_data") for piece in todo]
        with _mapper(num_jobs) as mapper:
            results = mapper(_make, tasks)
            segments = list(results if progress is None else progress(results, total=len(tasks)))
        _write_lists(building / "source_data" / "cv_setup", todo, segments)
        out_dir.mkdir(parents=True, exist_ok=True)
        (building / "source_data").rename(final)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return final


@contextmanager
def _mapper(num_jobs: int) -> Iterator[Callable]:
    """``map`` or its parallel, ordered counterpart."""
    if num_jobs <= 1:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(num_jobs) as pool:
        yield pool.imap


def _write_lists(folder: Path, made: list[Piece], segments: list[tuple[float, float] | None]) -> None:
    for subset in NUM_EVENTS:
        events: dict[str, list[dict]] = {}
        backgrounds: list[dict] = []
        for piece, segment in zip(made, segments, strict=True):
            if piece.subset != subset:
                continue
            if segment is None:
                path = piece.folder.relative_to("bgs") / piece.filename
                entry = {"classname": piece.kind, "filepath": path.as_posix(), "recording_id": piece.recording_id}
                backgrounds.append(entry)
            else:
                cut = {"audio_filename": piece.filename, "segment": list(segment), "recording_id": piece.recording_id}
                events.setdefault(piece.kind, []).append(cut)
        (folder / f"events_{subset}.yaml").write_text(yaml.safe_dump(events, sort_keys=True), encoding="utf-8")
        (folder / f"bgs_{subset}.yaml").write_text(yaml.safe_dump(backgrounds, sort_keys=True), encoding="utf-8")
