"""Names of phones: their parts, the forms they are counted in, and the classes they are shown by."""

import re
from collections.abc import Iterable

from pysed.kaldi.phones import without_position

NON_SPEECH = ("SIL", "SPN", "NSN")
FORMS = ("position", "stress", "phone")  # EH1_S, EH1, EH
CLASSES: dict[str, tuple[str, ...]] = {
    "silence, noise": NON_SPEECH,
    "vowels": ("IY", "IH", "EH", "AE", "AH", "AA", "AO", "UH", "UW", "ER", "EY", "AY", "OY", "AW", "OW"),
    "approximants": ("L", "R", "W", "Y"),
    "nasals": ("M", "N", "NG"),
    "fricatives": ("HH", "F", "V", "TH", "DH", "S", "Z", "SH", "ZH"),
    "stops, affricates": ("P", "B", "T", "D", "K", "G", "CH", "JH"),
}
OTHER = "other"
_STRESS = re.compile(r"(?<=[^\W\d_])[0-2]\Z")


def in_form(name: str, form: str) -> str:
    """A phone's name in one of FORMS: ``EH1_S`` as it is, without word position ``EH1``, without stress too ``EH``."""
    if form == "position":
        return name
    name = without_position(name)
    return name if form == "stress" else _STRESS.sub("", name)


def is_speech(name: str) -> bool:
    """Whether a phone is neither silence nor Kaldi's spoken or other noise (SIL, SPN, NSN), in any form."""
    return in_form(name, "phone") not in NON_SPEECH


def class_of(name: str) -> str:
    """The phone's class, a key of CLASSES, or OTHER for a phone that is none of ARPAbet."""
    base = in_form(name, "phone")
    return next((label for label, members in CLASSES.items() if base in members), OTHER)


def by_class(names: Iterable[str]) -> list[str]:
    """Names in order of their classes and, within a class, in its order; others last, sorted."""
    order = [phone for members in CLASSES.values() for phone in members]

    def key(name: str) -> tuple[int, str]:
        base = in_form(name, "phone")
        return (order.index(base) if base in order else len(order), name)

    return sorted(names, key=key)
