"""Configuration files: flat YAML to a frozen dataclass; nothing unknown and nothing of the wrong kind gets through.

Systems, front ends and corpora are declared as dataclasses whose fields say with ``setting()`` what their values may
be. This module uses nothing but ``text_files``, so that every room may use it.
"""

import dataclasses
import difflib
import os
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pysed.errors import DataError
from pysed.text_files import read_yaml

Settings = TypeVar("Settings")
#: The most of a number whose field says nothing else.
MOST = 1_000_000
_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def setting(
    default: Any = dataclasses.MISSING,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float = MOST,
    below: float | None = None,
    choices: Collection[str] = (),
    odd: bool = False,
    what: str = "a value",
) -> Any:
    """A field of a configuration, and what its value may be. ``what`` a key without default stands for, in words."""
    rules = {"at_least": at_least, "above": above, "at_most": at_most, "below": below, "choices": choices, "odd": odd}
    return dataclasses.field(default=default, metadata={**rules, "what": what})


def from_elsewhere() -> Any:
    """A field that is no key of the file: whoever reads the file gives its value to ``checked``."""
    return dataclasses.field(metadata={"elsewhere": True}, kw_only=True)


def keys(kind: type) -> list[str]:
    """The keys of a configuration's file, in their order."""
    return [field.name for field in dataclasses.fields(kind) if "elsewhere" not in field.metadata]


def load(kind: type[Settings], path: str | os.PathLike, what: str) -> Settings:
    """A configuration of this dataclass from a YAML file, ``what`` it holds in words.

    Raises DataError naming file and key: for a file that cannot be read, an unknown key, a value of the wrong kind.
    """
    return checked(kind, read_mapping(path, what), str(path))


def checked(kind: type[Settings], values: Mapping[str, Any], place: str, **elsewhere: Any) -> Settings:
    """A configuration of plain values. Raises DataError naming ``place`` and the key for all that is wrong.

    Where the dataclass has a method ``check(place)``, it is called last: for what concerns several keys.
    """
    refuse_unknown(values, keys(kind), place)
    hints = typing.get_type_hints(kind)
    found = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # a dataclass
        if field.name in values:
            found[field.name] = value = _typed(values[field.name], hints[field.name], f"{place}: {field.name}")
            _check_range(value, field.metadata, f"{place}: {field.name}")
        elif field.default is dataclasses.MISSING and field.name not in elsewhere:
            raise DataError(f"{place}: no {field.name!r}; expected {field.metadata['what']}")
    settings = kind(**found, **elsewhere)
    if hasattr(settings, "check"):
        settings.check(place)
    return settings


def refuse_unknown(values: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """DataError for a key that is not known, naming the nearest."""
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise DataError(f"{place}: unknown key {_short(key)}; {hint}")


def _typed(value: Any, kind: Any, place: str) -> Any:
    """The value as ``kind``: bool, int, float, str, one of these or None, a tuple or a dict of them."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        fitting = [one for one in inner if type(value) is one]
        return _typed(value, (fitting or [one for one in inner if one is not type(None)])[-1], place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise DataError(f"{place} {_short(value)}; expected a list")
        return tuple(_typed(each, inner[0], place) for each in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise DataError(f"{place} {_short(value)}; expected 'name: value' pairs")
        key_kind, value_kind = inner
        return {_typed(key, key_kind, place): _typed(one, value_kind, f"{place}: {key}") for key, one in value.items()}
    if kind is float:
        if isinstance(value, str):  # YAML 1.1 reads 1e-4, without a point, as text
            try:
                value = float(value)
            except ValueError:
                raise DataError(f"{place} {_short(value)}; expected a number") from None
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                value = float(value)
            except OverflowError:
                raise DataError(f"{place} {_short(value)}; expected a smaller number") from None
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise DataError(f"{place} {_short(value)}; expected {_NAMES[kind]}")


def _check_range(value: Any, rules: Mapping[str, Any], place: str) -> None:
    """DataError for a value, or one of several, outside what its field's ``setting`` allows."""
    named = {f"{place}: {name}": each for name, each in value.items()} if isinstance(value, dict) else None
    listed = value if isinstance(value, tuple) else (value,)
    for place, each in named.items() if named is not None else ((place, each) for each in listed):
        if isinstance(each, int | float) and not isinstance(each, bool):
            _check_number(each, rules, place)
        elif rules.get("choices") and each not in rules["choices"]:
            raise DataError(f"{place} {_short(each)}; expected one of {', '.join(rules['choices'])}")


def _check_number(value: float, rules: Mapping[str, Any], place: str) -> None:
    at_least, above, below = (rules.get(name) for name in ("at_least", "above", "below"))
    at_most = rules.get("at_most", MOST)
    holds = [
        -float("inf") < value,  # a number at all
        at_least is None or value >= at_least,
        above is None or value > above,
        value <= at_most,
        below is None or value < below,
    ]
    if not all(holds):
        most = at_most if below is None else None
        bounds = (("at least", at_least), ("more than", above), ("at most", most), ("below", below))
        expected = " and ".join(f"{words} {bound:.10g}" for words, bound in bounds if bound is not None)
        raise DataError(f"{place} {_short(value)}; expected {expected}")
    if rules.get("odd") and value % 2 == 0:
        raise DataError(f"{place} {_short(value)}; expected an odd number")


def read_mapping(path: str | os.PathLike, what: str) -> dict[str, Any]:
    """The mapping in a YAML file, ``what`` it holds in words; DataError for anything else."""
    values = read_yaml(path, f"{what}, 'key: value' lines")
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a mapping; expected {what}, 'key: value' lines")
    return values


def _short(value: Any) -> str:
    """A value in a message, however long it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
