"""The corpus of the detector ``babycry``: cries and places of open licences from ``rare_real``, and backgrounds made
of free sounds without a baby.

    python local/detectors/babycry_corpus.py --rare-real ../shared/corpora/rare_real --sounds SOUNDS OUT

``babycry_sounds.yaml`` says which sounds belong into the folder SOUNDS, where they come from and under which licences.
They are divided among *houses*: no sound and no speaker is heard in two, and each house counts as one recording, so
that validation hears voices, dogs and doors that training does not. To them come sounds that the demo corpus
generates. The test set is that of ``rare_real``, whole.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from local.demo import incidents
from local.demo.rooms import microphone, reverberate, room, telephone
from local.demo.signals import (
    RATE_HZ,
    Rng,
    Sound,
    add_at,
    fade,
    gain,
    generator,
    log_uniform,
    num_samples,
    rms,
    shaped_noise,
    unit_loud,
    unit_rms,
)

DURATION_S = 30.0
NUM_HOUSES = 11
OPEN = re.compile(r"(CC0|CC[ -]BY\b|ODbL|Pixabay)(?!.*NC)")  # licences of rare_real that let a detector be passed on
MADE = (
    *(incidents.dog, incidents.children, incidents.laughter, incidents.cough) * 2,
    *(incidents.dishes, incidents.door, incidents.knocks, incidents.clatter, incidents.footsteps, incidents.rustle),
    *(incidents.gull, incidents.songbird, incidents.squeal, incidents.horn, incidents.bell, incidents.announcement),
)


@dataclass(frozen=True)
class Clip:
    """One free sound: what it is used for, and whose voice it is where it is speech."""

    path: Path
    kind: str
    voice: str


def find_clips(folder: Path, table: Path) -> list[Clip]:
    """The sounds of a table that are in a folder, each once."""
    clips, seen = [], set()
    for source in yaml.safe_load(table.read_text(encoding="utf-8")):
        home = folder / source["folder"]
        if not home.is_dir():
            raise SystemExit(f"{home}: missing; {table.name} says where it comes from")
        for kind, patterns in source["sounds"].items():
            for path in sorted({path for pattern in patterns for path in home.glob(pattern) if path.is_file()}):
                digest = hashlib.sha256(path.read_bytes()).digest()
                if digest not in seen:
                    match = re.match(source["voices"], str(path.relative_to(home))) if "voices" in source else None
                    clips.append(Clip(path, kind, f"{source['author']}/{match[1] if match else ''}"))
                seen.add(digest)
    return clips


def divide(clips: list[Clip], seed: int) -> list[dict[str, list[list[Clip]]]]:
    """Houses: by kind, lists of clips; of speech a list for each voice, of other kinds a list for each clip."""
    houses: list[dict[str, list[list[Clip]]]] = [{} for _ in range(NUM_HOUSES)]
    for kind in sorted({clip.kind for clip in clips}):
        groups: dict[str, list[Clip]] = {}
        for place, clip in enumerate(each for each in clips if each.kind == kind):
            groups.setdefault(clip.voice if kind == "speech" else f"{place:05d}", []).append(clip)
        parts = [group for _, group in sorted(groups.items())]
        for place, i in enumerate(generator(seed, kind).permutation(len(parts))):
            houses[place % NUM_HOUSES].setdefault(kind, []).append(parts[i])
    return houses


def load(path: Path) -> Sound:
    """A sound at RATE_HZ, mono, (T,)."""
    if path.suffix in (".g722", ".gsm"):
        raw = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1", "-"]
        done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, *raw], capture_output=True, check=True)
        return np.frombuffer(done.stdout, "<i2") / 32768.0
    samples, rate_hz = soundfile.read(path, always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ)


class House:
    """Makes backgrounds of the sounds of one house."""

    def __init__(self, sounds: dict[str, list[list[Clip]]], rng: Rng):
        self.sounds, self.rng, self.count = sounds, rng, num_samples(DURATION_S)

    def pick(self, kind: str) -> list[Clip]:
        groups = self.sounds[kind]
        return groups[int(self.rng.integers(len(groups)))]

    def piece(self, kind: str, longest_s: float, shortest_s: float = 0.05) -> Sound:
        """A random part of a random sound of a kind, faded at its ends, its loudest 50 ms of RMS 1."""
        for _ in range(20):
            clips = self.pick(kind)
            sound = load(clips[int(self.rng.integers(len(clips)))].path)
            longest = num_samples(self.rng.uniform(0.4, 1.0) * longest_s)
            start = int(self.rng.integers(max(1, len(sound) - longest)))
            sound = sound[start : start + longest]
            if len(sound) >= num_samples(shortest_s) and rms(sound) > 1e-4:
                return unit_loud(fade(sound, 0.01, 0.05))
        return np.zeros(num_samples(shortest_s))

    def bed(self) -> Sound:
        """A place of its own or a room's quiet noise, RMS 1, (T,)."""
        if self.rng.random() < 0.4:
            tilt = self.rng.uniform(-9, -3)
            return shaped_noise(
                self.rng, self.count, {60: 0, 250: tilt, 1000: 2 * tilt, 4000: 3 * tilt, 8000: 4 * tilt}
            )
        clips = self.pick("places")
        sound = load(clips[0].path)
        while len(sound) < self.count:  # joined to itself by a cross-fade
            overlap = min(num_samples(1.0), len(sound) // 3)
            longer = np.zeros(2 * len(sound) - overlap)
            add_at(longer, 0, fade(sound, 0.0, overlap / RATE_HZ))
            add_at(longer, len(sound) - overlap, fade(sound, overlap / RATE_HZ, 0.0))
            sound = longer
        start = int(self.rng.integers(len(sound) - self.count + 1))
        return unit_rms(sound[start : start + self.count])

    def talk(self, faster: float, pause_s: float) -> Sound:
        """One speaker's utterances in a row, played ``faster``, (T,)."""
        clips, track, at = self.pick("speech"), np.zeros(self.count), num_samples(self.rng.uniform(0, 4))
        while at < self.count:
            sound = load(clips[int(self.rng.integers(len(clips)))].path)
            if rms(sound) > 1e-4:
                sound = soxr.resample(sound, RATE_HZ, RATE_HZ / faster)
                add_at(track, at, unit_loud(sound) * gain(self.rng.uniform(-5, 0)))
            at += len(sound) + num_samples(self.rng.exponential(pause_s) + 0.1)
        return track

    def incidents(self, kinds: dict[str, float], spread_db: float = 10.0) -> Sound:
        """Sounds of several kinds as Poisson processes; kinds: how many of each in a background on average."""
        track = np.zeros(self.count)
        for kind, number in kinds.items():
            for _ in range(self.rng.poisson(number)):
                sound = self.made() if kind == "made" else self.piece(kind, 12.0 if kind == "music" else 5.0)
                add_at(track, int(self.rng.integers(self.count)), sound * gain(self.rng.uniform(-spread_db, 0)))
        return track

    def made(self) -> Sound:
        """One of the demo corpus's own incidents."""
        return unit_loud(MADE[int(self.rng.integers(len(MADE)))](self.rng))

    def compose(self, foreground: Sound, above_db: tuple[float, float]) -> Sound:
        """Foreground in a room over a bed, as one recorder hears both."""
        if self.rng.random() < 0.7:
            decay_s, wet_db = log_uniform(self.rng, 0.2, 0.7), self.rng.uniform(-14, -2)
            response = room(self.rng, decay_s, wet_db, self.rng.uniform(2, 6))
            foreground = reverberate(foreground, response)[: self.count]
        sound = self.bed() + gain(self.rng.uniform(*above_db)) * foreground
        sound = microphone(self.rng, sound)
        if self.rng.random() < 0.25:
            sound = telephone(sound, self.rng.uniform(3200, 3900))
        return sound

    def home(self) -> Sound:
        """Speech in a room with what is heard at home."""
        speech = self.talk(log_uniform(self.rng, 0.92, 1.12), log_uniform(self.rng, 0.3, 3.0))
        if self.rng.random() < 0.3:
            speech += self.talk(log_uniform(self.rng, 0.92, 1.12), 3.0)
        heard = {"household": 3, "animals": 1.2, "people": 0.5, "alarms": 0.2, "made": 3}
        return self.compose(speech + self.incidents(heard), (8, 20))

    def household(self) -> Sound:
        """No speech: animals, doors, voices without words."""
        heard = {"household": 5, "animals": 3, "people": 1.5, "alarms": 0.5, "made": 5}
        return self.compose(self.incidents(heard), (8, 22))

    def children(self) -> Sound:
        """Two to four voices, high as children's, at play."""
        voices = [self.talk(log_uniform(self.rng, 1.25, 1.8), 2.0) for _ in range(self.rng.integers(2, 5))]
        heard = {"people": 1, "animals": 0.5, "household": 2, "made": 2}
        return self.compose(sum(voices, self.incidents(heard)), (3, 18))

    def music(self) -> Sound:
        """Music, loud or from a radio, sometimes with a voice."""
        track = self.piece("music", 60.0, 2.0)
        while len(track) < self.count:
            track = np.concatenate([track, self.piece("music", 60.0, 2.0)])
        track = track[: self.count]
        if self.rng.random() < 0.4:
            track = track + self.talk(log_uniform(self.rng, 0.92, 1.12), 2.0)
        return self.compose(track + self.incidents({"household": 1}), (6, 26))

    def street(self) -> Sound:
        """Sirens, horns, animals and shouts out of doors."""
        heard = {"alarms": 2, "animals": 2.5, "people": 1, "household": 2, "made": 4}
        return self.compose(self.incidents(heard), (2, 16))


PLAN: tuple[tuple[str, str, Callable[[House], Sound], int], ...] = (
    ("home", "home", House.home, 8),
    ("household", "home", House.household, 2),
    ("children", "park", House.children, 2),
    ("music", "home", House.music, 3),
    ("street", "city_center", House.street, 1),
)


def make_backgrounds(clips: list[Clip], folder: Path, seed: int) -> list[dict]:
    """Writes the backgrounds of all houses; returns their entries for bgs_devtrain.yaml."""
    entries = []
    for number, sounds in enumerate(divide(clips, seed)):
        for name, scene, make, how_many in PLAN:
            for index in range(how_many):
                sound = make(House(sounds, generator(seed, number, name, index)))
                sound *= gain(-generator(seed, "level", number, name, index).uniform(1, 20)) / np.abs(sound).max()
                path = f"audio/made_{number:02d}_{name}_{index}.flac"
                soundfile.write(folder / path, sound, RATE_HZ, subtype="PCM_16")
                entries.append(
                    {"classname": scene, "filepath": path, "license": "free sounds", "recording_id": f"house-{number}"}
                )
        print(f"house {number + 1} of {NUM_HOUSES}", file=sys.stderr)
    return entries


def copy_corpus(rare_real: Path, out: Path) -> list[dict]:
    """Copies what is open of the training set, and the whole test set; returns the entries of open backgrounds."""
    lists = Path("source_data/cv_setup")
    (out / lists).mkdir(parents=True, exist_ok=True)
    kept: list[dict] = []
    for subset in ("devtrain", "devtest"):
        is_open = (lambda entry: OPEN.match(entry["license"])) if subset == "devtrain" else (lambda entry: True)
        events = yaml.safe_load((rare_real / lists / f"events_{subset}.yaml").read_text(encoding="utf-8"))["babycry"]
        places = yaml.safe_load((rare_real / lists / f"bgs_{subset}.yaml").read_text(encoding="utf-8"))
        events, places = [each for each in events if is_open(each)], [each for each in places if is_open(each)]
        print(f"{subset}: {len(events)} cries, {len(places)} backgrounds of rare_real", file=sys.stderr)
        names = [f"events/babycry/{each['audio_filename']}" for each in events]
        for name in names + [f"bgs/{each['filepath']}" for each in places]:
            target = out / "source_data" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(rare_real / "source_data" / name, target)
        _write(out / lists / f"events_{subset}.yaml", {"babycry": events})
        _write(out / lists / f"bgs_{subset}.yaml", places)
        kept = kept or places
    return kept


def _write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rare-real", type=Path, required=True, help="the corpus of real recordings")
    parser.add_argument("--sounds", type=Path, required=True, help="folder with the sources of babycry_sounds.yaml")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    clips = find_clips(args.sounds, Path(__file__).with_name("babycry_sounds.yaml"))
    for kind in sorted({clip.kind for clip in clips}):
        print(f"{sum(clip.kind == kind for clip in clips)} sounds: {kind}", file=sys.stderr)
    places = copy_corpus(args.rare_real, args.out)
    places += make_backgrounds(clips, args.out / "source_data/bgs", args.seed)
    _write(args.out / "source_data/cv_setup/bgs_devtrain.yaml", places)
    _write(args.out / "corpus.yaml", {"mixtures": {"devtrain": 1500, "devtest": 250}, "validation_fraction": 0.15})


if __name__ == "__main__":
    main()
