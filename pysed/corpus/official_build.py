"""Official mixtures and ready-made evaluation sets as Kaldi data directories with 16 kHz audio.

The split by recordings and the official draws: the synthesizer draws every training mixture from all recordings, so a
split of its mixtures alone would leave next to none with both an event and a background of their own. Recordings are
held out as in any other corpus; of the official mixtures those that hold none of them are the training part, the
others are left out; the validation part is drawn by the same procedure from the held-out recordings alone, but each of
its mixtures keeps its own offset: few recordings would else mean few onsets. So no recording stands in both parts, and
every training mixture is an official one, under its official name.
"""

import io
from functools import partial
from pathlib import Path

import soundfile
import yaml

from pysed.atomic import atomic_open
from pysed.audio import duration_of, read_audio, resample, write_wav
from pysed.corpus.make_sets import RATE_HZ, data_folder, write_all
from pysed.corpus.official import (
    DURATION_S,
    OfficialMixture,
    check_official,
    dropped_by_patch,
    official_mixtures,
    parameter_hash,
    recipe_of,
    render_official,
    screened_backgrounds,
)
from pysed.corpus.official import RATE_HZ as OFFICIAL_HZ
from pysed.corpus.recipes import CorpusSettings, Recipe, held_out_recordings
from pysed.corpus.sources import Sources, check_class, check_mixable, load_sources
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.errors import DataError
from pysed.names import inside
from pysed.text_files import read_lines


def _official_set(
    corpus: Path, sources: Sources, label: str, settings: CorpusSettings, num_mixtures: int
) -> list[tuple[OfficialMixture, str]]:
    """The mixtures of a subset's class with their part: train, valid, test, dropped (patch) or left out."""
    mixtures = official_mixtures(sources, label, settings, num_mixtures)
    dropped = dropped_by_patch(corpus, mixtures, settings)
    if not sources.subset.endswith("train"):
        return [(mixture, "dropped" if mixture.index in dropped else "test") for mixture in mixtures]
    if settings.validation_fraction == 0:
        return [(mixture, "dropped" if mixture.index in dropped else "train") for mixture in mixtures]
    held, scenes = held_out_recordings(sources, label, settings)

    def part(mixture: OfficialMixture) -> str:
        if mixture.index in dropped:
            return "dropped"
        event = mixture.event is not None and mixture.event.recording in held[label]
        return "left out" if event or mixture.background.recording in scenes else "train"

    # Backgrounds that the patch would drop are not drawn from at all.
    screened = (screened_backgrounds(corpus) or {}).get(label, set())
    bad = {mixture.background.path for mixture in mixtures if mixture.index in dropped}
    inside = Sources(
        sources.subset,
        {name: [event for event in events if event.recording in held[name]] for name, events in sources.events.items()},
        [b for b in sources.backgrounds if b.recording in scenes and b.path not in bad and b.path.name not in screened],
    )
    if not inside.backgrounds:
        raise DataError(f"{label}: all held-out backgrounds are screened out; expected more background recordings")
    count = max(2, round(num_mixtures * settings.validation_fraction))
    seeded = CorpusSettings(**{**vars(settings), "seed": settings.seed + 1})
    valid = official_mixtures(inside, label, seeded, count, share_offsets=False)
    valid = [OfficialMixture(**{**vars(mixture), "index": num_mixtures + mixture.index}) for mixture in valid]
    chosen = [(mixture, part(mixture)) for mixture in mixtures]
    return chosen + [(mixture, "valid") for mixture in valid]


def _write_official(item: tuple[OfficialMixture, str], folder: Path) -> dict:
    """Write a mixture's audio, as the synthesizer quantises it, at 16 kHz; returns its recipe."""
    mixture, part = item
    recipe = recipe_of(mixture)
    if part in ("train", "valid", "test"):
        stream = io.BytesIO()
        soundfile.write(stream, render_official(mixture, recipe), OFFICIAL_HZ, subtype="PCM_24", format="WAV")
        stream.seek(0)
        samples = resample(soundfile.read(stream, dtype="float64")[0], OFFICIAL_HZ, RATE_HZ)
        write_wav(folder / recipe["mixture_audio_filename"], samples, RATE_HZ)
    return recipe


