"""Mixtures and bare events of a corpus, written as Kaldi data directories with 16 kHz audio."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from pysed.atomic import atomic_open, temporary_beside
from pysed.audio import rate_of, resample, write_wav
from pysed.corpus.mixing import event_samples, render
from pysed.corpus.recipes import CorpusSettings, Recipe, subset_recipes
from pysed.corpus.sources import EventClip, Sources, check_class, check_events, check_mixable, load_sources
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.errors import DataError
from pysed.freshness.marks import clear_left_beside
from pysed.text_files import read_lines

RATE_HZ = 16000


def corpus_rate(sources: Sources, settings: CorpusSettings) -> int:
    """The rate mixtures are made at: as configured, or the one most backgrounds have."""
    if settings.rate_hz:
        return settings.rate_hz
    rates = Counter(rate_of(background.path) for background in sources.backgrounds)
    return max(rates, key=lambda rate: (rates[rate], rate))


def _check_replaceable(out: Path) -> None:
    """Nothing is removed that was not made here: a data directory whose audio lies in its own folder audio/."""
    if out.is_dir() and not out.is_symlink():
        table = out / "wav.scp"
        rows = (
            [line.partition(" ") for line in read_lines(table, "a name and a value a line")] if table.is_file() else []
        )
        made = bool(rows) and all(wav.endswith(f"{out.name}/audio/{name}.wav") for name, _, wav in rows)
        if made or not any(out.iterdir()):
            return
    elif not os.path.lexists(out):
        return
    raise DataError(f"{out}: exists, and is no data directory of mixtures; move it away, or name another --out")


@contextmanager
def data_folder(out: Path) -> Iterator[Path]:
    """A folder that replaces ``out`` when the block succeeds and vanishes when it does not.

    Raises DataError where ``out`` is anything but a data directory that this made.
    """
    _check_replaceable(out)
    temporary = temporary_beside(out)
    clear_left_beside(out)
    shutil.rmtree(temporary, ignore_errors=True)
    (temporary / "audio").mkdir(parents=True)
    try:
        yield temporary
        before = out.with_name(f".{out.name}.before.{os.getpid()}.tmp")
        if out.exists():
            out.rename(before)
        temporary.rename(out)
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_all(work, items: list, nj: int, what: str) -> list:
    """Map ``work`` over items in order, in ``nj`` processes, with a progress bar."""
    from tqdm import tqdm

    bar = partial(tqdm, total=len(items), desc=what, unit="file", disable=None, leave=False)
    if nj == 1:
        return list(bar(map(work, items)))
    with ProcessPoolExecutor(nj) as pool:
        return list(bar(pool.map(work, items, chunksize=4)))


def _write_mixture(recipe: Recipe, folder: Path, rate_hz: int, settings: CorpusSettings) -> float:
    samples = resample(render(recipe, rate_hz, settings.duration_s, settings.fade_s), rate_hz, RATE_HZ)
    write_wav(folder / f"{recipe.name}.wav", samples, RATE_HZ)
    return len(samples) / RATE_HZ


def make_mixtures(
    corpus: Path,
    label: str,
    subset: str,
    settings: CorpusSettings,
    out: Path,
    num_mixtures: int | None = None,
    nj: int = 1,
) -> int:
    """Mix one class of a subset into the data directory ``out``; returns the number of mixtures.

    The subset whose name ends in ``train`` gets a validation part (utt2split). Audio is mixed at the corpus's own rate
    and resampled once to 16 kHz. Raises DataError for what is wrong in the corpus; ``out`` is then as it was before.
    """
    check_class(corpus, label, subset)
    sources = load_sources(corpus, subset)
    check_mixable(sources, label, settings.duration_s)
    if num_mixtures is None:
        if subset not in settings.mixtures:
            raise DataError(f"{subset}: no number of mixtures in the corpus's configuration; add it to 'mixtures'")
        num_mixtures = settings.mixtures[subset]
    recipes = subset_recipes(sources, label, settings, num_mixtures, held_out=subset.endswith("train"))
    rate_hz = corpus_rate(sources, settings)
    with data_folder(Path(out)) as folder:
        work = partial(_write_mixture, folder=folder / "audio", rate_hz=rate_hz, settings=settings)
        # In the order of their backgrounds, so that each is read once.
        order = sorted(range(len(recipes)), key=lambda i: str(recipes[i].background.path))
        durations = dict(zip(order, write_all(work, [recipes[i] for i in order], nj, f"{subset} {label}"), strict=True))
        utterances = []
        for index, recipe in enumerate(recipes):
            events: tuple[tuple[float, float, str], ...] = ()
            if recipe.event is not None:
                assert recipe.offset_s is not None, recipe.name
                events = ((recipe.offset_s, min(recipe.offset_s + recipe.event_length_s, durations[index]), label),)
            wav = Path(out) / "audio" / f"{recipe.name}.wav"
            scene, split = recipe.background.scene, recipe.split if subset.endswith("train") else ""
            fold = "" if recipe.fold is None else str(recipe.fold)
            utterances.append(Utterance(recipe.name, str(wav), durations[index], events, scene, split, fold))
        write_data_dir(folder, utterances)
        with atomic_open(folder / "recipes.yaml") as stream:
            yaml.safe_dump([recipe.as_dict() for recipe in recipes], stream, sort_keys=False)
    return len(recipes)


def make_isolated(corpus: Path, label: str, subset: str, out: Path) -> int:
    """Write the bare events of a class of a subset as a data directory of 16 kHz audio; returns their number."""
    check_class(corpus, label, subset)
    sources = load_sources(corpus, subset)
    check_events(sources, label)
    utterances = []
    with data_folder(Path(out)) as folder:
        for index, event in enumerate(sources.events[label]):
            name = f"event_{subset}_{label}_{index:03d}"
            samples = resample(_bare(event), _rate_of(event), RATE_HZ)
            write_wav(folder / "audio" / f"{name}.wav", samples, RATE_HZ)
            duration_s = len(samples) / RATE_HZ
            wav = Path(out) / "audio" / f"{name}.wav"
            utterances.append(Utterance(name, str(wav), duration_s, ((0.0, duration_s, label),)))
        write_data_dir(folder, utterances)
    return len(utterances)


def _rate_of(event: EventClip) -> int:
    return rate_of(event.path)


def _bare(event: EventClip) -> np.ndarray:
    return event_samples(event, _rate_of(event))
