"""Lines of nnet3 configuration: a directive with keys and values.

Source: Kaldi ``src/util/text-utils.cc`` (ConfigLine).
"""

import math
import re

from pysed.errors import DataError
from pysed.kaldi.plain_numbers import plain

_KEY = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_\-]*)=")


class ConfigLine:
    """``directive key=value key=value``: values may hold spaces; ``used`` tracks what was asked for."""

    def __init__(self, line: str, place: str):
        self.place, self.line = place, line
        self.directive, _, rest = line.strip().partition(" ")
        self.values: dict[str, str] = {}
        found = list(_KEY.finditer(rest))
        if rest[: found[0].start() if found else None].strip():
            raise self.fail("expected key=value after the directive")
        ends = [match.start() for match in found[1:]] + [len(rest)]
        for match, end in zip(found, ends, strict=False):
            value = rest[match.end() : end].strip()
            if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
                value = value[1:-1]
            if match.group(1) in self.values:
                raise self.fail(f"{match.group(1)} is given twice")
            self.values[match.group(1)] = value
        self.unused = set(self.values)

    def fail(self, message: str) -> DataError:
        """A DataError that quotes the line."""
        return DataError(f"{self.place}: {self.line.strip()[:160]!r}: {message}")

    def text(self, key: str, default: str | None = None) -> str:
        """A value; a DataError where it is missing and has no default."""
        self.unused.discard(key)
        if key in self.values:
            return self.values[key]
        if default is None:
            raise self.fail(f"expected {key}=")
        return default

    def integer(self, key: str, default: int | None = None) -> int:
        """A value that is a whole number."""
        if default is not None and key not in self.values:
            return default
        value = self.text(key)
        if not re.fullmatch("[+-]?[0-9]{1,9}", value):
            raise self.fail(f"{key}={value}: expected a whole number")
        return int(value)

    def real(self, key: str, default: float | None = None) -> float:
        """A value that is a finite number."""
        if default is not None and key not in self.values:
            return default
        value = self.text(key)
        try:
            number = float(plain(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.fail(f"{key}={value}: expected a number")
        return number

    def boolean(self, key: str, default: bool) -> bool:
        """A value that is true or false."""
        value = self.text(key, str(default).lower()).lower()
        if value not in ("true", "t", "1", "false", "f", "0"):
            raise self.fail(f"{key}={value}: expected true or false")
        return value in ("true", "t", "1")

    def finish(self) -> None:
        """Raise DataError for keys that nobody asked for."""
        if self.unused:
            raise self.fail(f"unknown {', '.join(sorted(self.unused))}")


def config_lines(text: str, place: str) -> list[ConfigLine]:
    """The lines of a configuration text without comments and empty ones."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if line:
            lines.append(ConfigLine(line, f"{place}: line {number}"))
    return lines
