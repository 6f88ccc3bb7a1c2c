"""What goes into each mixture: draws in the order of the official TUT Rare Sound Events synthesizer.

One random stream per subset is consumed class by class; within a class the draws are: the events, the backgrounds,
the order of presence, one offset per chosen event, the event-to-background ratios. Each mixture keeps its own offset.
In official mixtures alone an event that is drawn twice keeps the offset drawn last, in all its mixtures: there it is
one shared object, and equality with the official recipes depends on it.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from pysed.config import checked, read_mapping, setting
from pysed.corpus.sources import Background, EventClip, Sources
from pysed.corpus.variation import Variation, draw_variation, redraw_place
from pysed.errors import DataError

FADE_S = 0.01  # of a configuration that does not say; official mixtures have none


@dataclass(frozen=True)
class CorpusSettings:
    """How a corpus is mixed; conf/corpora/<name>.yaml."""

    mixtures: dict[str, int] = setting(at_least=1, at_most=10**7, what="mixtures of each subset, {devtrain: 500}")
    presence: float = setting(0.5, at_least=0, at_most=1)
    ebrs: tuple[int | float, ...] = setting((-6, 0, 6), at_least=-200, at_most=200)
    seed: int = setting(42, at_least=0, at_most=2**32 - 3)  # and the two after it
    duration_s: float = setting(30.0, at_least=0.1, at_most=3600)
    rate_hz: int | None = setting(None, at_least=1000, at_most=768000)
    validation_fraction: float = setting(0.1, at_least=0, at_most=0.5)
    variation: float = setting(0.0, at_least=0, at_most=1)  # share of the training mixtures that are varied
    #: Parts into which training recordings are divided, for systems with folds; 1: one validation part
    folds: int = setting(1, at_least=1, at_most=20)
    fade_s: float = setting(0.0, at_least=0, at_most=0.1)  # at both ends of every event laid over a background
    official: bool = setting(False)  # mixtures exactly as the official synthesizer's (pysed.corpus.official)

    @classmethod
    def load(cls, path: str | Path) -> "CorpusSettings":
        """Read and check a settings file; raises DataError naming the key at fault."""
        content = read_mapping(path, "a corpus configuration")
        return checked(cls, {"fade_s": 0.0 if content.get("official") else FADE_S, **content}, str(path))

    def of_seed(self, seed: int) -> "CorpusSettings":
        """The settings for the mixtures of one training seed: 1 has those of the configuration; with every other one
        recordings held out, mixtures and variations are drawn anew."""
        return replace(self, seed=(self.seed + 10_000 * (seed - 1)) % (2**32 - 2))

    def shifted(self, shift_db: float) -> "CorpusSettings":
        """The settings for the same mixtures with all events ``shift_db`` louder; DataError out of range."""
        ebrs = tuple(ebr + shift_db for ebr in self.ebrs)
        if not all(-200 <= ebr <= 200 for ebr in ebrs):
            raise DataError(f"ratios {ebrs} dB, shifted by {shift_db}; expected -200 to 200")
        return replace(self, ebrs=ebrs)

    def check(self, place: str) -> None:
        """DataError for settings that no corpus can have."""
        for key in ("mixtures", "ebrs"):
            if not getattr(self, key):
                raise DataError(f"{place}: {key}: nothing; expected one or more")
        if self.official and self.folds > 1:
            raise DataError(f"{place}: folds {self.folds}; expected 1: official mixtures are drawn across all")


@dataclass(frozen=True)
class Recipe:
    """One mixture: a background, and an event at an offset with a ratio in dB, or none."""

    name: str
    label: str
    background: Background
    event: EventClip | None
    offset_s: float | None
    ebr_db: float | None
    split: str = "train"
    variation: Variation | None = None
    fold: int | None = None  # all of its recordings are of this one

    @property
    def event_length_s(self) -> float:
        """Length of the event as it is mixed, 0 without one."""
        if self.event is None:
            return 0.0
        return self.event.length_s / (self.variation.event_speed if self.variation else 1.0)

    def as_dict(self) -> dict:
        """Plain values, for recipes.yaml."""
        event = self.event and {
            "path": self.event.path.name,
            "segment": [self.event.onset_s, self.event.offset_s],
            "recording": self.event.recording,
            "offset_s": self.offset_s,
            "ebr_db": self.ebr_db,
        }
        background = {
            "path": self.background.path.name,
            "scene": self.background.scene,
            "recording": self.background.recording,
        }
        content: dict = {"name": self.name, "split": self.split, "background": background, "event": event}
        if self.fold is not None:
            content["fold"] = self.fold
        return content if self.variation is None else {**content, "variation": self.variation.as_dict()}


def draw_class(
    random: np.random.RandomState,
    events: list[EventClip],
    backgrounds: list[Background],
    num_mixtures: int,
    settings: CorpusSettings,
    share_offsets: bool = False,
) -> list[tuple[Background, EventClip | None, float | None, float | None]]:
    """The draws of one class: background, event, offset in seconds, ratio in dB, per mixture.

    ``share_offsets``: an event drawn twice keeps the offset drawn last, as in the official mixtures.
    """
    num_present = round(num_mixtures * settings.presence)
    chosen = random.choice(len(events), num_present)
    chosen_backgrounds = [backgrounds[i] for i in random.choice(len(backgrounds), num_mixtures)]
    flags = np.zeros(num_mixtures, bool)
    flags[:num_present] = True
    flags = random.permutation(flags)
    offsets = [(settings.duration_s - events[i].length_s) * random.rand() for i in chosen]
    if share_offsets:
        last = dict(zip(chosen, offsets, strict=True))
        offsets = [last[i] for i in chosen]
    ratios = random.choice(settings.ebrs, size=num_present)
    draws: list[tuple[Background, EventClip | None, float | None, float | None]] = []
    position = 0
    for background, present in zip(chosen_backgrounds, flags, strict=True):
        if present:
            draws.append((background, events[chosen[position]], offsets[position], float(ratios[position])))
            position += 1
        else:
            draws.append((background, None, None, None))
    return draws


def split_recordings(recordings, fraction: float, random: np.random.RandomState) -> set[str]:
    """The recordings held out for validation: a fraction of them, at least one where there are two or more."""
    names = sorted(set(recordings))
    count = min(max(1, round(fraction * len(names))), len(names) - 1) if fraction else 0
    return {names[i] for i in random.permutation(len(names))[:count]}


def divide_recordings(recordings, num_folds: int, random: np.random.RandomState) -> dict[str, int]:
    """Each recording's fold, 0 to num_folds - 1, all of the same size but for one."""
    names = sorted(set(recordings))
    return {names[i]: place % num_folds for place, i in enumerate(random.permutation(len(names)))}


