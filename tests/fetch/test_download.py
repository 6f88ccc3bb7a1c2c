"""Downloads that break off, arrive wrong or are not there, against a server on this machine."""

import fcntl
import resource

import numpy as np
import pytest
from fileserver import md5, serving

from pysed.errors import DataError
from pysed.fetch.download import fetch_file
from pysed.fetch.manifest import RemoteFile

BODY = np.random.default_rng(3).bytes(3_000_000)


@pytest.fixture
def server():
    with serving() as server:
        yield server


def remote_of(server, body=BODY, **changes):
    server.files["a.zip"] = body
    return RemoteFile(**{"name": "a.zip", "url": f"{server.url}/a.zip", "size": len(BODY), "md5": md5(BODY), **changes})


def fetch(remote, folder, **options):
    return fetch_file(remote, folder, wait_s=0.001, **options)


def test_a_file_arrives_whole_and_under_its_name_only(server, tmp_path):
    told = []
    path = fetch(remote_of(server), tmp_path / "new", progress=told.append)
    assert path.read_bytes() == BODY and sum(told) == len(BODY)
    assert [file.name for file in path.parent.iterdir()] == ["a.zip"]
    assert fetch(remote_of(server), tmp_path / "new") == path and len(server.requests) == 1, "it is there already"


def test_a_cut_connection_goes_on_where_it_broke_off(server, tmp_path):
    remote, told = remote_of(server), []
    server.cuts = [1_200_000, 700_000]
    assert fetch(remote, tmp_path, progress=told.append).read_bytes() == BODY
    assert [wanted for _, wanted in server.requests] == [None, "bytes=1200000-", "bytes=1900000-"]
    assert sum(told) == len(BODY)


def test_without_ranges_it_starts_again(server, tmp_path):
    remote, told = remote_of(server), []
    server.cuts, server.ranges = [1_200_000], False
    assert fetch(remote, tmp_path, progress=told.append).read_bytes() == BODY
    assert sum(told) == len(BODY)


def test_a_part_outlives_the_process_and_is_completed_by_the_next(server, tmp_path):
    remote = remote_of(server)
    server.cuts = [1_000_000, 0, 0]
    with pytest.raises(DataError, match=r"cut at 1000000 of 3000000 bytes.*a\.zip\.part is kept"):
        fetch(remote, tmp_path, attempts=3)
    assert (tmp_path / "a.zip.part").stat().st_size == 1_000_000
    assert fetch(remote, tmp_path).read_bytes() == BODY
    assert server.requests[-1][1] == "bytes=1000000-"


def test_server_errors_are_tried_again(server, tmp_path):
    remote = remote_of(server)
    server.statuses = [503, 429, 500]
    assert fetch(remote, tmp_path).read_bytes() == BODY


def test_missing_file_says_address_and_leaves_nothing(server, tmp_path):
    remote = RemoteFile("b.zip", f"{server.url}/b.zip", 5, "0" * 32)
    with pytest.raises(DataError, match=r"b\.zip: HTTP 404 .*PYSED_MIRROR.*--download-dir"):
        fetch(remote, tmp_path)
    assert not list(tmp_path.iterdir())


def test_wrong_checksum_is_named_and_not_kept(server, tmp_path):
    other = BODY[:-1] + bytes([BODY[-1] ^ 1])
    remote = remote_of(server, other)
    with pytest.raises(DataError, match=rf"md5 {md5(other)}; expected {md5(BODY)}"):
        fetch(remote, tmp_path)
    assert not list(tmp_path.iterdir())


def test_wrong_beginning_of_an_older_run_is_thrown_away(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(b"x" * 1_000_000)
    assert fetch(remote_of(server), tmp_path).read_bytes() == BODY
    assert [wanted for _, wanted in server.requests] == ["bytes=1000000-", None]


def test_a_part_that_is_complete_or_too_long(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY)
    assert fetch(remote_of(server), tmp_path).read_bytes() == BODY and not server.requests
    (tmp_path / "a.zip").unlink()
    (tmp_path / "a.zip.part").write_bytes(BODY + b"more")
    assert fetch(remote_of(server), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("body", [BODY[:-5], BODY + b"more"])
def test_wrong_size_is_refused_before_the_transfer(server, tmp_path, body):
    with pytest.raises(DataError, match=f"{len(body)} bytes; expected {len(BODY)}"):
        fetch(remote_of(server, body), tmp_path)


def test_mirrors_come_first_and_the_address_after_them(server, tmp_path):
    remote = remote_of(server, url="http://127.0.0.1:9/a.zip")
    assert fetch(remote, tmp_path, mirrors=(server.url,)).read_bytes() == BODY
    (tmp_path / "a.zip").unlink()
    remote = remote_of(server)
    assert fetch(remote, tmp_path, mirrors=("http://127.0.0.1:9/x",), attempts=2).read_bytes() == BODY


def test_without_published_size_and_checksum_the_announced_size_counts(server, tmp_path):
    remote = remote_of(server, size=None, md5=None)
    server.cuts = [1_000_000]
    assert fetch(remote, tmp_path).read_bytes() == BODY


def test_files_that_are_there_and_wrong_are_kept_and_named(server, tmp_path):
    path = tmp_path / "a.zip"
    for content, words in ((b"short", "5 bytes; expected 3000000"), (b"x" * len(BODY), "expected " + md5(BODY))):
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            fetch(remote_of(server), tmp_path)
        assert path.read_bytes() == content and not server.requests


def test_two_processes_do_not_write_one_part(server, tmp_path):
    with open(tmp_path / "a.zip.part", "ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is fetching it"):
            fetch(remote_of(server), tmp_path)


def test_a_disk_that_takes_no_more_keeps_what_it_has(server, tmp_path):
    """A limit on the size of files stands for the full disk: the write stops short in the same way."""
    remote, (soft, hard) = remote_of(server), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    try:
        with pytest.raises(DataError, match=r"a\.zip\.part: .*run again: it goes on from there"):
            fetch(remote, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "a.zip.part").stat().st_size == 1_500_000
    assert fetch(remote, tmp_path).read_bytes() == BODY and server.requests[-1][1] == "bytes=1500000-"
