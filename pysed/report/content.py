"""What the report shows, read from the folders that stages 1 to 7 wrote."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pysed.datadir.archives import Archive
from pysed.datadir.ctm import read_ctm
from pysed.datadir.directory import Utterance, load_data_dir
from pysed.datadir.lists import file_name, read_recordings
from pysed.detector.checkpoint import load
from pysed.drawing.event_lists import verdict
from pysed.errors import DataError
from pysed.events import Event, read_events
from pysed.features.frontend import FrontEnd
from pysed.score.results_files import gather


@dataclass(frozen=True)
class Model:
    """The first training of a system on one event class and subset."""

    event: str
    system: str
    subset: str
    folder: Path
    scores: dict[str, np.ndarray]  # utterance -> (T100,)
    detected: dict[str, list[Event]]  # file -> events
    t_base: float
    beta: float
    onsets: dict[str, np.ndarray] | None = None  # utterance -> (T100,) onset scores, of a network that has them

    def threshold(self, name: str) -> float | None:
        """What an utterance's scores must exceed; None where events are found by their onsets."""
        return None if self.onsets is not None else self.t_base + self.beta * float(self.scores[name].mean())


@dataclass(frozen=True)
class Recording:
    """One test file; times in seconds."""

    event: str
    subset: str
    name: str
    wav: str  # of wav.scp
    scene: str
    reference: list[Event]
    models: dict[str, Model]  # of each system
    phones: list[tuple[float, float, str]]  # start, duration, name

    @property
    def file(self) -> str:
        """The file's name in event lists."""
        return file_name(self.name, self.wav)

    def detected(self, system: str) -> list[Event]:
        """What a system found here."""
        return self.models[system].detected.get(self.file, [])

    def verdict(self, system: str) -> str:
        """hit, miss, false alarm, onset off, correct rejection."""
        return verdict(self.reference, self.detected(system)).split(" by ")[0]

    @property
    def is_right(self) -> bool:
        """Whether every system got it right."""
        return all(self.verdict(system) in ("hit", "correct rejection") for system in self.models)


def read_models(corpus_dir: Path) -> list[Model]:
    """Of every system and event class below ``exp/<corpus>`` the training with the lowest seed, in the results' order.

    Raises DataError where there are no results, or their scores or events cannot be read.
    """
    models: list[Model] = []
    for row in gather(corpus_dir):  # by seed
        if any((model.event, model.system, model.subset) == (row.event, row.system, row.subset) for model in models):
            continue
        folder = row.model
        scores = _tracks(folder / f"scores_{row.subset}.scp")
        detected = read_events(folder / f"events_{row.subset}.tsv")
        tuned = load(folder / "final.pt")
        onsets = _tracks(folder / f"onsets_{row.subset}.scp") if tuned["config"].get("onsets") else None
        models.append(
            Model(row.event, row.system, row.subset, folder, scores, detected, tuned["t_base"], tuned["beta"], onsets)
        )
    return models


def _tracks(path: Path) -> dict[str, np.ndarray]:
    tracks = {name: matrix[:, 0] for name, matrix in Archive(path).items()}
    for name, track in tracks.items():
        if not np.isfinite(track).all():
            raise DataError(f"{path}: {name}: scores that are not finite; run stage 6 again")
    return tracks


def of_test_files(data: Path, models: list[Model]) -> list[Model]:
    """The models that have scores of recordings of the data directories; warns of others, which an earlier test left.

    Raises DataError where there is none.
    """
    kept = []
    for model in models:
        folder = data / model.event / model.subset
        names = read_recordings(folder) if folder.is_dir() else {}
        if not folder.is_dir() or any(name in model.scores for name in names):  # read_test_files() tells of no folder
            kept.append(model)
            continue
        scores, again = model.folder / f"scores_{model.subset}.scp", f"--system {model.system} --event {model.event}"
        print(
            f"WARNING: {scores}: no recording of {folder}; left out: run stages 5 and 6 with {again}", file=sys.stderr
        )
    if not kept:
        raise DataError(f"{data}: no model has scores of its test files; run stages 5 and 6 again")
    return kept


def read_test_files(data: Path, models: list[Model]) -> list[Recording]:
    """The recordings that the models were tested on, in the data directories' order.

    Raises DataError for a missing or malformed data directory.
    """
    found = []
    for event, subset in dict.fromkeys((model.event, model.subset) for model in models):
        folder = data / event / subset
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; expected the data directory that stage 6 scored; run stage 1")
        utterances = load_data_dir(folder)
        phones = read_phones(folder / "phones.ctm", utterances)
        here = {model.system: model for model in models if (model.event, model.subset) == (event, subset)}
        for each in utterances:
            reference = [Event(*one) for one in each.events if one[2] == event]
            found.append(
                Recording(event, subset, each.name, each.wav, each.scene, reference, here, phones.get(each.name, []))
            )
    return found


def read_phones(path: Path, recordings: list[Utterance]) -> dict[str, list[tuple[float, float, str]]]:
    """Recording -> its phones (start_s, duration_s, name), of a ctm; nothing where stage 4 has not run."""
    if not path.is_file():
        return {}
    spans = read_ctm(path, {each.name: each.duration_s for each in recordings})
    return {
        name: [(one.start_us / 1e6, one.duration_us / 1e6, one.phone) for one in own] for name, own in spans.items()
    }


def read_spectrograms(data: Path, recordings: list[Recording]) -> Callable[[Recording], np.ndarray | None]:
    """A function from recording to its log-mel features (T, F), of the front end of the shortest name; None without."""
    archives: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for event, subset in dict.fromkeys((one.event, one.subset) for one in recordings):
        path = _features(data / event / subset)
        archives[event, subset] = {} if path is None else dict(Archive(path).items())
    return lambda recording: archives[recording.event, recording.subset].get(recording.name)


def read_frontend(data: Path, models: list[Model]) -> FrontEnd | None:
    """The front end of ``read_spectrograms``, as a model that was trained on it has it; None where none was."""
    paths = [_features(data / model.event / model.subset) for model in models]
    for model in models:
        values = load(model.folder / "final.pt")["frontend"]
        if values is not None and f"feats_{values['name']}.scp" in {path.name for path in paths if path}:
            return FrontEnd.from_dict(values, f"{model.folder}: front end")
    return None


def _features(folder: Path) -> Path | None:
    """The features that are shown of a data directory."""
    paths = sorted(folder.glob("feats_*.scp"), key=lambda path: (len(path.name), path.name))
    return paths[0] if paths else None
