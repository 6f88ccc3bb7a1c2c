"""Table specifiers: ``ark,s,cs:FILE``, ``scp,p:FILE``, ``ark,scp,t:ARCHIVE,SCRIPT``.

Source: Kaldi ``src/util/kaldi-table.cc`` (ClassifyRspecifier, ClassifyWspecifier).
"""

import re
from dataclasses import dataclass

from pysed.errors import DataError

_READ_OPTIONS = {"b", "t", "o", "no", "p", "np", "s", "ns", "cs", "ncs", "bg"}
_WRITE_OPTIONS = {"b", "t", "f", "nf", "p"}


@dataclass(frozen=True)
class Specifier:
    """A parsed rspecifier or wspecifier; ``archive`` and ``script`` are file names or None."""

    text: str
    archive: str | None
    script: str | None
    options: frozenset[str]


def _parse(text: str, known: set[str], use: str) -> Specifier:
    before, colon, after = text.partition(":")
    words = re.split("[, ]", before)
    types = [word for word in words if word in ("ark", "scp")]
    if not colon or not types or text[-1:].isspace():
        raise DataError(f"{text!r}: not a table for {use}; expected such as ark:FILE or scp:FILE")
    unknown = [word for word in words if word not in known and word not in types]
    if unknown:
        raise DataError(f"{text}: unknown table option {unknown[0]!r} for {use}; known: {','.join(sorted(known))}")
    options = frozenset(word for word in words if word not in types)
    if types == ["ark"]:
        return Specifier(text, after, None, options)
    if types == ["scp"]:
        return Specifier(text, None, after, options)
    if types == ["ark", "scp"] and use == "writing" and "," in after:
        archive, _, script = after.partition(",")
        return Specifier(text, archive, script, options)
    raise DataError(f"{text}: {','.join(types)} is not a table for {use}; expected ark:, scp: or ark,scp:A,B to write")


def parse_rspecifier(text: str) -> Specifier:
    """``ark,s,cs:FILE``, ``scp,p:FILE`` … Raises DataError for an option Kaldi does not know."""
    return _parse(text, _READ_OPTIONS, "reading")


def parse_wspecifier(text: str) -> Specifier:
    """``ark,t:FILE``, ``scp:FILE``, ``ark,scp:ARCHIVE,SCRIPT`` …"""
    return _parse(text, _WRITE_OPTIONS, "writing")


def is_table(text: str) -> bool:
    """True for what Kaldi takes for an rspecifier (and not for a file name)."""
    words = re.split("[, ]", text.partition(":")[0])
    return ":" in text and words.count("ark") + words.count("scp") == 1 and set(words) <= _READ_OPTIONS | {"ark", "scp"}


def is_wspecifier(text: str) -> bool:
    """True for what Kaldi takes for a wspecifier (and not for a file name)."""
    words = re.split("[, ]", text.partition(":")[0])
    types = [word for word in words if word in ("ark", "scp")]
    known = set(words) <= _WRITE_OPTIONS | {"ark", "scp"}
    return ":" in text and known and types in (["ark"], ["scp"], ["ark", "scp"])