def _folds(sources: Sources, label: str, settings: CorpusSettings) -> list[Sources]:
    """Each fold's own recordings, events and backgrounds."""
    random = np.random.RandomState(settings.seed)
    events = {
        name: divide_recordings([e.recording for e in es], settings.folds, random)
        for name, es in sources.events.items()
    }
    backgrounds = divide_recordings([b.recording for b in sources.backgrounds], settings.folds, random)
    for what, held in ((label, events[label]), ("backgrounds", backgrounds)):
        if len(held) < settings.folds:
            raise DataError(
                f"{what}: {len(held)} recordings for {settings.folds} folds; expected one a fold or more; "
                "set folds lower in the corpus's configuration"
            )
    return [
        Sources(
            sources.subset,
            {name: [e for e in es if events[name][e.recording] == fold] for name, es in sources.events.items()},
            [b for b in sources.backgrounds if backgrounds[b.recording] == fold],
        )
        for fold in range(settings.folds)
    ]


def _parts_of_folds(
    sources: Sources, label: str, settings: CorpusSettings, num_mixtures: int
) -> list[tuple[str, int | None, int, int, Sources]]:
    """(split, fold, seed, number of mixtures, sources) of every part: of each fold, mixtures to train on and some, as
    many as the validation fraction says, that are as a test's are."""
    num_valid = max(settings.folds * 2, round(num_mixtures * settings.validation_fraction))
    if num_mixtures - num_valid < 2 * settings.folds:
        raise DataError(
            f"{label}: {num_mixtures} training mixtures in {settings.folds} folds; expected at least "
            f"{4 * settings.folds}, and more with a larger validation_fraction"
        )
    parts: list[tuple[str, int | None, int, int, Sources]] = []
    for fold, inside in enumerate(_folds(sources, label, settings)):
        for first, (split, total) in enumerate((("train", num_mixtures - num_valid), ("valid", num_valid))):
            count = total * (fold + 1) // settings.folds - total * fold // settings.folds
            parts.append((split, fold, (settings.seed + 10 + 2 * fold + first) % 2**32, count, inside))
    return parts


