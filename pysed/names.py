"""The one rule for names that come from outside and become folders, keys and words of commands.

``need_name`` of utils/log.sh is the same rule for the shell, which leaves the question of what is a letter to this one.
"""

import unicodedata
from pathlib import Path

from pysed.errors import DataError

LONGEST = 100  # bytes of UTF-8; a mixture's file name holds 60 more, and file systems take 255
RULE = "expected letters, digits, '_', '-' and '.', a letter or digit first, 100 bytes at most"
# An option's value; the mean of the classes in tables, and what is without events; what lies beside classes' folders.
TAKEN = (
    "all", "average", "background", "phones", "report", "source_data", "mixture_data", "RESULTS.md", "comparison.json"
)  # fmt: skip


def is_name(text: object) -> bool:
    """True for letters (with accents) and digits of any script, ``_``, ``-`` and ``.``, the first no ``-`` or ``.``."""
    if not isinstance(text, str) or not text or text[0] in "-.":
        return False
    if unicodedata.category(text[0])[0] == "M" or len(text.encode(errors="replace")) > LONGEST:
        return False
    return all(character in "_-." or unicodedata.category(character)[0] in "LMN" for character in text)


def check_class_name(name: object, place: str | Path) -> str:
    """The name of an event class, as it is. Raises DataError, naming the place, for one that breaks the rule."""
    if not isinstance(name, str):
        raise DataError(f"{place}: class {name!r}: not text; put it between quotes")
    if not is_name(name):
        raise DataError(f"{place}: class {name[:200]!r}; {RULE}")
    if name in TAKEN:
        raise DataError(f"{place}: class {name!r}: a name that the recipe uses itself; rename the class")
    return name


def inside(folder: Path, name: object, place: str | Path) -> Path:
    """The path of a file that a list names in ``folder``.

    Raises DataError for one that leads outside it, by ``..``, from the root or by a link, and for what is no file name.
    """
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{place}: {name!r}; expected the name of a file in {folder}")
    path = folder / name
    try:
        found = path.resolve().is_relative_to(folder.resolve()) and path.resolve() != folder.resolve()
    except (ValueError, OSError, RuntimeError):  # a zero byte, half a character, a circle of links
        raise DataError(f"{place}: {name[:200]!r}; expected the name of a file in {folder}") from None
    if not found:
        raise DataError(f"{place}: {name!r}: leads outside {folder}; expected a file in it")
    return path
