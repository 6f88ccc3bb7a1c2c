"""Kaldi's extended file names: ``-``, ``command |``, ``| command``, ``file:offset``.

Source: Kaldi ``src/util/kaldi-io.cc``. Reading goes through `Source`, which never claims memory for
bytes that have not arrived; files are written under a temporary name and renamed on close.
"""

import os
import re
import stat
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

import numpy as np

from pysed.errors import DataError

_OFFSET = re.compile(r"(?s)(.+):([0-9]{1,18})\Z")
_SPECIFIER = re.compile(r"(([bfpto]|nf|n?[ops]|n?cs|bg),)*(ark|scp)[,:]")
_CHUNK = 1 << 24
_LINE_LIMIT = 1 << 28
_SPACE = b" \t\r\n\v\f"


class Source:
    """A binary stream being read: a file, standard input, a pipe. Counts the bytes it has given out.

    Raises DataError (``<name>: byte <n>: …``) for truncation, and for a pipe whose command fails.
    """

    def __init__(self, stream: BinaryIO, name: str, process: subprocess.Popen | None = None, start: int = 0):
        self.stream = stream
        self.name = name
        self.process = process
        self.pos = start
        self.size = _regular_size(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=value if isinstance(value, Exception) else None, abandoned=kind is GeneratorExit)

    def fail(self, message: str) -> DataError:
        """A DataError that names the place; use as ``raise source.fail(…)``."""
        return DataError(f"{self.name}: byte {self.pos}: {message}")

    def truncated(self, wanted: int, found: int) -> DataError:
        """The error for data that ends too early."""
        return self.fail(f"expected {wanted} more bytes, found {found}; it is truncated or damaged")

    def peek(self) -> bytes:
        """Some of the next bytes, at least one unless the stream has ended; does not move."""
        return self.stream.peek(1)  # type: ignore[attr-defined]

    def read(self, num_bytes: int) -> bytes:
        """Exactly the next ``num_bytes`` bytes."""
        if num_bytes <= _CHUNK:
            data = self.stream.read(num_bytes)
            if len(data) != num_bytes:
                raise self.truncated(num_bytes, len(data))
            self.pos += num_bytes
            return data
        return bytes(self.read_array(num_bytes, np.dtype(np.uint8)))

    def read_up_to(self, num_bytes: int) -> bytes:
        """The next ``num_bytes`` bytes, or what there is of them."""
        parts, left = [], num_bytes
        while left > 0 and (part := self.stream.read(min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
        self.pos += num_bytes - left
        return b"".join(parts)

    def read_array(self, count: int, dtype: np.dtype) -> np.ndarray:
        """``count`` numbers, (count,) of ``dtype``, writable; memory grows only with the data that arrives."""
        num_bytes = count * dtype.itemsize
        if num_bytes <= _CHUNK or (self.size is not None and num_bytes <= self.size - self.pos):
            values = np.empty(count, dtype)
            view = values.view(np.uint8).data if count else memoryview(b"")
            got = 0
            while got < num_bytes:
                step = self.stream.readinto(view[got:])  # type: ignore[attr-defined]
                if not step:
                    raise self.truncated(num_bytes, got)
                got += step
        else:
            if self.size is not None:
                raise self.truncated(num_bytes, max(0, self.size - self.pos))
            gathered = bytearray()
            while len(gathered) < num_bytes:
                part = self.stream.read(min(_CHUNK, num_bytes - len(gathered)))
                if not part:
                    raise self.truncated(num_bytes, len(gathered))
                gathered += part
            values = np.frombuffer(gathered, dtype)
        self.pos += num_bytes
        return values

    def line(self) -> bytes:
        """The rest of the line without its newline; empty at the end."""
        data = self.stream.readline(_LINE_LIMIT)
        if len(data) >= _LINE_LIMIT:
            raise self.fail(f"a line of more than {_LINE_LIMIT} bytes; it is damaged or not text")
        self.pos += len(data)
        return data.removesuffix(b"\n")

    def text_line(self) -> bytes:
        """The rest of the line; DataError where nothing at all is left, not even a newline."""
        if not self.peek():
            raise self.fail("expected a line, found the end; it is truncated")
        return self.line()

    def skip_space(self) -> bool:
        """Move past white space; False at the end of the stream."""
        while ahead := self.peek():
            rest = ahead.lstrip(_SPACE)
            self._drop(len(ahead) - len(rest))
            if rest:
                return True
        return False

    def _drop(self, num_bytes: int) -> None:
        if num_bytes:
            self.stream.read(num_bytes)
            self.pos += num_bytes

    def word(self, limit: int = 4096) -> bytes:
        """The next bytes up to white space (which stays) or the end."""
        parts: list[bytes] = []
        length = 0
        while ahead := self.peek():
            words = ahead.split(None, 1)
            if not words or ahead[:1] in (b" ", b"\t", b"\r", b"\n", b"\v", b"\f"):
                break
            parts.append(words[0])
            length += len(words[0])
            if length > limit:
                raise self.fail(f"a word of more than {limit} bytes; it is damaged or not a Kaldi file")
            self._drop(len(words[0]))
            if len(words[0]) < len(ahead):
                break
        return b"".join(parts)

    def seek(self, offset: int) -> None:
        """Go to an offset of a file."""
        try:
            self.stream.seek(offset)
        except (OSError, ValueError):
            raise DataError(f"{self.name}: offset {offset}: not a place one can go to in it") from None
        self.pos = offset

    def close(self, failed: Exception | None = None, abandoned: bool = False) -> None:
        """Close it. A command that failed by itself raises DataError, which ends with why reading ``failed``.

        A command cut short because no more of its output is wanted, or none was readable, cannot fail.
        """
        if self.process is None:
            if self.stream is not sys.stdin.buffer:
                self.stream.close()
            return
        unread = abandoned or bool(self._drain())
        self.stream.close()
        code = self.process.wait()
        if code and not unread:
            read = "" if failed is None else f" (of what it wrote: {str(failed).removeprefix(f'{self.name}: ')})"
            raise DataError(f"{self.name}: the command failed (exit code {code}); run it by hand to see why{read}")

    def _drain(self) -> bytes:
        with suppress(OSError, ValueError):
            return self.stream.read(1 << 16) and self.stream.read(1)
        return b""


def _regular_size(stream: BinaryIO) -> int | None:
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _check_name(name: str, direction: str) -> None:
    if name != name.strip():
        raise DataError(f"{name!r}: a file name for {direction} with space around it; remove the space")
    if _SPECIFIER.match(name):
        raise DataError(f"{name}: a table where one file for {direction} is expected; give a plain file name")
    if "\0" in name:
        raise DataError(f"{name!r}: a file name cannot hold a zero byte")


def open_input(rxfilename: str) -> Source:
    """Open ``file``, ``file:offset``, ``-`` (or empty) or ``command |`` for reading.

    Raises DataError where there is no such file.
    """
    if rxfilename in ("", "-"):
        return Source(sys.stdin.buffer, "standard input")
    if rxfilename.endswith("|") and not rxfilename.startswith("|"):
        sys.stdout.flush()
        process = subprocess.Popen(
            ["/bin/sh", "-c", rxfilename[:-1]], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, bufsize=1 << 20
        )
        return Source(process.stdout, rxfilename, process)  # type: ignore[arg-type]
    _check_name(rxfilename, "reading")
    if rxfilename.startswith("|"):
        raise DataError(f"{rxfilename}: an output pipe where input is expected; write 'command |'")
    path, offset = split_offset(rxfilename)
    try:
        source = Source(open(path, "rb", buffering=1 << 18), path)  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if offset is not None:
        if source.size is not None and offset > source.size:
            source.close()
            raise DataError(f"{path}: offset {offset} is past its {source.size} bytes; the script file does not fit it")
        source.seek(offset)
    return source


def split_offset(rxfilename: str) -> tuple[str, int | None]:
    """``file:123`` → ("file", 123), ``file`` → ("file", None)."""
    if match := _OFFSET.match(rxfilename):
        return match[1], int(match[2])
    return rxfilename, None


class Sink:
    """A binary stream being written; a file appears under its name when `close` is called."""

    _targets: ClassVar[set[str]] = set()  # files that are being written

    def __init__(self, wxfilename: str):
        self.name = wxfilename
        self.process: subprocess.Popen | None = None
        self.temporary: str | None = None
        self.pos = 0
        self.is_file = False
        if wxfilename in ("", "-"):
            self.name = "standard output"
            self.stream: BinaryIO = sys.stdout.buffer
            return
        if wxfilename.startswith("|"):
            sys.stdout.flush()
            self.process = subprocess.Popen(["/bin/sh", "-c", wxfilename[1:]], stdin=subprocess.PIPE, bufsize=1 << 20)
            self.stream = self.process.stdin  # type: ignore[assignment]
            return
        _check_name(wxfilename, "writing")
        if wxfilename.endswith("|"):
            raise DataError(f"{wxfilename}: an input pipe where output is expected; write '| command'")
        self.is_file = True
        target = os.path.realpath(wxfilename)
        if os.path.isdir(target):
            raise DataError(f"{wxfilename}: a folder; expected a file name")
        if not os.path.exists(target) or os.path.isfile(target):
            folder, base = os.path.split(target)
            if target in self._targets:
                raise DataError(f"{wxfilename}: two outputs of one name; give each its own")
            self.temporary, self._target = os.path.join(folder, f".{base}.{os.getpid()}.tmp"), target
        try:
            self.stream = open(self.temporary or wxfilename, "wb", buffering=1 << 18)  # noqa: SIM115
        except OSError as error:
            raise DataError(f"{wxfilename}: cannot be written ({error.strerror})") from None
        if self.temporary:
            self._targets.add(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort() if kind is not None else self.close()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        try:
            self.stream.write(data)
        except BrokenPipeError:
            if self.process is None:
                raise
            raise DataError(f"{self.name}: the command stopped reading; run it by hand to see why") from None
        except OSError as error:
            raise self._named(error) from None
        self.pos += len(data)

    def flush(self) -> None:
        """Hand on what is buffered."""
        try:
            self.stream.flush()
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        """The same error, of a full disk for instance, with this file's name."""
        if not isinstance(error, BrokenPipeError):
            error.filename = self.name
        return error

    def close(self) -> None:
        """Finish; raises DataError when a pipe's command fails."""
        if self.process is not None:
            with suppress(BrokenPipeError):
                self.stream.close()
            if code := self.process.wait():
                raise DataError(f"{self.name}: the command failed (exit code {code}); run it by hand to see why")
        elif not self.is_file:
            self.flush()
        else:
            try:
                self.stream.close()
            except OSError as error:
                self.abort()
                raise self._named(error) from None
            if self.temporary:
                os.replace(self.temporary, self._target)
                self._forget()

    def abort(self) -> None:
        """Give up: a half-written file is removed."""
        with suppress(OSError):
            if self.process is not None or self.is_file:
                self.stream.close()
        if self.process is not None:
            self.process.wait()
        if self.temporary:
            with suppress(OSError):
                os.unlink(self.temporary)
            self._forget()

    def _forget(self) -> None:
        self._targets.discard(self._target)
        self.temporary = None


def open_output(wxfilename: str) -> Sink:
    """Open ``file``, ``-`` (or empty) or ``| command`` for writing; a context manager."""
    return Sink(wxfilename)
