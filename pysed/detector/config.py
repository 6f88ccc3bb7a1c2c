"""A system's configuration: a flat YAML of ``conf/systems/`` as frozen dataclasses, of training and of the network."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pysed.config import checked, from_elsewhere, keys, read_mapping, refuse_unknown, setting
from pysed.decision.tuning import GRIDS
from pysed.errors import DataError
from pysed.features.normalise import KINDS
from pysed.networks import model_names, network_class
from pysed.text_files import parse_yaml


@dataclass(frozen=True)
class SystemConfig:
    """Everything that defines a system and its training; the YAMLs say why each value is what it is.

    ``network`` holds the keys of the network alone, in the dataclass that its module declares.
    """

    system: str = setting(what="the system's name")
    model: str = setting("cbrnn")
    frontend: str = setting("logmel40")
    asr: bool = setting(False)  # features of the speech recogniser are a second input
    asr_layers: int = setting(0, at_least=0, at_most=100)  # how many of its last layers are trained along
    asr_learning_rate: float = setting(1e-5, at_least=0)  # theirs; follows the same schedule
    normalisation: str = setting("clip", choices=KINDS)
    asr_normalisation: str = setting("clip", choices=KINDS)

    # Decisions
    median_frames: int = setting(3, at_least=1, odd=True)  # of 100 ms
    tuned: str = setting("all", choices=tuple(GRIDS))  # what of the decision is chosen on validation

    # Of recordings: each is judged by a network that never heard it, and detection is by the mean of all networks
    folds: int = setting(1, at_least=1, at_most=20)
    #: Share of the mixtures, drawn by the seed, that validates; 0: those that the corpus holds back, by recording
    validation_mixtures: float = setting(0.0, at_least=0, below=1)
    #: Whether one split's scores are made probabilities on validation, by slope and offset; those of folds always are
    calibrate: bool = setting(False)

    # Optimisation
    epochs: int = setting(25, at_least=1)
    epoch_steps: int = setting(8, at_least=1)  # the least: an epoch passes several times over a smaller training set
    batch_size: int = setting(16, at_least=1)
    learning_rate: float = setting(1e-3, above=0, at_most=1e30)
    schedule: str = setting("cosine", choices=("cosine", "decay", "constant"))
    decay: float = setting(0.01, at_least=0, below=1)
    decay_every: str = setting("epoch", choices=("epoch", "update"))
    warmup_steps: int = setting(50, at_least=0)
    weight_decay: float = setting(0.0, at_least=0)
    gradient_clip: float = setting(1.0, at_least=0)
    positive_weight: float = setting(1.0, above=0)
    onset_weight: float = setting(5.0, at_least=0)  # of the cross-entropy of onsets, in networks that score them
    average_decay: float = setting(0.98, at_least=0, below=1)
    scene_weight: float = setting(0.0, at_least=0)  # of the cross-entropy of backgrounds' scenes; 0: none are asked for
    select: str = setting("average_f", choices=("average_f", "error_rate", "last"))  # by which the best epoch is chosen
    patience: int = setting(0, at_least=0)
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))

    # Augmentation of training clips
    crop_s: float = setting(10.0, at_least=0)  # of a clip that a step sees; 0: all
    #: "event": a clip's event is always within, which puts training off the true prior
    crop_from: str = setting("anywhere", choices=("anywhere", "event"))
    time_shift: bool = setting(True)
    mask_bins: int = setting(0, at_least=0)
    mask_frames: int = setting(0, at_least=0)
    mix_share: float = setting(0.5, at_least=0, at_most=1)
    mix_below: float = setting(3.0, at_least=0)  # an added clip lies this far below at most (ln of power: 3 is 13 dB)
    shift_bins: float = setting(2.0, at_least=0)

    network: Any = from_elsewhere()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, flat, for config.yaml and checkpoints; config_from_dict() takes them back."""
        values = dataclasses.asdict(self)
        network = values.pop("network")
        return {**values, **network}

    def check(self, place: str) -> None:
        """DataError for keys that do not go together."""
        if self.asr_layers and (not self.asr or self.scene_weight):
            raise DataError(f"{place}: asr_layers {self.asr_layers}; expected asr: true and scene_weight: 0 with it")
        if self.asr_layers and self.folds > 1:
            raise DataError(f"{place}: folds {self.folds}; expected 1 with asr_layers")
        if self.validation_mixtures and self.folds > 1:
            raise DataError(f"{place}: folds {self.folds}; expected 1 with validation_mixtures")


