"""Figures as files: SVG for pages, PNG for slides, PDF for papers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pysed.atomic import atomic_path

SUFFIXES = (".svg", ".png", ".pdf")
_METADATA: dict[str, Any] = {".svg": {"Date": None}, ".png": None, ".pdf": {"CreationDate": None}}


def save_figure(figure, path: Path, dpi: int = 200, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Write a matplotlib figure as ``path`` (without suffix) with each of ``suffixes``; same figure, same bytes.

    The SVG has no background and its text as outlines, the PDF's text stays text. ``dpi`` is the PNG's.
    """
    import matplotlib

    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "pysed"}):
        for suffix in suffixes:
            with atomic_path(path.with_name(path.name + suffix)) as temporary:
                figure.savefig(
                    temporary, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix], transparent=suffix == ".svg"
                )
