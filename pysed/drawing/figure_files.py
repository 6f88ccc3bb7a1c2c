"""Figures as files: SVG for pages, PNG for slides, PDF for papers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pysed.atomic import atomic_path

SUFFIXES = (".svg", ".png", ".pdf")
_METADATA: dict[str, Any] = {".svg": {"Date": None}, ".png": None, ".pdf": {"CreationDate": None}}


@contextmanager
def plain_text() -> Iterator[None]:
    """Text of figures made in the block, or by the function so decorated, is taken as it is: in names from outside,
    ``$`` does not begin mathematics."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):
        yield


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


def save_panels(draw: Callable[[Sequence[str]], Any], panels: Sequence[str], path: Path, dpi: int = 200) -> None:
    """Write the figure of all ``panels``, and where there are several each alone as ``<path>-<panel>.svg``.

    ``draw`` makes a figure of those named. Panels that stand alone can be stacked where a page is narrow.
    """
    save_figure(draw(panels), path, dpi)
    alone = {f"{path.name}-{panel}" for panel in panels if len(panels) > 1}
    for old in path.parent.glob(f"{path.name}-*.svg"):
        if old.stem not in alone:
            old.unlink()
    for panel in panels if alone else ():
        save_figure(draw([panel]), path.with_name(f"{path.name}-{panel}"), suffixes=(".svg",))
