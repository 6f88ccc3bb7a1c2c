"""Whether a zip holds nothing but what its directory lists: members, directory and end fill the file.

Source: PKWARE's APPNOTE.TXT, 4.3. zipfile itself passes over bytes before, between and after these.
"""

import os
import struct
import zipfile
from typing import IO

_LOCAL, _ENTRY, _END, _END64, _LOCATOR = 30, 46, 22, 56, 20  # bytes of the parts, without names, fields and comments
_LONGEST_COMMENT = 0xFFFF
_HAS_DESCRIPTOR = 8  # of a member's flags


def check_zip_layout(opened: zipfile.ZipFile, file: IO[bytes]) -> None:
    """Raise BadZipFile for bytes of a zip that belong to none of its parts."""
    found = sorted(opened.infolist(), key=lambda info: info.header_offset)
    directory = opened.start_dir
    end = 0
    for info, following in zip(found, [*(info.header_offset for info in found[1:]), directory], strict=True):
        if info.header_offset != end:
            raise zipfile.BadZipFile("its directory is not that of its members")
        file.seek(end)
        name, extra = struct.unpack("<26xHH", file.read(_LOCAL))
        end += _LOCAL + name + extra + info.compress_size
        if following != end:
            file.seek(end)
            if not 0 < following - end <= 24 or file.read(following - end) not in _descriptors(info):
                raise zipfile.BadZipFile(f"bytes after member {info.filename!r} that belong to none")
            end = following
    if end != directory:
        raise zipfile.BadZipFile("bytes before its directory")
    for _ in found:
        file.seek(end)
        end += _ENTRY + sum(struct.unpack("<28xHHH12x", file.read(_ENTRY)))
    _check_end(file, end, len(found))


def _descriptors(info: zipfile.ZipInfo) -> set[bytes]:
    """What may follow a member that was written before its size was known."""
    if not info.flag_bits & _HAS_DESCRIPTOR:
        return set()
    forms = ["<LQQ"] if max(info.compress_size, info.file_size) >> 32 else ["<LQQ", "<LLL"]
    plain = {struct.pack(form, info.CRC, info.compress_size, info.file_size) for form in forms}
    return plain | {b"PK\7\x08" + each for each in plain}


def _check_end(file: IO[bytes], place: int, num_members: int) -> None:
    """What follows the directory, which ends at ``place``."""
    size = file.seek(0, os.SEEK_END)
    if size - place > _END64 + _LOCATOR + _END + _LONGEST_COMMENT:
        raise zipfile.BadZipFile("bytes after its directory")
    file.seek(place)
    rest = file.read()
    if rest[:4] == b"PK\6\6" and rest[4:12] == struct.pack("<Q", _END64 - 12) and rest[_END64:][:4] == b"PK\6\7":
        rest = rest[_END64 + _LOCATOR :]
    number, comment = struct.unpack("<10xH8xH", rest[:_END])
    if rest[:4] != b"PK\5\6" or len(rest) != _END + comment:
        raise zipfile.BadZipFile("bytes after its directory or its end")
    if number not in (num_members & 0xFFFF, 0xFFFF):  # which stands for more
        raise zipfile.BadZipFile("its directory is not that of its members")
