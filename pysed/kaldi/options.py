"""Kaldi's command-line options: ``--name=value``, ``--config=FILE``, ``--help``.

Source: Kaldi ``src/util/parse-options.cc``. Stricter in two places: an option after the first
positional argument is refused instead of being taken for a file name, and a refusal is one line
instead of the whole usage.
"""

import dataclasses
import os
import re
import shlex
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TypeVar

from pysed.errors import DataError
from pysed.kaldi.messages import set_program
from pysed.text_files import read_lines

_INT = re.compile(r"[+-]?[0-9]+\Z")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z|[+-]?(inf|infinity|nan)\Z", re.IGNORECASE)
_TYPE_NAMES = {bool: "bool", int: "int", float: "float", str: "string"}

T = TypeVar("T")


@dataclasses.dataclass
class _Option:
    name: str
    default: Any
    doc: str
    standard: bool = False

    @property
    def shown_default(self) -> str:
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f'"{self.default}"' if isinstance(self.default, str) else f"{self.default:g}"


def normalise(name: str) -> str:
    """Option names are compared in lower case with '-' for '_'."""
    return name.replace("_", "-").lower()


class OptionParser:
    """The options of one command.

    ``parser = OptionParser("copy-feats", usage)``; ``parser.register("binary", True, "…")``;
    ``values, positionals = parser.parse(argv, 2)``. The type of an option (bool, int, float, str)
    is that of its default; its value is ``values.<name with underscores>``.
    """

    def __init__(self, command: str, usage: str):
        self.command = command
        self.usage = usage
        self._options: dict[str, _Option] = {}
        self._add("config", "", "Configuration file to read (this option may be repeated)", standard=True)
        self._add("help", False, "Print out usage message", standard=True)
        self._add("print-args", True, "Print the command line arguments (to stderr)", standard=True)
        self._add("verbose", 0, "Verbose level (higher->more logging)", standard=True)

    def _add(self, name: str, default: Any, doc: str, standard: bool = False) -> None:
        if type(default) not in _TYPE_NAMES:
            raise TypeError(f"option {name}: a default of type {type(default).__name__}")
        self._options.setdefault(normalise(name), _Option(name, default, doc, standard))

    def register(self, name: str, default: bool | int | float | str, doc: str) -> None:
        """Declare ``--name``; a name declared twice keeps its first declaration, as in Kaldi."""
        self._add(name, default, doc)

    def register_struct(self, struct: Any, prefix: str = "") -> None:
        """Declare an option for each field of a dataclass or its instance ('_' becomes '-').

        A field's help is ``metadata={"doc": …}``, its option name may be given as
        ``metadata={"name": …}``. With a prefix the option is ``--prefix.name``.
        """
        for name, field, default in _struct_fields(struct, prefix):
            self._add(name, default, field.metadata.get("doc", ""))

    def build(self, struct: type[T], values: SimpleNamespace, prefix: str = "") -> T:
        """An instance of the dataclass from parsed values."""
        return struct(**{field.name: getattr(values, _attribute(n)) for n, field, _ in _struct_fields(struct, prefix)})

    def parse(self, argv: list[str], num_positionals: int | range | None = None) -> tuple[SimpleNamespace, list[str]]:
        """Read ``argv`` (without the command's own name): (values, positional arguments).

        ``--help`` prints the usage and exits 0; another number of positional arguments than
        ``num_positionals`` prints it and exits 1. Raises DataError for anything else wrong.
        """
        values = {name: option.default for name, option in self._options.items()}
        if "--help" in (argv[: argv.index("--")] if "--" in argv else argv):
            self.print_usage()
            raise SystemExit(0)
        options, positionals = self._split(argv)
        for argument in options:
            name, value = _split_argument(argument)
            if name == "config":
                self._read_config(value or "", values)
        for argument in options:
            self._set(argument, values, "command line")
        set_program(self.command, values["verbose"])
        if values["print-args"]:
            print(shlex.join([self.command, *argv]), file=sys.stderr)
        allowed = range(num_positionals, num_positionals + 1) if isinstance(num_positionals, int) else num_positionals
        if allowed is not None and len(positionals) not in allowed:
            self.print_usage()
            raise SystemExit(1)
        return SimpleNamespace(**{_attribute(name): value for name, value in values.items()}), positionals

    def _split(self, argv: list[str]) -> tuple[list[str], list[str]]:
        options: list[str] = []
        rest = list(argv)
        while rest and rest[0].startswith("--"):
            argument = rest.pop(0)
            if argument == "--":
                return options, rest
            options.append(argument)
        if "--" in rest:
            end = rest.index("--")
            named, literal = rest[:end], rest[end + 1 :]
        else:
            named, literal = rest, []
        for argument in named:
            if argument.startswith("--"):
                raise DataError(f"command line: {argument}: an option after a positional argument; put options first")
        return options, named + literal

    def read_config(self, path: str) -> SimpleNamespace:
        """Values from a configuration file alone, over the defaults."""
        values = {name: option.default for name, option in self._options.items()}
        self._read_config(path, values)
        return SimpleNamespace(**{_attribute(name): value for name, value in values.items()})

    def read_words(self, words: list[str], place: str) -> SimpleNamespace:
        """Values from arguments as on a command line, ``--config=FILE`` among them, over the defaults."""
        values = {name: option.default for name, option in self._options.items()}
        for word in words:
            if not word.startswith("--"):
                raise DataError(f"{place}: {word[:60]!r}; expected an option, --name=value")
            name, value = _split_argument(word)
            if name == "config":
                self._read_config(value or "", values)
        for word in words:
            if _split_argument(word)[0] != "config":
                self._set(word, values, place)
        return SimpleNamespace(**{_attribute(name): value for name, value in values.items()})

    def _read_config(self, path: str, values: dict[str, Any]) -> None:
        for place, line in _config_lines(path):
            self._set(line, values, place)

    def _set(self, argument: str, values: dict[str, Any], place: str) -> None:
        name, text = _split_argument(argument)
        argument = argument[:80]  # as far as it is shown
        if not name:
            raise DataError(f"{place}: {argument}: an option without a name")
        if name not in self._options:
            known = ", ".join(f"--{o.name}" for _, o in sorted(self._options.items()) if not o.standard)
            remedy = f"{self.command} --help lists its options" if self.command else f"expected one of {known}"
            raise DataError(f"{place}: unknown option {argument}; {remedy}")
        kind = type(self._options[name].default)
        if kind is bool:
            values[name] = _boolean(argument, text, place)
        elif text is None:
            raise DataError(f"{place}: {argument}: expected a value, --{name}=…")
        elif kind is str:
            values[name] = text
        elif kind is int:
            if not _INT.match(text) or not -(2**31) <= int(text[:12]) < 2**31 or len(text) > 12:
                raise DataError(f"{place}: {argument}: expected a whole number")
            values[name] = int(text)
        else:
            if not _REAL.match(text):
                raise DataError(f"{place}: {argument}: expected a number")
            values[name] = float(text)

    def print_usage(self) -> None:
        """Usage and options, on stderr."""
        lines = ["", self.usage.rstrip("\n"), ""]
        for standard, title in ((False, "Options:"), (True, "Standard options:")):
            chosen = [o for _, o in sorted(self._options.items()) if o.standard is standard]
            if chosen:
                lines.append(title)
            for o in chosen:
                kind = _TYPE_NAMES[type(o.default)]
                lines.append(f"  --{o.name:<25} : {o.doc} ({kind}, default = {o.shown_default})")
            lines.append("")
        print("\n".join(lines), file=sys.stderr)


