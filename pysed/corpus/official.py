"""The mixtures of TUT Rare Sound Events 2017 as its authors' synthesizer makes them: names, annotations, samples.

Source: the synthesizer's behaviour at its last version (June 2017). A mixture's name holds the md5 of its recipe, as
PyYAML of that time wrote it (``default_flow_style=None``); the recipe holds the factor that the event is scaled by, so
that the name of a mixture with an event rests on the levels measured, that of one without on its background alone.

The patch released with the synthesizer drops the mixtures whose background holds sounds of the class by itself. Those
backgrounds are listed in ``source_data/bgs/bg_screening.csv``; without that file the 13 published mixtures are dropped
where the lists are recognised as the published ones (``PUBLISHED`` and ``_WITHOUT_EVENT`` below).
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from pysed.audio import read_audio
from pysed.corpus.recipes import CorpusSettings, draw_class
from pysed.corpus.sources import OFFICIAL_ORDER, Background, EventClip, Sources
from pysed.errors import DataError
from pysed.text_files import read_csv

RATE_HZ = 44100
DURATION_S = 30
ANTICLIPPING = 0.2
# Numbers of the babycry mixtures that the patch drops, with the official parameters (it drops none of other classes).
PUBLISHED = {
    "devtrain": (66, 67, 99, 145, 152, 164, 216, 332, 392),
    "devtest": (38, 154, 161, 225),
}
# One of them per subset has no event: its name is the same whoever measures, and tells the published lists.
_WITHOUT_EVENT = {
    "devtrain": (66, "71268bdc57bb18f02637aeb63ae1ce00"),
    "devtest": (161, "48703813b6307ecd546ad49af284628a"),
}


@dataclass(frozen=True)
class OfficialMixture:
    """One mixture: its number in the subset's class, its sources, the event's start in seconds and ratio in dB."""

    index: int
    subset: str
    label: str
    background: Background
    event: EventClip | None
    start_s: float | None
    ebr_db: float | None


def parameter_hash(settings: CorpusSettings, num_mixtures: int) -> str:
    """The hash of the mixing parameters that names the synthesizer's folders; 20b25538… for the official ones."""
    parameters = {
        "event_presence_prob": settings.presence,
        "mixtures_per_class": num_mixtures,
        "ebrs": list(settings.ebrs),
        "seed": settings.seed,
    }
    return hashlib.md5(yaml.dump(parameters, default_flow_style=None).encode()).hexdigest()


def check_official(settings: CorpusSettings) -> None:
    """Raise DataError for settings that the synthesizer does not know."""
    if settings.variation:
        raise DataError(f"official: true with variation: {settings.variation}; official mixtures are not varied; set 0")
    if settings.fade_s:
        raise DataError(f"official: true with fade_s: {settings.fade_s}; official events have no fades; set 0")
    if settings.duration_s != DURATION_S or settings.rate_hz not in (None, RATE_HZ):
        raise DataError(f"official: true needs duration_s: {DURATION_S} and rate_hz: null or {RATE_HZ}")


def official_mixtures(
    sources: Sources, label: str, settings: CorpusSettings, num_mixtures: int, share_offsets: bool = True
) -> list[OfficialMixture]:
    """The draws of one class of a subset; opens no audio. Earlier classes are drawn to reach this one.

    ``share_offsets``: an event drawn twice keeps the offset drawn last, as the synthesizer has it.
    Raises DataError for a class that the synthesizer does not know.
    """
    if label not in OFFICIAL_ORDER:
        raise DataError(f"{label}: not an official class; expected {', '.join(OFFICIAL_ORDER)}; or set official: false")
    random = np.random.RandomState(settings.seed)
    for name in OFFICIAL_ORDER:
        if name not in sources.events:
            raise DataError(f"{sources.subset}: no class {name}; the official draws run through all three")
        draws = draw_class(random, sources.events[name], sources.backgrounds, num_mixtures, settings, share_offsets)
        if name == label:
            break
    return [OfficialMixture(index, sources.subset, label, *draw) for index, draw in enumerate(draws)]


def _mono(path: Path) -> np.ndarray:
    """A file as (T,) float64 at 44.1 kHz, channels averaged."""
    samples, rate_hz = read_audio(path, dtype="float64")
    if rate_hz != RATE_HZ:
        import soxr

        length = int(np.ceil(len(samples) * (RATE_HZ / rate_hz)))
        samples = soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ")[:length]
        samples = np.pad(samples, (0, length - len(samples)))
    return samples


@lru_cache(maxsize=4)
def _background(path: Path) -> np.ndarray:
    return _mono(path)


@lru_cache(maxsize=64)
def _event(path: Path, onset_s: float, offset_s: float) -> np.ndarray:
    # Copied: a slice would keep the whole recording in memory.
    return _mono(path)[int(onset_s * RATE_HZ) : int(offset_s * RATE_HZ)].copy()


