"""Names of phones: their parts, the forms they are counted in, and the classes they are shown by."""

import re
from collections.abc import Iterable

from pysed.kaldi.phones import without_position

NON_SPEECH = ("SIL", "SPN", "NSN")  # in small letters, too
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
_STRESS = re.compile(r"(?<=[^\W\d_])[0-9]\Z")  # 0 to 2 of English, tones of other languages


def in_form(name: str, form: str) -> str:
    """A phone's name in one of FORMS: ``EH1_S`` as it is, without word position ``EH1``, without stress too ``EH``.

    A tone counts as stress: ``a3_E``, ``a3``, ``a``.
    """
    if form == "position":
        return name
    name = without_position(name)
    return name if form == "stress" else _STRESS.sub("", name)


def is_speech(name: str) -> bool:
    """Whether a phone is neither silence nor Kaldi's spoken or other noise (SIL, SPN, NSN; sil, ...), in any form."""
    return _base(name) not in NON_SPEECH


def _base(name: str) -> str:
    """The phone by itself; silence and noises in capitals."""
    base = in_form(name, "phone")
    return base.upper() if base.upper() in NON_SPEECH else base


def class_of(name: str) -> str:
    """The phone's class, a key of CLASSES, or OTHER for a phone that is none of ARPAbet."""
    base = _base(name)
    return next((label for label, members in CLASSES.items() if base in members), OTHER)


def by_class(names: Iterable[str]) -> list[str]:
    """Names in order of their classes and, within a class, in its order; others last, sorted."""
    order = [phone for members in CLASSES.values() for phone in members]

    def key(name: str) -> tuple[int, str]:
        base = _base(name)
        return (order.index(base) if base in order else len(order), name)

    return sorted(names, key=key)
