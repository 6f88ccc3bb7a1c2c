"""A page's text from its template: what stands in its places, and the look and the viewer that all pages share."""

import json
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent
_SHARED = {"STYLE": "style.css", "VIEWER": "viewer.js"}


def as_json(value: object) -> str:
    """ASCII for inside a <script>: nothing in it can begin a tag or a comment, or end a line."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def fill_page(template: str, parts: Mapping[str, str]) -> str:
    """The template of that name with ``<!--@NAME@-->`` replaced by the part of that name, which is HTML."""
    shared = {name: (_FOLDER / file).read_text(encoding="utf-8") for name, file in _SHARED.items()}
    before, *pieces = (_FOLDER / template).read_text(encoding="utf-8").split("<!--@")
    text = [before]
    for piece in pieces:
        name, _, after = piece.partition("@-->")
        text += [{**shared, **parts}[name], after]
    return "".join(text)
