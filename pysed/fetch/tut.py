"""The archives of TUT Rare Sound Events 2017 in one corpus folder: source_data, mixture_data, doc."""

from pathlib import Path, PurePosixPath

from pysed.corpus.sources import load_sources
from pysed.errors import DataError

PARTS = ("source_data", "mixture_data")


def place_member(name: PurePosixPath) -> PurePosixPath | None:
    """Where a member goes: from ``source_data`` or ``mixture_data`` on, whatever folders stand before; else doc/.

    None (left out) for the resource files that macOS puts beside each file.
    """
    if "__MACOSX" in name.parts:
        return None
    for index, part in enumerate(name.parts[:-1]):
        if part in PARTS:
            return PurePosixPath(*name.parts[index:])
    return PurePosixPath("doc", *name.parts)


def verify_corpus(corpus: Path) -> None:
    """See that every recording which the lists name is there; raises DataError naming the first that is missing."""
    for subset in ("devtrain", "devtest"):
        sources = load_sources(corpus, subset)
        paths = [event.path for events in sources.events.values() for event in events]
        paths += [background.path for background in sources.backgrounds]
        missing = sorted({str(path) for path in paths if not path.is_file()})
        if missing:
            raise DataError(
                f"{missing[0]}: missing, and {len(missing) - 1} more of {subset}'s lists; expected in the archives; "
                f"remove {corpus / '.unpacked'} to unpack them anew"
            )
