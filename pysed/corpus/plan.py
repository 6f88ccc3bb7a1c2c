"""What a data directory of a corpus is made from, without making it: lines of text, and the audio files.

Two runs with the same lines and the same content of those files give the same data directory. Lines ``file<TAB>PATH``
name the audio; the others are recipes, list entries and settings.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pysed.corpus.recipes import CorpusSettings, subset_recipes
from pysed.corpus.sources import check_class, load_sources
from pysed.names import inside


def plan_mixtures(
    corpus: Path, label: str, subset: str, settings: CorpusSettings, num_mixtures: int | None
) -> Iterator[str]:
    """Of make_mixtures(), or of make_official() where the settings say so. Raises DataError as they do."""
    check_class(corpus, label, subset)
    sources = load_sources(corpus, subset)
    count = settings.mixtures.get(subset) if num_mixtures is None else num_mixtures
    yield _line({**vars(settings), "mixtures": count})
    if settings.official or count is None:  # its recipes come from all lists
        yield from (_line(event.entry) for events in sources.events.values() for event in events)
        yield from (_line(background.entry) for background in sources.backgrounds)
        screening = Path(corpus) / "source_data/bgs/bg_screening.csv"
        yield _line(screening.read_text(encoding="utf-8", errors="replace") if screening.is_file() else None)
    else:
        for recipe in subset_recipes(sources, label, settings, count, held_out=subset.endswith("train")):
            yield _line(recipe.as_dict())
    for path in [event.path for event in sources.events[label]] + [each.path for each in sources.backgrounds]:
        yield f"file\t{path}"


def plan_isolated(corpus: Path, label: str, subset: str) -> Iterator[str]:
    """Of make_isolated(): the entries of a class."""
    check_class(corpus, label, subset)
    for event in load_sources(corpus, subset).events[label]:
        yield _line(event.entry)
        yield f"file\t{event.path}"


def plan_ready(corpus: Path, label: str, subset: str) -> Iterator[str]:
    """Of make_ready(): the rows of its event list."""
    from pysed.corpus.official_build import read_event_list, ready_list

    path = ready_list(corpus, label, subset)
    for place, name, event in read_event_list(path, label) if path else []:
        yield _line([name, event])
        yield f"file\t{inside(path.parent.parent / 'audio', name, place)}"  # type: ignore[union-attr, arg-type]


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