def make_official(
    corpus: Path,
    label: str,
    subset: str,
    settings: CorpusSettings,
    out: Path,
    num_mixtures: int | None = None,
    nj: int = 1,
) -> int:
    """Mix one class of a subset as the official synthesizer does; returns the number of mixtures in ``out``.

    Writes a data directory with ``recipes.yaml`` as for other corpora, ``official_recipes.yaml`` (the official recipes
    of all mixtures, with the part each belongs to) and ``event_list.csv`` (the official annotations without those that
    the patch drops). Raises DataError for what is wrong in the corpus; ``out`` is then as it was before.
    """
    check_official(settings)
    check_class(corpus, label, subset)
    sources = load_sources(corpus, subset)
    check_mixable(sources, label, settings.duration_s)
    count = settings.mixtures.get(subset) if num_mixtures is None else num_mixtures
    if count is None:
        raise DataError(f"{subset}: no number of mixtures in the corpus's configuration; add it to 'mixtures'")
    chosen = _official_set(corpus, sources, label, settings, count)
    with data_folder(Path(out)) as folder:
        order = sorted(range(len(chosen)), key=lambda i: str(chosen[i][0].background.path))
        work = partial(_write_official, folder=folder / "audio")
        made = dict(zip(order, write_all(work, [chosen[i] for i in order], nj, f"{subset} {label}"), strict=True))
        utterances, rows, recipes = [], [], []
        for index, (mixture, part) in enumerate(chosen):
            recipe = made[index]
            recipes.append({**recipe, "part": part})
            if part not in ("dropped", "valid"):
                rows.append(recipe["annotation_string"])
            if part in ("dropped", "left out"):
                continue
            events: tuple[tuple[float, float, str], ...] = ()
            if mixture.event is not None:
                start_s = recipe["event_start_in_mixture_seconds"]
                events = ((start_s, min(start_s + recipe["event_length_seconds"], float(DURATION_S)), label),)
            wav = Path(out) / "audio" / recipe["mixture_audio_filename"]
            duration_s = soundfile.info(str(folder / "audio" / wav.name)).frames / RATE_HZ
            split = part if subset.endswith("train") else ""
            utterances.append(Utterance(wav.stem, str(wav), duration_s, events, mixture.background.scene, split))
        write_data_dir(folder, utterances)
        kept = [
            Recipe(made[index]["mixture_audio_filename"][:-4], label, m.background, m.event, m.start_s, m.ebr_db, part)
            for index, (m, part) in enumerate(chosen)
            if part in ("train", "valid", "test")
        ]
        with atomic_open(folder / "recipes.yaml") as stream:  # as for every other corpus
            yaml.safe_dump([recipe.as_dict() for recipe in kept], stream, sort_keys=False)
        with atomic_open(folder / "official_recipes.yaml") as stream:
            yaml.safe_dump(
                {"parameter_hash": parameter_hash(settings, count), "mixtures": recipes}, stream, sort_keys=False
            )
        with atomic_open(folder / "event_list.csv") as stream:
            stream.writelines(f"{row}\n" for row in rows)
    return len(utterances)


def ready_list(corpus: Path, label: str, subset: str) -> Path | None:
    """The event list of a ready-made set, None without one; raises DataError where several claim to be it."""
    found = sorted((Path(corpus) / "mixture_data" / subset).glob(f"*/meta/event_list_{subset}_{label}.csv"))
    if len(found) > 1:
        raise DataError(
            f"{found[0]}: and {len(found) - 1} more; expected one set in mixture_data/{subset}; move others away"
        )
    return found[0] if found else None


def read_event_list(path: Path, label: str) -> list[tuple[str, str, tuple[float, float] | None]]:
    """``file:line``, file name, onset and offset in seconds, None without the event; every row counts, the first too.

    Raises DataError naming the line of anything else than ``file`` or ``file<TAB>onset<TAB>offset<TAB>label``, of
    another label, and of a file that stands twice.
    """
    rows: list[tuple[str, str, tuple[float, float] | None]] = []
    seen: set[str] = set()
    for number, line in enumerate(read_lines(path, "an event list"), 1):
        if not line.strip():
            continue
        place, (name, *rest) = f"{path}:{number}", line.rstrip().split("\t")
        if name in seen or Path(name).name != name:
            raise DataError(f"{place}: {name!r}; expected the name of a file, each once")
        seen.add(name)
        if not rest:
            rows.append((place, name, None))
            continue
        try:
            onset_s, offset_s, found = float(rest[0]), float(rest[1]), rest[2]
        except (ValueError, IndexError):
            raise DataError(f"{place}: {line!r}; expected file, onset, offset, label with tabs") from None
        if not 0 <= onset_s < offset_s < float("inf") or found != label or len(rest) != 3:
            raise DataError(f"{place}: {line!r}; expected 0 <= onset < offset and the label {label}")
        rows.append((place, name, (onset_s, offset_s)))
    if not rows:
        raise DataError(f"{path}: empty; expected a line per mixture")
    return rows


def _write_ready(name: str, source: Path, folder: Path) -> float:
    samples, rate_hz = read_audio(source / name)
    samples = resample(samples, rate_hz, RATE_HZ)
    write_wav(folder / f"{Path(name).stem}.wav", samples, RATE_HZ)
    return len(samples) / RATE_HZ


def make_ready(corpus: Path, label: str, subset: str, out: Path, nj: int = 1) -> int:
    """A ready-made set (mixture_data/<subset>/<any>/{audio,meta}) as a data directory; returns its size.

    Raises DataError without such a set for the class, or for what is wrong in it; ``out`` is then as it was before.
    """
    path = ready_list(corpus, label, subset)
    if path is None:
        raise DataError(f"{corpus}/mixture_data/{subset}: no */meta/event_list_{subset}_{label}.csv; expected one")
    rows = read_event_list(path, label)
    source = path.parent.parent / "audio"
    stems: dict[str, str] = {}
    for place, name, event in rows:
        other = stems.setdefault(Path(name).stem, name)
        if other != name:
            raise DataError(f"{path}: {other} and {name}: one name without extension; rename one, here and in {source}")
        length_s = duration_of(inside(source, name, place))
        if event and event[1] > length_s + 0.01:  # as much as a data directory allows
            raise DataError(
                f"{place}: {name}: event ends at {event[1]:g} s, the file at {length_s:.3f} s; mend the row"
            )
    with data_folder(Path(out)) as folder:
        work = partial(_write_ready, source=source, folder=folder / "audio")
        durations = write_all(work, [name for _, name, _ in rows], nj, f"{subset} {label}")
        utterances = []
        for (_, name, event), duration_s in zip(rows, durations, strict=True):
            wav = Path(out) / "audio" / f"{Path(name).stem}.wav"
            events = ((event[0], min(event[1], duration_s), label),) if event else ()
            utterances.append(Utterance(wav.stem, str(wav), duration_s, events))
        write_data_dir(folder, utterances)
    return len(utterances)
