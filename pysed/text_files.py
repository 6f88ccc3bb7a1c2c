"""Text files from outside, read in one way: UTF-8 of bounded size, every fault one line with file and place.

Every reader of a list, a table, YAML or JSON that comes from outside reads it here.
"""

import csv
import json
import math
import os
import sys
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from pysed.errors import DataError

MOST_BYTES = 1 << 30
_DEEPEST = 50  # nesting of YAML
_MOST_VALUES = 5_000_000  # of YAML, each alias counted as often as it stands for its values
_MOST_INTEGER = 1 << 63
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: str | os.PathLike, expected: str = "a text file") -> str:
    """A file's text with ``\\n`` line ends, without a byte order mark. ``expected`` says what it should be.

    Raises DataError, with the line where there is one, for a file that is missing, cannot be read, is larger than
    MOST_BYTES, is not UTF-8 or holds a zero byte.
    """
    return _decoded(_raw(path, expected), str(path), expected)


def _raw(path: str | os.PathLike, expected: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected {expected}") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder; expected {expected}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: cannot be read ({reason}); expected {expected}") from None


def _decoded(raw: bytes, path: str, expected: str, errors: str = "strict") -> str:
    if len(raw) > MOST_BYTES:
        raise DataError(f"{path}: more than {MOST_BYTES >> 20} MiB; expected {expected}")
    try:
        text = raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        place, byte = _line(raw, error.start), raw[error.start]
        raise DataError(f"{path}:{place}: byte 0x{byte:02x} is not UTF-8; expected {expected} in UTF-8") from None
    if "\0" in text:
        raise DataError(f"{path}:{_line(raw, raw.index(0))}: a zero byte; expected {expected}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def read_lines(path: str | os.PathLike, expected: str = "a text file") -> list[str]:
    """A text file's lines without their ends; as read_text(). Only ``\\n``, ``\\r\\n`` and ``\\r`` end a line."""
    return _split(read_text(path, expected))


def file_names(path: str | os.PathLike, expected: str) -> list[str]:
    """read_lines() of a list of files, ``-`` for standard input, whose names may be in any coding (os.fsdecode)."""
    name = "standard input" if path == "-" else str(path)
    raw = sys.stdin.buffer.read(MOST_BYTES + 1) if path == "-" else _raw(path, expected)
    return _split(_decoded(raw, name, expected, "surrogateescape"))


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def read_csv(path: str | os.PathLike, expected: str = "a CSV table") -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row of a CSV file; as read_text(), and DataError for what is not CSV."""
    reader = csv.reader(read_text(path, expected).splitlines(keepends=True))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV ({error}); expected {expected}") from None


def read_json(path: str | os.PathLike, expected: str = "JSON") -> Any:
    """The value in a JSON file; as read_text() and parse_json()."""
    return parse_json(read_text(path, expected), str(path), expected)


def parse_json(text: str, place: str, expected: str = "JSON") -> Any:
    """The value of a JSON text that stands at ``place``; DataError for what is not JSON or holds unusable numbers."""
    try:
        return json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_number)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}:{error.lineno}: not JSON ({error.msg}); expected {expected}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{place}: not usable JSON ({reason}); expected {expected}") from None


def _number(text: str) -> int | float:
    if text.lstrip("-").isdecimal():
        if len(text) > 19 or abs(int(text)) >= _MOST_INTEGER:
            raise ValueError(f"the number {text[:20]}… is too large")
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def read_yaml(path: str | os.PathLike, expected: str = "YAML") -> Any:
    """The plain value in a YAML file; as read_text() and parse_yaml()."""
    return parse_yaml(read_text(path, expected), str(path), expected)


def parse_yaml(text: str, place: str, expected: str = "YAML") -> Any:
    """The plain value of a YAML text that stands at ``place``.

    Raises DataError, with the line, for what is not YAML, is no plain value, repeats a key, nests deeper than 50
    levels, refers to itself, or multiplies by references beyond what memory should hold.
    """
    try:
        _check_size(text, place)
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        line = f":{mark.line + 1}" if mark else ""
        raise DataError(f"{place}{line}: not YAML ({problem[:100]}); expected {expected}") from None
    except DataError:
        raise
    # Values of a forced type, such as `!!int x`, raise whatever their conversion does.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise DataError(f"{place}: not YAML ({reason}); expected {expected}") from None


def _check_size(text: str, place: str) -> None:
    """See that nesting and references stay within bounds, by the parser's events alone, before anything is built."""
    anchors: dict[str, int] = {}
    open_nodes: list[list] = [[None, 0]]  # anchor and number of values of each mapping or list that is open
    for event in yaml.parse(text, Loader=_Loader):
        size, anchor = 1, getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append([anchor, 1])
            if len(open_nodes) > _DEEPEST:
                raise DataError(f"{place}:{event.start_mark.line + 1}: nested deeper than {_DEEPEST} levels")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == node[0] for node in open_nodes) or anchor not in anchors:
                raise DataError(f"{place}:{event.start_mark.line + 1}: *{anchor} refers to itself or to nothing")
            size, anchor = anchors[anchor], None
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            anchors[anchor] = size
        open_nodes[-1][1] += size
        if open_nodes[-1][1] > _MOST_VALUES:
            raise DataError(f"{place}:{event.start_mark.line + 1}: references make over {_MOST_VALUES} values")


class _PlainLoader(_Loader):  # type: ignore[misc]
    """Plain values only; a key that stands twice and an integer beyond 64 bits are errors."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in seen:
                        raise yaml.MarkedYAMLError(
                            problem=f"the key {key.value[:40]!r} stands twice", problem_mark=key.start_mark
                        )
                    seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: Any) -> int:
        value = super().construct_yaml_int(node)
        if abs(value) >= _MOST_INTEGER:
            raise yaml.MarkedYAMLError(problem="a number of more than 64 bits", problem_mark=node.start_mark)
        return value


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