def held_out_recordings(sources: Sources, label: str, settings: CorpusSettings) -> tuple[dict[str, set[str]], set[str]]:
    """The recordings of events, by class, and of backgrounds that are for validation alone. DataError where none is."""
    random, fraction = np.random.RandomState(settings.seed), settings.validation_fraction
    events = {
        name: split_recordings([e.recording for e in es], fraction, random) for name, es in sources.events.items()
    }
    backgrounds = split_recordings([b.recording for b in sources.backgrounds], fraction, random)
    if not events[label] or not backgrounds:
        raise DataError(f"{label}: one recording only; validation needs two event and two background recordings")
    return events, backgrounds


def subset_recipes(
    sources: Sources, label: str, settings: CorpusSettings, num_mixtures: int, held_out: bool
) -> list[Recipe]:
    """All mixtures of one class of a subset.

    With ``held_out`` (training subsets) the recordings, events and backgrounds both, are first divided into training
    and validation ones, or into folds; each part's mixtures are drawn by the official procedure from its own recordings
    only, so that no recording stands in two. The parts share ``num_mixtures`` as the validation fraction says.
    """
    parts: list[tuple[str, int | None, int, int, Sources]]
    if held_out and settings.folds > 1:
        parts = _parts_of_folds(sources, label, settings, num_mixtures)
    elif held_out and settings.validation_fraction > 0:
        valid, scenes = held_out_recordings(sources, label, settings)

        def part(inside: bool) -> Sources:
            events = {n: [e for e in es if (e.recording in valid[n]) == inside] for n, es in sources.events.items()}
            return Sources(
                sources.subset, events, [b for b in sources.backgrounds if (b.recording in scenes) == inside]
            )

        num_valid = max(2, round(num_mixtures * settings.validation_fraction))
        if num_mixtures - num_valid < 2:
            raise DataError(f"{label}: {num_mixtures} training mixtures; expected at least 4")
        parts = [
            ("train", None, settings.seed, num_mixtures - num_valid, part(False)),
            ("valid", None, settings.seed + 1, num_valid, part(True)),
        ]
    else:
        parts = [("train" if held_out else "test", None, settings.seed, num_mixtures, sources)]

    recipes: list[Recipe] = []
    for split, fold, seed, count, part_sources in parts:
        # The stream of a subset runs through all classes in order: earlier ones are drawn to reach this one.
        random = np.random.RandomState(seed)
        for name, events in part_sources.events.items():
            draws = draw_class(random, events, part_sources.backgrounds, count, settings) if events else []
            if name != label:
                continue
            found = [Recipe("", label, *draw, split, fold=fold) for draw in draws]
            if split == "train" and settings.variation > 0:
                found = _vary(found, part_sources.backgrounds, settings, fold or 0)
            recipes += [_named(recipe, len(recipes) + i, sources.subset) for i, recipe in enumerate(found)]
            break
    return recipes


def _vary(
    recipes: list[Recipe], backgrounds: list[Background], settings: CorpusSettings, fold: int = 0
) -> list[Recipe]:
    """The recipes with the settings' share of them varied, by a random stream of its own."""
    random = np.random.RandomState((settings.seed + 2 + 1000 * fold) % 2**32)
    result = []
    for recipe in recipes:
        variation, chosen = draw_variation(random, backgrounds), random.random_sample() < settings.variation
        if chosen:
            recipe = replace(recipe, variation=variation)
            if recipe.event is not None:
                assert recipe.ebr_db is not None, "an event has a ratio"
                place = redraw_place(random, recipe.event, recipe.ebr_db, settings.duration_s, variation)
                recipe = replace(recipe, offset_s=place[0], ebr_db=place[1])
        result.append(recipe)
    return result


def _named(recipe: Recipe, index: int, subset: str) -> Recipe:
    digest = hashlib.md5(yaml.dump(recipe.as_dict()).encode()).hexdigest()
    return replace(recipe, name=f"mixture_{subset}_{recipe.label}_{index:03d}_{digest}")
