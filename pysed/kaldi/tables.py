"""Kaldi's tables: ``ark:…`` and ``scp:…`` specifiers, read in sequence or by key, and written.

Source: Kaldi ``src/util/kaldi-table-inl.h``. Archives are streamed, one object in memory at a time.
"""

from collections.abc import Generator, Iterable
from itertools import chain
from types import TracebackType
from typing import Any, Self

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Sink, Source, open_input, open_output, split_offset
from pysed.kaldi.holders import KINDS, Kind
from pysed.kaldi.messages import warn
from pysed.kaldi.specifiers import Specifier, is_table, is_wspecifier, parse_rspecifier, parse_wspecifier
from pysed.kaldi.stream import KaldiReader

__all__ = [
    "RandomAccess", "Specifier", "TableWriter", "int_vectors", "is_table", "is_wspecifier", "matrices",
    "open_input", "open_output", "parse_rspecifier", "parse_wspecifier", "read_kind", "read_object",
    "read_script", "sequential", "tokens", "vectors", "write_kind", "write_object",
]  # fmt: skip


def _kind(kind: str | Kind) -> Kind:
    return KINDS[kind] if isinstance(kind, str) else kind


def _read_value(source: Source, kind: Kind) -> Any:
    binary = False
    if kind.header:
        binary = source.peek()[:1] == b"\0"
        if binary and source.read(2) != b"\0B":
            raise source.fail("expected the mark of a binary object; it is damaged")
    return kind.read(source, binary)


def _read_key(source: Source) -> str | None:
    """The next key of an archive, and its delimiter; None at the end."""
    if not source.skip_space():
        return None
    raw = source.word()
    try:
        key = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise source.fail("a key that is not text; it is damaged or not an archive") from None
    if "\0" in key:
        raise source.fail("a key with a zero byte; it is damaged or not an archive")
    delimiter = source.peek()[:1]
    if delimiter not in (b" ", b"\t", b"\n"):
        raise source.fail(f"key {key[:40]!r}: expected a space and an object after it; it is truncated or damaged")
    if delimiter != b"\n":
        source.read(1)
    return key


def read_script(rxfilename: str) -> list[tuple[str, str]]:
    """A script file's (key, extended file name) pairs; raises DataError with the line at fault."""
    with open_input(rxfilename) as source:
        pairs, number = [], 0
        while source.peek():
            number += 1
            raw = source.line()
            try:
                parts = raw.decode("utf-8").strip().split(None, 1)
            except UnicodeDecodeError:
                parts = []
            if len(parts) != 2:
                raise DataError(f"{source.name}:{number}: {raw[:60]!r}; expected 'key file'")
            pairs.append((parts[0], parts[1]))
    return pairs


class _Loader:
    """Reads objects by extended file name; the last file stays open, the last object stays known."""

    def __init__(self, kind: Kind):
        self.kind = kind
        self._path = ""
        self._source: Source | None = None
        self._last: tuple[str, Any] | None = None

    def load(self, rxfilename: str) -> Any:
        name, span = rxfilename, None
        if rxfilename.endswith("]") and (bracket := rxfilename.rfind("[")) > 0 and self.kind.cut:
            name, span = rxfilename[:bracket], rxfilename[bracket + 1 : -1]
        if span is None:
            return self._object(name)
        if self._last is None or self._last[0] != name:
            self._last = name, self._object(name)
        return self.kind.cut(self._last[1], span, name)  # type: ignore[misc]

    def _object(self, name: str) -> Any:
        path, offset = split_offset(name)
        if offset is None or name.endswith("|"):
            return read_kind(name, self.kind)
        if path != self._path or self._source is None:
            self.close()
            self._source, self._path = open_input(path), path
        source = self._source
        if source.size is not None and offset > source.size:
            raise DataError(f"{name}: past the end of the file, {source.size} bytes; script and archive do not fit")
        source.seek(offset)
        return _read_value(source, self.kind)

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


