"""docs/architecture.md speaks of the code as it is: every name in it is there, and its map has every room."""

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`(pysed(?:\.\w+)+)`", PAGE)))


def rooms() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return re.findall(r"\w+", " ".join(layers))


@pytest.mark.parametrize("name", NAMES)
def test_named_code_is_there(name):
    pkgutil.resolve_name(name)


def test_names_are_found():
    assert len(NAMES) > 50 and "pysed.train.engine.train" in NAMES


@pytest.mark.parametrize("room", rooms())
def test_every_room_is_on_the_map_and_in_the_table(room):
    assert f'<tspan class="name">{room}</tspan>' in (ROOT / "docs/pictures/rooms.svg").read_text(encoding="utf-8")
    assert f"`pysed/{room}/`" in PAGE or f"`pysed/{room}.py`" in PAGE
