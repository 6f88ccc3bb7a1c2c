#!/usr/bin/env python3
"""Does reviewing what a detector found make it better than reviewing as many clips from anywhere?

A small detector is trained on cries and on quiet scenes of the demo corpus. Then it is searched for cries in an archive
of other scenes, with gulls, dogs, children and laughter that it does not know. Some clips are judged by the truth, in
place of a person at the page of ``pysed review``: those of the highest scores, or as many from anywhere. ``pysed corpus
extend`` takes them, the detector is trained again, and so on. What is counted is false alarms an hour on other
recordings of the same kind, at the threshold that finds a given share of their cries.
"""

import argparse
import multiprocessing
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import soundfile
from demo import cry, incidents, scenes, signals
from demo.corpus import cut_event, make_corpus
from demo.rooms import microphone

from pysed.atomic import atomic_open
from pysed.audio import resample, write_wav
from pysed.cli import main as pysed
from pysed.corpus.reviewed import ACCEPTED, COLUMNS, REJECTED
from pysed.datadir.directory import load_data_dir
from pysed.decision.alarms import THRESHOLDS
from pysed.detect.decide import Decision, Detection, find_events
from pysed.detect.detector import Detector, analyse_file
from pysed.detect.tables import Listed, read_detections
from pysed.events import Event
from pysed.features.frontend import load_frontend
from pysed.features.of_samples import RATE_HZ, as_int16_values, sed_features
from pysed.kaldi.tables import TableWriter
from pysed.report.review import choose

ROOT = Path(__file__).resolve().parents[1]
LABEL = "babycry"
CALM = ("car", "office", "library", "train", "home")  # of the corpus
WILD = ("beach", "park", "residential_area", "forest_path", "city_center")  # of the archive
PASSING = (incidents.gull, incidents.children, incidents.laughter, incidents.dog)
PIECE_S = 30.0  # of an archive's recording: in each something happens, or nothing
PIECES = 4
CRIES, OTHERS = 0.35, 0.35  # shares of the pieces with a cry, and with something that passes
SYSTEM, FRONTEND = "cbrnn", "logmel128"
SETTINGS = "mixtures: {devtrain: 300, devtest: 10}\nduration_s: 10.0\nvalidation_fraction: 0.2\nvariation: 0.75\n"
CHANGES = ("gru_hidden=16", "epochs=15")  # a small network, trained for a short time
RECALL = 0.8
SEARCHED = 0.1  # the threshold of what is to be reviewed
Span = Listed | Event | Detection


@dataclass(frozen=True)
class Archive:
    """Recordings of a folder, and the true cries in each."""

    folder: Path
    truth: dict[str, list[Event]]

    @property
    def hours(self) -> float:
        """Length of all of them."""
        return len(self.truth) * PIECES * PIECE_S / 3600

    def part(self, names: Sequence[str], folder: Path) -> "Archive":
        """Some of the recordings, in a folder of their own."""
        folder.mkdir(parents=True)
        for name in names:
            os.link(self.folder / name, folder / name)
        return Archive(folder, {name: self.truth[name] for name in names})


def make_recording(folder: Path, number: int) -> tuple[str, list[Event]]:
    """Two minutes of a scene that the corpus does not have: its name, and the cries in it."""
    name, rng = f"walk{number:03d}.wav", signals.generator(1, "archive", number)
    sound = scenes.synthesise(WILD[number % len(WILD)], rng, signals.num_samples(PIECES * PIECE_S))
    events = list(_happenings(sound, rng, number))
    heard = resample(0.05 * signals.unit_rms(sound), signals.RATE_HZ, RATE_HZ)
    write_wav(folder / name, heard * min(1.0, 0.95 / np.abs(heard).max()), RATE_HZ)
    return name, events


def _happenings(sound: signals.Sound, rng: signals.Rng, number: int) -> Iterator[Event]:
    """Lay cries and what may be taken for them into a recording; the cries' times."""
    for place in range(PIECES):
        kind, first = rng.random(), signals.num_samples(place * PIECE_S + rng.uniform(1, PIECE_S - 10))
        if kind < CRIES:
            own = signals.generator(1, "infant", number, place)
            end = _lay(sound, cut_event(microphone(own, cry.synthesise(own, own))), first, rng.uniform(-3, 6))
            yield Event(round(first / signals.RATE_HZ, 3), round(end / signals.RATE_HZ, 3), LABEL)
        elif kind < CRIES + OTHERS:
            _lay(sound, PASSING[rng.integers(len(PASSING))](rng), first, rng.uniform(-3, 9))


