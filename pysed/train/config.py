"""A system's configuration: one flat YAML of ``conf/systems/`` to a frozen dataclass; nothing unknown gets through."""

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pysed.errors import DataError
from pysed.features.normalise import KINDS
from pysed.text_files import parse_yaml, read_yaml


@dataclass(frozen=True)
class SystemConfig:
    """Everything that defines a system and its training; the YAMLs say why each value is what it is."""

    system: str
    model: str = "cbrnn"
    frontend: str = "logmel40"
    asr: bool = False  # features of the speech recogniser are a second input
    asr_layers: int = 0  # how many of its last layers are trained along
    asr_learning_rate: float = 1e-5  # theirs; follows the same schedule

    # Network
    context_frames: int = 2
    normalisation: str = "clip"
    asr_normalisation: str = "clip"
    spectral_attention: bool = True
    spectral_hidden: int = 32
    channels: int = 64
    temporal_attention: bool = True
    temporal_hidden: int = 200
    gru_hidden: int = 32
    gru_layers: int = 2
    dropout: float = 0.25
    asr_dropout: float = 0.3
    asr_entry: str = "classifier"
    classifier_hidden: int = 0
    bidirectional: bool = True  # the GRU
    dense_hidden: int = 50  # of systems that are dense layers: width and number of the hidden ones
    dense_layers: int = 2

    # Decisions
    median_frames: int = 3  # of 100 ms, odd

    # Optimisation
    epochs: int = 25
    epoch_steps: int = 8  # the least: an epoch passes several times over a smaller training set; not with --epochs
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    decay: float = 0.01
    warmup_steps: int = 50
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    positive_weight: float = 3.0
    average_decay: float = 0.98
    scene_weight: float = 0.0  # of the cross-entropy of backgrounds' scenes; 0: none are asked for
    select: str = "average_f"  # by which the best epoch is chosen, on validation
    patience: int = 0
    precision: str = "auto"

    # Augmentation of training clips
    crop_s: float = 10.0  # of a clip that a step sees, its event within; 0: all
    time_shift: bool = True
    mask_bins: int = 8
    mask_frames: int = 10
    mix_share: float = 0.5
    mix_below: float = 3.0  # an added clip lies this far below the clip's level at most (ln of power: 3 is 13 dB)
    shift_bins: float = 2.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for config.yaml and checkpoints; config_from_dict() takes them back."""
        return dataclasses.asdict(self)


_CHOICES = {
    "normalisation": KINDS,
    "asr_normalisation": KINDS,
    "schedule": ("cosine", "decay", "constant"),
    "asr_entry": ("classifier", "gru"),
    "select": ("average_f", "error_rate"),
    "precision": ("auto", "float32", "bfloat16"),
}
_AT_LEAST = {
    "asr_layers": 0, "asr_learning_rate": 0,
    "context_frames": 0, "spectral_hidden": 1, "channels": 1, "temporal_hidden": 1, "gru_hidden": 1, "gru_layers": 1,
    "dense_hidden": 1, "dense_layers": 0, "median_frames": 1,
    "dropout": 0, "asr_dropout": 0, "classifier_hidden": 0, "epochs": 1, "epoch_steps": 1, "batch_size": 1,
    "learning_rate": 0, "decay": 0, "warmup_steps": 0, "weight_decay": 0, "gradient_clip": 0, "positive_weight": 0,
    "average_decay": 0, "scene_weight": 0, "patience": 0, "mask_bins": 0, "mask_frames": 0, "mix_share": 0,
    "mix_below": 0, "shift_bins": 0, "crop_s": 0,
}  # fmt: skip
_BELOW_ONE = ("dropout", "asr_dropout", "average_decay", "decay", "mix_share")
_LAYERS = ("asr_layers", "gru_layers", "dense_layers")
_MOST, _MOST_LAYERS = 1_000_000, 100
_ABOVE_ZERO = ("learning_rate", "positive_weight")


def config_from_dict(values: Mapping[str, Any], place: str) -> SystemConfig:
    """A configuration of plain values; raises DataError naming ``place`` and the key for all that is wrong."""
    fields = {field.name: field for field in dataclasses.fields(SystemConfig)}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            raise DataError(
                f"{place}: unknown key {key!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}")
            )
    if "system" not in values:
        raise DataError(f"{place}: no 'system'; expected the system's name")
    config = SystemConfig(**{key: _typed(value, fields[key].type, f"{place}: {key}") for key, value in values.items()})
    for key, choices in _CHOICES.items():
        if getattr(config, key) not in choices:
            raise DataError(f"{place}: {key} {getattr(config, key)!r}; expected one of {', '.join(choices)}")
    for key, least in _AT_LEAST.items():
        value = getattr(config, key)
        if (
            not least <= value <= (_MOST_LAYERS if key in _LAYERS else _MOST)
            or (key in _BELOW_ONE and value >= 1)
            or (key in _ABOVE_ZERO and value == 0)
        ):
            expected = f"more than {least}" if key in _ABOVE_ZERO else f"at least {least}"
            most = " and below 1" * (key in _BELOW_ONE) or f", at most {_MOST_LAYERS if key in _LAYERS else _MOST}"
            raise DataError(f"{place}: {key} {value}; expected {expected}{most}")
    if config.asr_layers and (not config.asr or config.scene_weight):
        raise DataError(f"{place}: asr_layers {config.asr_layers}; expected asr: true and scene_weight: 0 with it")
    if config.median_frames % 2 == 0:
        raise DataError(f"{place}: median_frames {config.median_frames}; expected an odd number")
    return config


def _typed(value: Any, kind: Any, place: str) -> Any:
    if kind is float:
        if isinstance(value, str):  # YAML 1.1 reads 1e-4, without a point, as text
            try:
                value = float(value)
            except ValueError:
                raise DataError(f"{place} {value!r}; expected a number") from None
        if isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    raise DataError(f"{place} {value!r}; expected {names[kind]}")


def load_config(path: str | os.PathLike, changes: Mapping[str, Any] | None = None) -> SystemConfig:
    """Read ``conf/systems/<name>.yaml``, with ``changes`` (key -> value) taking precedence.

    Raises DataError for a missing or malformed file, an unknown key, a value of the wrong type or out of range.
    """
    return config_from_dict({**read_flat_yaml(path), **(changes or {})}, str(path))


def read_flat_yaml(path: str | os.PathLike) -> dict[str, Any]:
    """The mapping in a YAML file; DataError for anything else."""
    values = read_yaml(path, "'key: value' lines")
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a mapping; expected 'key: value' lines")
    return values


def parse_change(text: str) -> tuple[str, Any]:
    """``key=value`` of the command line, the value read as YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise DataError(f"--set {text}: expected key=value, such as --set learning_rate=0.0005")
    return key, parse_yaml(value, f"--set {text}", "a number, true, false or a word")