def sequential(rspecifier: str, kind: str | Kind) -> Generator[tuple[str, Any], None, None]:
    """(key, object) of a table in order, one at a time. See `matrices` and its siblings.

    Raises DataError for missing, truncated or damaged data; with the option ``p`` the objects of a
    script that cannot be read are left out, and a damaged archive ends early, with a warning.
    """
    specifier, kind = parse_rspecifier(rspecifier), _kind(kind)
    permissive = "p" in specifier.options
    if specifier.archive is not None:
        with open_input(specifier.archive) as source:
            while True:
                try:
                    key = _read_key(source)
                    if key is None:
                        return
                    value = _read_value(source, kind)
                except DataError as error:
                    if not permissive:
                        raise
                    warn(f"{error}; the archive is read no further")
                    return
                yield key, value
    loader = _Loader(kind)
    try:
        for key, name in read_script(specifier.script or ""):
            try:
                value = loader.load(name)
            except DataError as error:
                if not permissive:
                    raise DataError(f"{key}: {error}") from None
                warn(f"{key}: {error}; left out")
                continue
            yield key, value
    finally:
        loader.close()


def matrices(rspecifier: str) -> Generator[tuple[str, np.ndarray], None, None]:
    """(key, (T, F) float32) of a table of matrices."""
    return sequential(rspecifier, "matrix")


def vectors(rspecifier: str) -> Generator[tuple[str, np.ndarray], None, None]:
    """(key, (N,) float32) of a table of vectors."""
    return sequential(rspecifier, "vector")


def int_vectors(rspecifier: str) -> Generator[tuple[str, np.ndarray], None, None]:
    """(key, (N,) int32) of a table of integer vectors."""
    return sequential(rspecifier, "int_vector")


def tokens(rspecifier: str) -> Generator[tuple[str, list[str]], None, None]:
    """(key, words) of a table of word lists, such as spk2utt."""
    return sequential(rspecifier, "tokens")


class RandomAccess:
    """Objects of a table by key: ``key in table``, ``table[key]``; DataError for a key it lacks.

    A script's objects are read when asked for. An archive is read as far as needed; of one that is a
    file only the places are remembered, of a pipe the objects (all of them, but for the options ``o``
    and ``s,cs``, with which those used, or passed by, are dropped).
    """

    def __init__(self, rspecifier: str, kind: str | Kind):
        self.specifier = parse_rspecifier(rspecifier)
        self.kind = _kind(kind)
        self._known: dict[str, Any] = {}
        self._source: Source | None = None
        self._offsets = False
        self._reached = 0
        self._loader = _Loader(self.kind)
        if self.specifier.script is not None:
            self._known = dict(read_script(self.specifier.script))
        else:
            self._source = open_input(self.specifier.archive or "")
            self._reached = self._source.pos
            self._offsets = self._source.size is not None and self._source.name != "standard input"
        self._latest: tuple[str, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, key: str) -> bool:
        if self._latest is not None and self._latest[0] == key:
            return True
        if self.specifier.script is not None and "p" in self.specifier.options and key in self._known:
            try:
                self._latest = key, self._loader.load(self._known[key])
            except DataError as error:
                warn(f"{key}: {error}; left out")
                del self._known[key]
        if key in self._known:
            return True
        return self._source is not None and self._advance(key)

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise DataError(f"{self.specifier.text}: no entry {key!r}; the tables do not fit each other")
        if self._latest is not None and self._latest[0] == key:
            return self._latest[1]
        if self.specifier.script is not None:
            try:
                value = self._loader.load(self._known[key])
            except DataError as error:
                raise DataError(f"{key}: {error}") from None
        elif self._offsets and self._source is not None:
            self._source.seek(self._known[key])
            value = _read_value(self._source, self.kind)
        else:
            value = self._known[key]
            if "o" in self.specifier.options:
                del self._known[key]
        self._latest = key, value
        return value

    def _advance(self, wanted: str) -> bool:
        source = self._source
        if source is None:
            return False
        if self._offsets:
            source.seek(self._reached)
        drop = {"s", "cs"} <= self.specifier.options and not self._offsets
        while (key := _read_key(source)) is not None:
            start = source.pos
            value = _read_value(source, self.kind)
            self._reached = source.pos
            if drop:
                self._known = {k: v for k, v in self._known.items() if k >= wanted}
            self._known[key] = start if self._offsets else value
            if key == wanted:
                self._latest = key, value
                return True
            if drop and key > wanted:
                return False
        return False

    def close(self) -> None:
        """Close the files it holds open."""
        self._loader.close()
        if self._source is not None:
            self._source.close()
            self._source = None