def _lay(sound: signals.Sound, event: signals.Sound, first: int, ratio_db: float) -> int:
    """Add an event at a ratio to what it covers; the sample where it ends."""
    event = event[: len(sound) - first]
    covered = sound[first : first + len(event)]
    covered += signals.gain(ratio_db) * signals.rms(covered) / signals.rms(event) * event
    return first + len(event)


def run(*command: object) -> None:
    """A command of pysed, which must succeed."""
    code = pysed([str(word) for word in command])
    if code:
        raise RuntimeError(f"pysed {' '.join(map(str, command))}: exit code {code}")


def train(source: Path, work: Path, seed: int) -> Path:
    """Mixtures, features and a detector of a corpus folder; the detector's folder."""
    data = work / "devtrain"
    run("corpus", "mix", "--source", source, "--config", source / "corpus.yaml", "--event", LABEL,
        "--subset", "devtrain", "--out", data)  # fmt: skip
    frontend, feats = load_frontend(ROOT / f"conf/frontends/{FRONTEND}.yaml"), data / f"feats_{FRONTEND}"
    with TableWriter(f"ark,scp:{feats}.ark,{feats}.scp", "matrix") as table:
        for each in load_data_dir(data):
            samples, _ = soundfile.read(each.wav, dtype="float32")
            table.write(each.name, sed_features(as_int16_values(samples), frontend))
    changes = (word for change in CHANGES for word in ("--set", change))
    run("train", "--system", ROOT / f"conf/systems/{SYSTEM}.yaml", "--data", data, "--event", LABEL,
        "--out", work / "model", "--seed", seed, *changes)  # fmt: skip
    return work / "model"


def overlap(one: Span, other: Span) -> bool:
    """Whether two share some time."""
    return one.onset_s < other.offset_s and other.onset_s < one.offset_s


def false_alarms(model: Path, archive: Archive, recall: float = RECALL) -> float:
    """False alarms an hour where so many of the cries are found: a line through those of all thresholds.

    A cry is found where a detection overlaps it; a detection that overlaps none is a false alarm.
    """
    detector = Detector.load(model)
    hits, alarms = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    for name, events in archive.truth.items():
        analysis = analyse_file(archive.folder / name, [detector])[0]
        for place, threshold in enumerate(THRESHOLDS):
            decision = replace(Decision(), threshold=threshold)
            found = find_events(analysis.found[0], detector.network, decision, analysis.duration_s)
            hits[place] += sum(any(overlap(each, event) for each in found) for event in events)
            alarms[place] += sum(not any(overlap(each, event) for event in events) for each in found)
    shares = np.maximum.accumulate(hits) / sum(map(len, archive.truth.values()))
    return float(np.interp(recall, shares, alarms)) / archive.hours


def by_score(model: Path, archive: Archive, work: Path, seed: int) -> list[Listed]:
    """All that the detector finds."""
    run("detect", "--model", model, "--threshold", SEARCHED, "--out", work / "events.tsv", archive.folder)
    return read_detections(work / "events.tsv")


def at_random(model: Path, archive: Archive, work: Path, seed: int) -> list[Listed]:
    """Clips of two seconds from anywhere, in any order."""
    rng = np.random.default_rng(seed)
    names = rng.choice(sorted(archive.truth), 1000)
    starts = np.round(rng.uniform(0, PIECES * PIECE_S - 2, len(names)), 1)
    return [
        Listed(str(name), float(start), float(start) + 2, LABEL, float(rng.random()))
        for name, start in zip(names, starts, strict=True)
    ]


def judge(archive: Archive, chosen: Sequence[Listed], out: Path) -> Path:
    """The label file that a person who knows the truth would save."""
    rows = ["\t".join(COLUMNS)]
    for each in chosen:
        true = next((event for event in archive.truth[each.name] if overlap(each, event)), None)
        event: Span = each if true is None else true
        row = (REJECTED if true is None else ACCEPTED, each.name, event.onset_s, event.offset_s, LABEL,
               each.onset_s, each.offset_s, "")  # fmt: skip
        rows.append("\t".join(map(str, row)))
    with atomic_open(out) as stream:
        stream.write("\n".join(rows) + "\n")
    return out


