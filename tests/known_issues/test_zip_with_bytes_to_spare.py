"""Bytes between a zip's members and after its end were passed over, though archives with hidden bytes are refused."""

import io
import struct
import zipfile

import pytest

from pysed.errors import DataError
from pysed.fetch.unpack import unpack

MEMBERS = {"a/one": b"1" * 5000, "a/two": b"", "three": bytes(range(256))}


class Pipe(io.RawIOBase):
    """A stream that cannot seek: zipfile then writes sizes behind the members."""

    def __init__(self):
        self.content = b""

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


def made(stream=None, comment=b"", **options) -> bytes:
    stream = io.BytesIO() if stream is None else stream
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in MEMBERS.items():
            with archive.open(name, "w", **options) as member:
                member.write(content)
        archive.mkdir("folder")
    return stream.content if isinstance(stream, Pipe) else stream.getvalue()


def with_end64(content: bytes) -> bytes:
    """The end as of a zip of more than 4 GiB."""
    end = content.rindex(b"PK\5\6")
    number, size, offset = struct.unpack("<10xHLL2x", content[end:])
    record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, number, number, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    return (
        content[:end]
        + record
        + locator
        + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )


GOOD = {
    "plain": made(),
    "comment": made(comment=b"made by hand"),
    "piped": made(Pipe()),
    "piped, 64 bits": made(Pipe(), force_zip64=True),
    "64 bits": with_end64(made()),
}


def unpacked(tmp_path, content: bytes) -> dict[str, bytes]:
    (tmp_path / "a.zip").write_bytes(content)
    return {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in unpack(tmp_path / "a.zip", tmp_path / "out")
    }


@pytest.mark.parametrize("kind", GOOD)
def test_good_ones_are_unpacked(tmp_path, kind):
    assert unpacked(tmp_path, GOOD[kind]) == MEMBERS


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("count", [1, 22, 60_000, 200_000])
def test_bytes_after_the_end_are_refused(tmp_path, kind, count):
    with pytest.raises(DataError, match=r"a\.zip: damaged archive"):
        unpacked(tmp_path, GOOD[kind] + bytes(count))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["plain", "piped"])
@pytest.mark.parametrize("before", [b"PK\3\4", b"PK\1\2", b"PK\5\6"])
def test_bytes_between_parts_are_refused(tmp_path, kind, before):
    content = GOOD[kind]
    place = content.index(b"PK\1\2") if before == b"PK\1\2" else content.rindex(before)
    hidden = bytearray(content[:place] + b"hidden" + content[place:])
    end = hidden.rindex(b"PK\5\6")
    (size, offset) = struct.unpack("<LL", hidden[end + 12 : end + 20])
    if before != b"PK\5\6":  # the directory moves
        hidden[end + 16 : end + 20] = struct.pack("<L", offset + 6)
        if before == b"PK\3\4":  # and with it the last member
            entry = hidden.rindex(b"PK\1\2")
            hidden[entry + 42 : entry + 46] = struct.pack("<L", place + 6)
    with pytest.raises(DataError, match=r"a\.zip: damaged archive"):
        unpacked(tmp_path, bytes(hidden))
