"""What is to be fetched: conf/downloads/<name>.yaml, with sizes and checksums where they are published."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pysed.errors import DataError
from pysed.text_files import read_yaml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")
_DIGITS = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class RemoteFile:
    """One file: its name on disk and at every mirror, its address; size in bytes and digests, None where not published.

    ``package``: it is that Python package (``name==version``) of the index that pip is set up for; ``url`` is then "".
    """

    name: str
    url: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    package: str | None = None

    @property
    def digest(self) -> tuple[str, str] | None:
        """The stronger of its published digests: algorithm and hex digits."""
        for algorithm, digits in (("sha256", self.sha256), ("md5", self.md5)):
            if digits is not None:
                return algorithm, digits
        return None


@dataclass(frozen=True)
class Manifest:
    """A set of files with a title, a licence to accept ("" without one), and bytes on disk per byte of archive.

    ``layout``: what the archives hold, ``kaldi`` or ``vosk``; of recognisers' models.
    """

    title: str
    licence: str
    unpacked_ratio: float
    files: tuple[RemoteFile, ...]
    layout: str = "kaldi"


def _check(condition: object, place: str, message: str) -> None:
    if not condition:
        raise DataError(f"{place}: {message}")


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest; raises DataError naming the key at fault."""
    place = str(path)
    content = read_yaml(path, "a list of downloads")
    records = content.get("records") if isinstance(content, dict) else None
    if not (isinstance(records, list) and records):
        raise DataError(f"{place}: expected a mapping with 'records', a list that is not empty")
    known = {"title", "licence", "unpacked_ratio", "layout", "records"}
    unknown = sorted(map(str, set(content) - known))
    _check(not unknown, place, f"unknown key {unknown}; expected {', '.join(sorted(known))}")
    ratio, layout = content.get("unpacked_ratio", 1.0), content.get("layout", "kaldi")
    _check(type(ratio) in (int, float) and 0 <= ratio < 100, place, f"unpacked_ratio: {ratio!r}; expected a number")
    _check(layout in ("kaldi", "vosk"), place, f"layout: {layout!r}; expected kaldi or vosk")
    files = [file for number, record in enumerate(records, 1) for file in _files(record, f"{place}: record {number}")]
    names = [file.name for file in files]
    _check(len(set(names)) == len(names), place, "a name stands twice; names must be unique")
    return Manifest(
        str(content.get("title", "")), str(content.get("licence", "")).strip(), float(ratio), tuple(files), layout
    )


def _files(record: Any, here: str) -> list[RemoteFile]:
    """Of one record: an address and the files there, or a Python package and its file."""
    package = record.get("package") if isinstance(record, dict) else None
    keys = {"package", "files"} if package is not None else {"url", "prefix", "files"}
    _check(isinstance(record, dict) and set(record) == keys, here, "expected url, prefix, files; or package, files")
    url = str(record.get("url", "")).rstrip("/")
    _check(package is not None or re.match("https?://", url), here, f"url {url!r}; expected http:// or https://")
    _check(isinstance(record["files"], list) and record["files"], here, "files: expected a list that is not empty")
    if package is None:
        return [_file(entry, here, str(record["prefix"]), url) for entry in record["files"]]
    _check(_PACKAGE.fullmatch(str(package)), here, f"package {package!r}; expected name==version")
    _check(len(record["files"]) == 1, here, f"{len(record['files'])} files; expected the package's one")
    file = replace(_file(record["files"][0], here, "", ""), url="", package=str(package))
    _check(file.sha256 is not None, here, f"{file.name}: no sha256; expected the one that the index publishes")
    return [file]


def _file(entry: Any, here: str, prefix: str, url: str) -> RemoteFile:
    known = {"name", "bytes", *_DIGITS}
    _check(isinstance(entry, dict) and set(entry) <= known, here, f"expected {', '.join(sorted(known))}")
    name, size = f"{prefix}{entry.get('name', '')}", entry.get("bytes")
    _check(_NAME.fullmatch(name) and "name" in entry, here, f"name {name!r}; expected a plain file name")
    whole = size is None or (type(size) is int and 0 <= size < 1 << 50)
    _check(whole, here, f"{name}: bytes {size!r}; expected a number")
    for algorithm, digits in _DIGITS.items():
        found = entry.get(algorithm)
        given = found is None or re.fullmatch(f"[0-9a-f]{{{digits}}}", str(found))
        _check(given, here, f"{name}: {algorithm} {found!r}; expected {digits} digits")
    return RemoteFile(name, f"{url}/{name}", size, entry.get("md5"), entry.get("sha256"))