@dataclass(frozen=True)
class Loop:
    """What all ways of choosing share: the corpus, the first detector, the archive to search and the one to measure."""

    source: Path
    first: Path
    archive: Archive
    heldout: Archive
    rounds: int
    clips: int
    seed: int

    def run(self, listing: Callable[[Path, Archive, Path, int], list[Listed]], work: Path) -> Iterator[float]:
        """False alarms an hour after each round."""
        model = self.first
        labels: list[Path] = []
        for number in range(self.rounds):
            inner = work / f"round{number + 1}"
            inner.mkdir(parents=True)
            listed = listing(model, self.archive, inner, 100 * self.seed + number)
            chosen = choose(listed, labels, self.clips)[0]
            labels.append(judge(self.archive, chosen, inner / "labels.tsv"))
            run("corpus", "extend", self.source, "--labels", *labels, "--audio", self.archive.folder,
                "--out", inner / "corpus")  # fmt: skip
            model = train(inner / "corpus", inner, self.seed)
            yield false_alarms(model, self.heldout)


@contextmanager
def _said_to(path: Path) -> Iterator[None]:
    """What the commands say goes to a file."""
    with open(path, "a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        yield


def one_seed(work: Path, archive: Archive, rounds: int, clips: int, seed: int) -> list[tuple[str, list[float]]]:
    """For each way of choosing: false alarms an hour before, and after each round."""
    mine, source = work / f"seed{seed}", work / "corpus"
    order = np.random.default_rng(seed).permutation(sorted(archive.truth))
    searched, heldout = (
        archive.part([str(name) for name in order[first::2]], mine / part)
        for first, part in enumerate(("archive", "heldout"))
    )
    with _said_to(mine / "log"):
        first = train(source, mine / "first", seed)
        before = false_alarms(first, heldout)
        loop = Loop(source, first, searched, heldout, rounds, clips, seed)
        return [
            (name, [before, *loop.run(listing, mine / listing.__name__)])
            for name, listing in (("by score", by_score), ("at random", at_random))
        ]


def experiment(options: argparse.Namespace) -> Iterator[tuple[int, list[tuple[str, list[float]]]]]:
    """Each seed with its figures."""
    work = options.work.absolute()
    work.mkdir(parents=True)
    source = make_corpus(work / "corpus", num_jobs=options.nj, selected=lambda piece: piece.kind in (LABEL, *CALM))
    (source.parent / "corpus.yaml").write_text(SETTINGS, encoding="utf-8")
    (work / "archive").mkdir()
    with ProcessPoolExecutor(options.nj, multiprocessing.get_context("spawn")) as pool:
        made = pool.map(partial(make_recording, work / "archive"), range(options.files))
        archive = Archive(work / "archive", dict(made))
        seeds = range(1, options.seeds + 1)
        found = pool.map(partial(one_seed, work, archive, options.rounds, options.clips), seeds)
        yield from zip(seeds, found, strict=True)


def _tell(name: str, figures: Sequence[str]) -> None:
    """A row of the table."""
    print(f"| {name} | {' | '.join(figures)} |", flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("work", type=Path, metavar="DIR", help="a new folder for all that is made")
    add("--seeds", type=int, default=3, help="so many times, with other parts of the archive (default %(default)s)")
    add("--rounds", type=int, default=3, help="default %(default)s")
    add("--clips", type=int, default=20, help="that are judged in a round (default %(default)s)")
    add("--files", type=int, default=60, help="recordings of two minutes, half of them held out (default %(default)s)")
    add("--nj", type=int, default=1, help="processes (default %(default)s); they do not change the result")
    options = parser.parse_args(argv)
    rounds = [f"after {number}" for number in range(1, options.rounds + 1)]
    print(f"False alarms an hour at a recall of {RECALL:.0%}:\n")
    print(f"| | {' | '.join(['before', *rounds])} |\n|---|{'---|' * (options.rounds + 1)}", flush=True)
    of_all: dict[str, list[list[float]]] = defaultdict(list)
    for seed, found in experiment(options):
        for name, figures in found:
            of_all[name].append(figures)
            _tell(f"seed {seed}, {name}", [f"{each:.1f}" for each in figures])
    if options.seeds > 1:
        for name, rows in of_all.items():
            mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
            _tell(
                f"mean and standard deviation, {name}",
                [f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, spread, strict=True)],
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
