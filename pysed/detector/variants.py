"""Variants: systems with values of their configuration changed, under a name that says which (``--set`` of run.sh)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pysed.atomic import atomic_open
from pysed.detector.config import config_from_dict, load_config
from pysed.errors import DataError
from pysed.names import RULE, is_name


def write_variant(path: str | os.PathLike, changes: Mapping[str, Any], folder: Path) -> str:
    """Write a system's YAML with ``changes`` (key -> value) as ``folder/<name>.yaml``, resolved; returns its name.

    The name is the system's and the changes in the order of their keys, values as they are understood, so that the same
    changes have one name however they are put: ``gradual.epochs-3.learning_rate-0.0001``.

    Raises DataError for what load_config() refuses, and for changes that give no name.
    """
    if "system" in changes:
        raise DataError(f"--set system={changes['system']}: the system's name follows from what is set")
    values = load_config(path, changes).as_dict()
    name = ".".join([values["system"], *(f"{key}-{_word(values[key])}" for key in sorted(changes))])
    if not is_name(name):
        raise DataError(
            f"{path}: a variant named {name[:200]!r}; {RULE}; else write a system of its own in conf/systems"
        )
    config = config_from_dict({**values, "system": name}, name)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_open(folder / f"{name}.yaml") as stream:
        yaml.safe_dump(config.as_dict(), stream, sort_keys=False)
    return name


def _word(value: Any) -> str:
    """A value as part of a name: true, 3, 0.0001, 1e-09."""
    if isinstance(value, float):
        return f"{value:.12g}".replace("+", "")
    return str(value).lower() if isinstance(value, bool) else str(value)
