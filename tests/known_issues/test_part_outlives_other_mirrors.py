"""A half-fetched archive was thrown away by a mirror that answered with something else, or with a shorter file."""

import hashlib

import pytest
from fileserver import serving

from pysed.errors import DataError
from pysed.fetch.download import fetch_file
from pysed.fetch.manifest import RemoteFile

DATA = bytes(range(256)) * 400
PART = DATA[:90_000]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("other", [b"<html>please log in</html>", DATA[:50_000]])
def test_the_part_is_kept(tmp_path, ranges, other):
    part = tmp_path / "a.zip.part"
    part.write_bytes(PART)
    with serving() as mirror, serving() as main:
        mirror.files["a.zip"], mirror.ranges = other, ranges
        remote = RemoteFile("a.zip", f"{main.url}/a.zip", size=len(DATA), md5=hashlib.md5(DATA).hexdigest())
        with pytest.raises(DataError):
            fetch_file(remote, tmp_path, (mirror.url,), wait_s=0.01)
        assert part.read_bytes() == PART
        main.files["a.zip"] = DATA
        assert fetch_file(remote, tmp_path, (mirror.url,), wait_s=0.01).read_bytes() == DATA
        assert main.requests[-1] == ("a.zip", f"bytes={len(PART)}-")