def config_from_dict(values: Mapping[str, Any], place: str) -> SystemConfig:
    """A configuration of plain values; raises DataError naming ``place`` and the key for all that is wrong."""
    network = _network_config(values, place)
    mine, its = keys(SystemConfig), keys(network)
    for key in values:
        if key not in mine and key not in its:
            _refuse_other_networks(key, str(values.get("model", SystemConfig.model)), its, place)
    refuse_unknown(values, [*mine, *its], place)
    own: object = checked(network, {key: value for key, value in values.items() if key in its}, place)
    return checked(SystemConfig, {key: value for key, value in values.items() if key in mine}, place, network=own)


def _network_config(values: Mapping[str, Any], place: str) -> type:
    """The dataclass of the network's keys."""
    model = values.get("model", SystemConfig.model)
    if not isinstance(model, str):
        raise DataError(f"{place}: model {model!r}; expected text")
    try:
        return network_class(model).Config
    except DataError as error:
        raise DataError(f"{place}: {error}") from None


def _refuse_other_networks(key: str, model: str, its: list[str], place: str) -> None:
    """DataError for a key that other networks have."""
    owners = [name for name in model_names() if key in keys(network_class(name).Config)]
    if owners:
        raise DataError(f"{place}: {key!r} is a key of model {', '.join(owners)}; model {model} has {', '.join(its)}")


#: Keys of networks in configurations of checkpoints from when all networks shared one set of them.
_SHARED_KEYS = (
    "context_frames", "spectral_attention", "spectral_hidden", "channels", "temporal_attention", "temporal_hidden",
    "gru_hidden", "gru_layers", "dropout", "asr_dropout", "asr_entry", "classifier_hidden", "bidirectional",
    "dense_hidden", "dense_layers",
)  # fmt: skip
#: (model, key then) -> key now.
_RENAMED = {("cnn1d_rnn", "gru_hidden"): "lstm_hidden", ("cnn1d_rnn", "gru_layers"): "lstm_layers"}


def config_of_checkpoint(values: Mapping[str, Any], place: str) -> SystemConfig:
    """A checkpoint's configuration; of an older one the other networks' keys, which had no meaning, are left out."""
    its = keys(_network_config(values, place))
    model = values.get("model", SystemConfig.model)
    renamed = {_RENAMED.get((model, key), key): value for key, value in values.items()}
    return config_from_dict({k: v for k, v in renamed.items() if k in its or k not in _SHARED_KEYS}, place)


def load_config(path: str | os.PathLike, changes: Mapping[str, Any] | None = None) -> SystemConfig:
    """Read ``conf/systems/<name>.yaml``, with ``changes`` (key -> value) taking precedence.

    Raises DataError for a missing or malformed file, an unknown key, a value of the wrong type or out of range.
    """
    return config_from_dict({**read_mapping(path, "a system's YAML"), **(changes or {})}, str(path))


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Several ``key=value`` of the command line; DataError for a key that stands twice."""
    changes: dict[str, Any] = {}
    for text in texts:
        key, value = parse_change(text)
        if key in changes:
            raise DataError(f"--set {text}: {key} stands twice; expected one value")
        changes[key] = value
    return changes


def parse_change(text: str) -> tuple[str, Any]:
    """``key=value`` of the command line, the value read as YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise DataError(f"--set {text}: expected key=value, such as --set learning_rate=0.0005")
    return key, parse_yaml(value, f"--set {text}", "a number, true, false or a word")