def read_struct(defaults: T, path: str | os.PathLike, words: list[str] | None = None) -> T:
    """Options of a configuration file over those of a dataclass's instance; ``words`` stand for the file's text.

    Raises DataError, naming the file, for anything that the dataclass does not know or refuses.
    """
    parser = OptionParser("", "")
    parser.register_struct(defaults)
    values = parser.read_config(os.fspath(path)) if words is None else parser.read_words(words, os.fspath(path))
    if values.config:
        raise DataError(
            f"{path}: --config={values.config}; within a configuration file it is not read: put its lines here"
        )
    try:
        return parser.build(type(defaults), values)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def config_values(path: str | os.PathLike) -> dict[str, str]:
    """The options of a configuration file whatever they are: by normalised name, one without a value as "true"."""
    split = (_split_argument(line) for _, line in _config_lines(os.fspath(path)))
    return {name: "true" if value is None else value for name, value in split}


def _config_lines(path: str) -> Iterator[tuple[str, str]]:
    """A configuration file's options and where each stands; comments and empty lines are left out."""
    for number, line in enumerate(read_lines(path, "options, one a line"), 1):
        line = line.split("#", 1)[0].strip()
        if line and not line.startswith("--"):
            raise DataError(f"{path}:{number}: {line[:60]!r}; expected an option, --name=value")
        if line:
            yield f"{path}:{number}", line


def option_lines(struct: Any, besides: Any = None) -> list[str]:
    """``--name=value`` for each field of a dataclass's instance, but for values that ``besides`` has as well."""
    fields = [(name, value, getattr(besides, field.name, None)) for name, field, value in _struct_fields(struct, "")]
    return [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value, default in fields
        if besides is None or value != default
    ]


def _struct_fields(struct: Any, prefix: str) -> list[tuple[str, dataclasses.Field, Any]]:
    found = []
    for field in dataclasses.fields(struct):
        if isinstance(struct, type):
            factory = field.default_factory
            default = field.default if factory is dataclasses.MISSING else factory()
        else:
            default = getattr(struct, field.name)
        name = field.metadata.get("name", field.name.replace("_", "-"))
        found.append((f"{prefix}.{name}" if prefix else name, field, default))
    return found


def _attribute(name: str) -> str:
    return normalise(name).replace("-", "_").replace(".", "_")


def _split_argument(argument: str) -> tuple[str, str | None]:
    name, equals, value = argument[2:].partition("=")
    return normalise(name.strip()), value.strip() if equals else None


def _boolean(argument: str, text: str | None, place: str) -> bool:
    if text is None or text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    raise DataError(f"{place}: {argument}: expected true or false")
