"""What was found in each file, noted as it comes, so that a run that was killed goes on where it stopped."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from pysed.detect.decide import Detection
from pysed.detect.locked import open_locked
from pysed.errors import DataError


@dataclass(frozen=True)
class Result:
    """One file's events by model, or why there are none (``fault``), or no pictures or clips of them."""

    name: str
    state: str  # of the file when it was read: its path, size and time of change
    duration_s: float = 0.0
    events: tuple[tuple[Detection, ...], ...] = ()
    fault: str = ""

    @property
    def is_read(self) -> bool:
        """Whether the events are known, whatever else failed."""
        return self.duration_s > 0 or not self.fault

    def line(self) -> str:
        """For the journal."""
        return json.dumps(asdict(self), ensure_ascii=True)

    @classmethod
    def of_line(cls, line: str) -> Self:
        """From the journal. Raises ValueError, TypeError or KeyError for a line that is none."""
        values = json.loads(line)
        events = tuple(tuple(Detection(**each) for each in events) for events in values.pop("events"))
        return cls(events=events, **values)


def file_state(path: Path) -> str:
    """Which file it is and whether it has changed."""
    try:
        status = path.stat()
    except OSError:
        return f"{path}"
    return f"{path} {status.st_size} {status.st_mtime_ns}"


class Journal:
    """The results so far, in a file that is read again after an interruption; use it as a context.

    ``kind``: of the results. Another process that wants the same journal waits until the context ends.
    """

    def __init__(self, path: Path, key: str, kind: type[Result] = Result):
        self.path, self._key, self._kind = path, key, kind
        self.done: dict[str, Result] = {}
        self._stream: IO[str] | None = None

    def __enter__(self) -> "Journal":
        try:
            self._stream = open_locked(self.path)
            with open(self.path, "rb") as stream:
                good = self._read(stream)
            self._stream.truncate(good)
            if not good:
                self._write(json.dumps({"key": self._key}))
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror}); choose another output") from None
        return self

    def _read(self, stream: IO[bytes]) -> int:
        """Take over the whole lines of a journal of this key; returns where they end."""
        good = 0
        for number, line in enumerate(stream):
            try:
                if not line.endswith(b"\n") or (not number and json.loads(line) != {"key": self._key}):
                    break
                if number:
                    result = self._kind.of_line(line.decode("ascii"))
                    self.done[result.name] = result
            except (ValueError, TypeError, KeyError, AttributeError):
                break
            good += len(line)
        return good

    def _write(self, line: str) -> None:
        assert self._stream is not None
        self._stream.write(line + "\n")
        self._stream.flush()

    def add(self, result: Result) -> None:
        """Note a result."""
        self._write(result.line())

    def take(self, name: str, path: Path) -> Result | None:
        """The result of a file that was done before and has not changed since; one with a fault is tried again."""
        result = self.done.pop(name, None)
        return result if result is not None and not result.fault and result.state == file_state(path) else None

    def __exit__(self, kind: type | None, value: object, trace: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def remove(self) -> None:
        """All is done and written; to be called within the context."""
        self.path.unlink(missing_ok=True)
