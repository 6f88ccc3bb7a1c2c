"""Archives that try to leave their folder, fill the disk or are damaged; and those that are as they should be."""

import io
import stat
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest

from pysed.errors import DataError
from pysed.fetch.tut import place_member
from pysed.fetch.unpack import require_disk, size_limit, unpack


def make_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_files_go_where_they_are_placed(make, tmp_path):
    members = [
        ("TUT/data/source_data/bgs/audio/a.wav", b"sound"),
        ("TUT/data/mixture_data/evaltest/0/meta/x.csv", b"x"),
        ("TUT/README.md", b"read"),
        ("__MACOSX/TUT/data/source_data/bgs/audio/._a.wav", b"junk"),
    ]
    told = []
    written = unpack(make(tmp_path / "a.zip", members), tmp_path / "out", place_member, progress=told.append)
    expected = ["doc/TUT/README.md", "mixture_data/evaltest/0/meta/x.csv", "source_data/bgs/audio/a.wav"]
    assert files_in(tmp_path / "out") == expected and len(written) == 3 and sum(told) == 10


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "..\\out.txt", "C:/out.txt"])
def test_names_that_lead_outside_are_refused_before_anything_is_written(make, name, tmp_path):
    archive = make(tmp_path / "a.zip", [("fine.txt", b"1"), (name, b"2")])
    with pytest.raises(DataError, match="leads outside the folder"):
        unpack(archive, tmp_path / "deep" / "out")
    assert files_in(tmp_path) == ["a.zip"]


def link_in_zip(path):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return make_zip(path, [(info, "/etc/passwd")])


def link_in_tar(path, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    return make_tar(path, [(info, b"")])


@pytest.mark.parametrize(
    "make",
    [link_in_zip, link_in_tar, lambda p: link_in_tar(p, tarfile.LNKTYPE), lambda p: link_in_tar(p, tarfile.FIFOTYPE)],
)
def test_links_and_devices_are_refused(make, tmp_path):
    with pytest.raises(DataError, match="link or device"):
        unpack(make(tmp_path / "a"), tmp_path / "out")
    assert files_in(tmp_path) == ["a"]


def test_links_that_stand_in_the_folder_are_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(DataError, match="leads outside"):
        unpack(make_zip(tmp_path / "a.zip", [("sub/x", b"1")]), tmp_path / "out")
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_bombs_are_refused_by_what_they_declare(make, tmp_path):
    archive = make(tmp_path / "a", [("zeros", bytes(2_000_000))])
    with pytest.raises(DataError, match="more than the 1000000 bytes"):
        unpack(archive, tmp_path / "out", limit=1_000_000)
    assert files_in(tmp_path) == ["a"] and size_limit(archive) == 1 << 30


def test_a_bomb_that_declares_less_than_it_holds(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("zeros", bytes(500_000))], compression=zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace((500_000).to_bytes(4, "little"), (5).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"a\.zip"):
        unpack(path, tmp_path / "out")
    assert not files_in(tmp_path / "out")


def test_twice_the_same_name(tmp_path):
    with pytest.warns(UserWarning), pytest.raises(DataError, match="stands twice"):
        unpack(make_zip(tmp_path / "a.zip", [("x", b"1"), ("x", b"2")]), tmp_path / "out")
    with pytest.raises(DataError, match="stands twice"):
        unpack(make_zip(tmp_path / "b.zip", [("x", b"1"), ("y", b"2")]), tmp_path / "out", lambda _: PurePosixPath("z"))


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:60] + b"\xff\x13" * 20 + b[100:], lambda b: b""]
)
def test_damaged_archives_say_so(make, damage, tmp_path):
    path = make(tmp_path / "a", [(f"file{i}", bytes(range(256)) * 20) for i in range(4)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="damaged archive"):
        unpack(path, tmp_path / "out")


def test_too_little_disk_is_said_before(tmp_path):
    with pytest.raises(DataError, match=r"GB free; 1000000000\.0 GB are needed to look"):
        require_disk(tmp_path / "not" / "there", 10**18, "look")
