"""A whole set of archives: licence, free disk, download, unpacking, each archive once; resumable at every point."""

import hashlib
import os
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.fetch.download import check_present, fetch_file
from pysed.fetch.manifest import Manifest, RemoteFile
from pysed.fetch.unpack import Place, require_disk, unpack
from pysed.text_files import read_text


def mirrors_from(environment: dict[str, str] | os._Environ[str]) -> tuple[str, ...]:
    """Addresses named in PYSED_MIRROR, joined by spaces; raises DataError for one that is none of http(s)."""
    mirrors = tuple(environment.get("PYSED_MIRROR", "").split())
    for mirror in mirrors:
        if not _is_address(mirror):
            raise DataError(f"PYSED_MIRROR: {mirror}: expected addresses such as http://host/ or https://host:8000/")
    return mirrors


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        plain = text.isascii() and text.isprintable() and text.startswith(("http://", "https://"))
        return plain and bool(address.hostname) and address.port != 0
    except ValueError:  # brackets that do not match, a port that is no number
        return False


def accept_licence(manifest: Manifest, mark: Path, accepted: bool) -> None:
    """Show the licence and see that it is accepted; once, kept in ``mark`` with the text's hash.

    Asks on a terminal. Raises DataError where it is refused, or where there is nobody to ask.
    """
    text = manifest.licence
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not text or (mark.is_file() and read_text(mark).strip() == digest):
        return
    if not accepted and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise DataError(
            f"{manifest.title}: its licence is not accepted (non-commercial use only; conf/downloads/ has the text); "
            "run on a terminal, or with --accept-licence"
        )
    print(text, file=sys.stderr)
    if not accepted:
        print("Accept? [yes/no] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise DataError(f"{manifest.title}: licence not accepted; nothing was fetched")
    mark.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(mark) as stream:
        stream.write(f"{digest}\n")


def _mark(out: Path, remote: RemoteFile) -> Path:
    return out / ".unpacked" / remote.name


def _identity(remote: RemoteFile) -> str:
    return f"{remote.sha256 or remote.md5} {remote.size}"


def pending(manifest: Manifest, out: Path) -> list[RemoteFile]:
    """The files that have not been unpacked into ``out`` yet."""
    marks = ((remote, _mark(out, remote)) for remote in manifest.files)
    return [remote for remote, mark in marks if not mark.is_file() or read_text(mark).strip() != _identity(remote)]


def collect(
    manifest: Manifest,
    downloads: Path,
    out: Path,
    place: Place,
    mirrors: tuple[str, ...] = (),
    remove: bool = False,
    wait_s: float = 2.0,
) -> int:
    """Fetch what is missing into ``downloads`` and unpack it into ``out``; returns the number of archives unpacked.

    Archives in ``downloads`` are used where size and digest are right. Each is noted in ``out/.unpacked`` when it is
    done and is not needed from then on; ``remove`` deletes it. Raises DataError; what was fetched and unpacked stays.
    """
    todo = pending(manifest, out)
    if not todo:
        return 0
    missing = [remote for remote in todo if not (downloads / remote.name).exists()]
    to_fetch = sum((remote.size or 0) - _size(downloads / f"{remote.name}.part") for remote in missing)
    to_unpack = int(sum(remote.size or 0 for remote in todo) * manifest.unpacked_ratio)
    purpose = f"fetch and unpack {manifest.title}"
    if _device(downloads) == _device(out):
        require_disk(out, to_fetch + to_unpack, purpose)
    else:
        require_disk(downloads, to_fetch, purpose)
        require_disk(out, to_unpack, purpose)
    from tqdm import tqdm

    bar = partial(tqdm, unit="B", unit_scale=True, disable=None, leave=False, dynamic_ncols=True)
    total = sum(remote.size or 0 for remote in missing) or None
    with bar(total=total, initial=(total or 0) - to_fetch if total else 0, desc=manifest.title) as progress:
        for remote in missing:
            path = fetch_file(remote, downloads, mirrors, progress.update, wait_s)
            tqdm.write(f"fetched {path} ({path.stat().st_size} bytes)")
    for number, remote in enumerate(todo, 1):
        archive = downloads / remote.name
        if remote not in missing:
            check_present(archive, remote)
        with bar(desc=f"unpacking {number} of {len(todo)}") as progress:
            written = unpack(archive, out, place, progress=progress.update)
        tqdm.write(f"unpacked {archive}: {len(written)} files")
        mark = _mark(out, remote)
        mark.parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(mark) as stream:
            stream.write(f"{_identity(remote)}\n")
        if remove:
            archive.unlink()
    return len(todo)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _device(folder: Path) -> int:
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    return existing.stat().st_dev
