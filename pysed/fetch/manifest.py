"""What is to be fetched: conf/downloads/<name>.yaml, with sizes and checksums where they are published."""

import re
from dataclasses import dataclass
from pathlib import Path

from pysed.errors import DataError
from pysed.text_files import read_yaml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RemoteFile:
    """One file: its name on disk and at every mirror, its address; size in bytes and md5, None where not published."""

    name: str
    url: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A set of files with a title, a licence to accept ("" without one), and bytes on disk per byte of archive."""

    title: str
    licence: str
    unpacked_ratio: float
    files: tuple[RemoteFile, ...]


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
    unknown = sorted(map(str, set(content) - {"title", "licence", "unpacked_ratio", "records"}))
    _check(not unknown, place, f"unknown key {unknown}; expected title, licence, unpacked_ratio, records")
    ratio = content.get("unpacked_ratio", 1.0)
    _check(type(ratio) in (int, float) and 0 <= ratio < 100, place, f"unpacked_ratio: {ratio!r}; expected a number")
    files: list[RemoteFile] = []
    for number, record in enumerate(records, 1):
        here = f"{place}: record {number}"
        _check(
            isinstance(record, dict) and set(record) == {"url", "prefix", "files"}, here, "expected url, prefix, files"
        )
        _check(re.match("https?://", str(record["url"])), here, f"url {record['url']!r}; expected http:// or https://")
        _check(isinstance(record["files"], list) and record["files"], here, "files: expected a list that is not empty")
        for entry in record["files"]:
            _check(
                isinstance(entry, dict) and set(entry) <= {"name", "bytes", "md5"}, here, "expected name, bytes, md5"
            )
            name, size, md5 = f"{record['prefix']}{entry.get('name', '')}", entry.get("bytes"), entry.get("md5")
            _check(_NAME.fullmatch(name) and "name" in entry, here, f"name {name!r}; expected a plain file name")
            whole = size is None or (type(size) is int and 0 <= size < 1 << 50)
            _check(whole, here, f"{name}: bytes {size!r}; expected a number")
            _check(
                md5 is None or re.fullmatch("[0-9a-f]{32}", str(md5)), here, f"{name}: md5 {md5!r}; expected 32 digits"
            )
            files.append(RemoteFile(name, f"{str(record['url']).rstrip('/')}/{name}", size, md5))
    names = [file.name for file in files]
    _check(len(set(names)) == len(names), place, "a name stands twice; names must be unique")
    return Manifest(str(content.get("title", "")), str(content.get("licence", "")).strip(), float(ratio), tuple(files))