class TableWriter:
    """Writes a table: ``with TableWriter("ark,scp:a.ark,a.scp", "matrix") as table: table.write(key, value)``.

    Files appear on close, complete; if the block raises they do not appear at all. A script written
    alone (``scp:FILE``) names the files that each key's object goes to.
    """

    def __init__(self, wspecifier: str, kind: str | Kind):
        self.specifier = parse_wspecifier(wspecifier)
        self.kind = _kind(kind)
        self.binary = "t" not in self.specifier.options
        self.count = 0
        self._archive: Sink | None = None
        self._script: Sink | None = None
        self._targets: dict[str, str] = {}
        if self.specifier.archive is None:
            self._targets = dict(read_script(self.specifier.script or ""))
            return
        self._archive = open_output(self.specifier.archive)
        if self.specifier.script is not None:
            if not self._archive.is_file:
                self._archive.abort()
                raise DataError(f"{wspecifier}: a script needs its archive to be a file; write ark: alone to a pipe")
            try:
                self._script = open_output(self.specifier.script)
            except DataError:
                self._archive.abort()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort() if kind is not None else self.close()

    def write(self, key: str, value: Any) -> None:
        """Append one object."""
        if not key or len(key.split()) != 1 or key.strip() != key:
            raise DataError(f"{self.specifier.text}: key {key!r}: expected a word without spaces")
        try:
            parts: Iterable[bytes] = self.kind.write(value, self.binary)
        except DataError as error:
            raise DataError(f"{self.specifier.text}: key {key!r}: {error}") from None
        if self.binary and self.kind.header:
            parts = chain([b"\0B"], parts)
        if self._archive is None:
            self._write_target(key, parts)
        else:
            self._archive.write(f"{key} ".encode())
            if self._script is not None:
                self._script.write(f"{key} {self.specifier.archive}:{self._archive.pos}\n".encode())
            for part in parts:
                self._archive.write(part)
            if "f" in self.specifier.options:
                self._archive.flush()
        self.count += 1

    def _write_target(self, key: str, parts: Iterable[bytes]) -> None:
        if key not in self._targets:
            if "p" in self.specifier.options:
                return
            raise DataError(f"{self.specifier.text}: no line for key {key!r}; it must name a file for each object")
        with open_output(self._targets[key]) as sink:
            for part in parts:
                sink.write(part)

    def close(self) -> None:
        """Finish and let the files appear."""
        archive, script, self._archive, self._script = self._archive, self._script, None, None
        try:
            if archive is not None:
                archive.close()
        except BaseException:
            if script is not None:
                script.abort()
            raise
        if script is not None:
            script.close()

    def abort(self) -> None:
        """Give up: half-written files are removed."""
        for sink in (self._archive, self._script):
            if sink is not None:
                sink.abort()
        self._archive = self._script = None


def read_kind(rxfilename: str, kind: str | Kind) -> Any:
    """The one object in a file, or at a place of it (``file:123``), or from a command."""
    with open_input(rxfilename) as source:
        return _read_value(source, _kind(kind))


def read_object(rxfilename: str) -> KaldiReader:
    """All of a file (or a command's output) as a `KaldiReader`; ranges are not for this."""
    with open_input(rxfilename) as source:
        parts: list[bytes] = []
        while part := source.read_up_to(1 << 24):
            parts.append(part)
    return KaldiReader(b"".join(parts), rxfilename if rxfilename not in ("", "-") else "standard input")


def write_kind(wxfilename: str, kind: str | Kind, value: Any, binary: bool = True) -> None:
    """One object to a file of its own, ``-`` or ``| command``."""
    kind = _kind(kind)
    header = [b"\0B"] if binary and kind.header else []
    write_object(wxfilename, [*header, *kind.write(value, binary)])


def write_object(wxfilename: str, data: bytes | Iterable[bytes]) -> None:
    """Write one object's bytes, such as ``bytes(KaldiWriter)``, to a file, ``-`` or ``| command``."""
    with open_output(wxfilename) as sink:
        for part in [data] if isinstance(data, bytes) else data:
            sink.write(part)