def _rms(samples: np.ndarray) -> float:
    return np.sqrt(np.mean(np.abs(samples) ** 2, axis=0, keepdims=False))


def recipe_of(mixture: OfficialMixture) -> dict:
    """The synthesizer's recipe of a mixture, with its name and annotation; reads the audio to measure levels."""
    recipe: dict = {
        "bg_path": mixture.background.entry["filepath"],
        "bg_classname": mixture.background.entry["classname"],
        "event_present": mixture.event is not None,
    }
    annotation = ""
    if mixture.event is None:
        recipe["ebr"] = float("-inf")
    else:
        event, start_s, ebr_db = mixture.event, mixture.start_s, mixture.ebr_db
        assert start_s is not None and ebr_db is not None, "an event has a place and a ratio"
        bare, background = _event(event.path, event.onset_s, event.offset_s), _background(mixture.background.path)
        under = background[int(start_s * RATE_HZ) : int(start_s * RATE_HZ + len(bare))]
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = 10 ** (ebr_db / float(20)) / (_rms(bare) / _rms(under))
        if not np.isfinite(factor):
            raise DataError(f"{event.path}: silence over {mixture.background.path}: no ratio of levels; remove either")
        recipe |= {
            "event_path": f"{mixture.label}/{event.entry['audio_filename']}",
            "event_class": mixture.label,
            "event_start_in_mixture_seconds": float(start_s),
            "event_length_seconds": event.length_s,
            "scaling_factor": float(factor),
            "segment_start_seconds": event.entry["segment"][0],
            "segment_end_seconds": event.entry["segment"][1],
            "ebr": float(ebr_db),
        }
        annotation = f"\t{recipe['event_start_in_mixture_seconds']}"
        annotation += f"\t{recipe['event_start_in_mixture_seconds'] + recipe['event_length_seconds']}\t{mixture.label}"
    digest = hashlib.md5(yaml.dump(recipe, default_flow_style=None).encode()).hexdigest()
    name = f"mixture_{mixture.subset}_{mixture.label}_{mixture.index:03d}_{digest}.wav"
    return {**recipe, "mixture_audio_filename": name, "annotation_string": name + annotation}


def render_official(mixture: OfficialMixture, recipe: dict) -> np.ndarray:
    """The samples (30 s at 44.1 kHz,) float64 in [-1, 1], before they are written with 24 bits."""
    background = _background(mixture.background.path)
    if mixture.event is None:
        return ANTICLIPPING * background
    event = recipe["scaling_factor"] * _event(mixture.event.path, mixture.event.onset_s, mixture.event.offset_s)
    offset = int(recipe["event_start_in_mixture_seconds"] * RATE_HZ)
    if offset + len(event) > len(background):
        raise DataError(
            f"{mixture.background.path}: shorter than {DURATION_S} s; the event does not fit; unpack it anew"
        )
    padded = np.pad(event, (offset, len(background) - len(event) - offset))
    samples = ANTICLIPPING * (padded + background)
    peak = np.max(np.abs(samples))
    return samples / peak if peak >= 1 else samples


def screened_backgrounds(corpus: Path) -> dict[str, set[str]] | None:
    """Base names of the backgrounds that hold sounds of each class by themselves; None without bg_screening.csv."""
    path = corpus / "source_data" / "bgs" / "bg_screening.csv"
    if not path.is_file():
        return None
    found: dict[str, set[str]] = {label: set() for label in OFFICIAL_ORDER}
    rows = read_csv(path)
    next(rows, None)  # names of columns: file, then one per class in the official order
    for number, row in rows:
        if not row:
            continue
        if len(row) < 1 + len(OFFICIAL_ORDER):
            raise DataError(f"{path}:{number}: {len(row)} columns; expected a file and {len(OFFICIAL_ORDER)} classes")
        for label, cell in zip(OFFICIAL_ORDER, row[1:], strict=False):
            if cell.strip().lower() not in ("", "nan", "na", "n/a", "null", "none"):
                found[label].add(row[0].strip().replace("audio/", ""))
    return found


def dropped_by_patch(corpus: Path, mixtures: list[OfficialMixture], settings: CorpusSettings) -> set[int]:
    """Numbers of the mixtures of one class that the patch drops (see the module's head)."""
    if not mixtures:
        return set()
    screened = screened_backgrounds(corpus)
    subset, label = mixtures[0].subset, mixtures[0].label
    if screened is not None:
        return {
            m.index for m in mixtures if str(m.background.entry["filepath"]).replace("audio/", "") in screened[label]
        }
    if label != "babycry" or subset not in PUBLISHED:
        return set()
    index, digest = _WITHOUT_EVENT[subset]
    if parameter_hash(settings, len(mixtures)) != "20b255387a2d0cddc0a3dff5014875e7":
        return set()
    if mixtures[index].event is not None or not recipe_of(mixtures[index])["mixture_audio_filename"].endswith(
        f"_{digest}.wav"
    ):
        return set()
    return set(PUBLISHED[subset])
