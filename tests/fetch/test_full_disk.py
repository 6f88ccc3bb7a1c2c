"""A disk that is full, a tmpfs of 8 MiB: the right line, nothing lost, and on from there when there is room again."""

import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fileserver import md5, serving
from tiny_recipe import run_in

from pysed.errors import DataError
from pysed.fetch.tut import place_member
from pysed.fetch.unpack import unpack

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root"),
]


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path, left: int) -> Path:
    """A file that leaves so many bytes free."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(bytes(free - left))
    return folder / "filler"


def test_fetching_goes_on_from_where_the_disk_was_full(disk, tmp_path, recipe):
    body = np.random.default_rng(3).bytes(3 << 20)
    manifest = tmp_path / "m.yaml"
    filler = fill(disk, 1 << 20)
    with serving() as server:
        server.files = {"a.zip": body}
        # No size is published, so that the check of free disk beforehand cannot see it coming.
        manifest.write_text(
            f"title: Look-alike\nlicence: ''\nunpacked_ratio: 1.5\n"
            f"records: [{{url: '{server.url}', prefix: '', files: [{{name: a.zip, md5: {md5(body)}}}]}}]\n"
        )
        line = ["pysed", "fetch", "corpus", "--manifest", manifest, "--download-dir", disk / "down", disk / "out"]
        full = run_in(recipe, *line)
        part = disk / "down/a.zip.part"
        assert full.returncode == 2 and full.stderr.count("\n") == 1, full.stderr
        assert str(part) in full.stderr and "disk full" in full.stderr
        kept = part.read_bytes()
        assert len(kept) >= 1 << 19 and body.startswith(kept)
        filler.unlink()
        again = run_in(recipe, *line)
        assert server.requests[-1] == ("a.zip", f"bytes={len(kept)}-")
        assert (disk / "down/a.zip").read_bytes() == body
        assert again.returncode == 2 and "damaged archive" in again.stderr  # of random bytes


def zipped(path: Path, num_members: int, size: int) -> dict[str, bytes]:
    """An archive of random files below x/source_data, stored; returns its members as they are unpacked."""
    random = np.random.default_rng(4)
    members = {f"source_data/{number}.wav": random.bytes(size) for number in range(num_members)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"x/{name}", content)
    return members


def unpacked(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("source_data/*")}


def test_unpacking_waits_for_room(disk, tmp_path, recipe):
    archive = tmp_path / "down/a.zip"
    archive.parent.mkdir()
    members = zipped(archive, 3, 1 << 20)
    manifest = tmp_path / "m.yaml"
    files = f"files: [{{name: a.zip, md5: {md5(archive.read_bytes())}}}]"
    manifest.write_text(f"title: Look-alike\nrecords: [{{url: 'http://localhost', prefix: '', {files}}}]\n")
    filler = fill(disk, 2 << 20)
    line = ["pysed", "fetch", "corpus", "--manifest", manifest, "--download-dir", archive.parent, disk / "out"]
    full = run_in(recipe, *line)
    assert full.returncode == 2 and full.stderr.count("\n") == 1, full.stderr
    assert "GB are needed to unpack a.zip" in full.stderr and not unpacked(disk / "out")
    filler.unlink()
    run_in(recipe, *line)
    assert unpacked(disk / "out") == members and archive.exists()


def test_unpacking_goes_on_when_the_disk_fills_up_meanwhile(disk, tmp_path):
    archive = tmp_path / "a.zip"
    members = zipped(archive, 3, 2 << 20)

    def another_process(written: int) -> None:
        if not (disk / "filler").exists():  # room for what is left of the first file and half of the second
            fill(disk, 2 << 20)

    with pytest.raises(DataError) as caught:
        unpack(archive, disk / "out", place_member, progress=another_process)
    kept = unpacked(disk / "out")
    assert str(caught.value).startswith(f"{disk}/out/source_data/") and "No space left" in str(caught.value)
    assert len(kept) == 1 and kept.items() < members.items(), "whole files only, no temporary one"
    (disk / "filler").unlink()
    assert len(unpack(archive, disk / "out", place_member)) == 3 and unpacked(disk / "out") == members


def test_a_feature_stage_goes_on_when_there_is_room_again(disk, tiny_corpus, recipe):
    data = disk / "data"
    data.mkdir()
    waves = sorted(tiny_corpus.glob("source_data/bgs/audio/*.wav"))
    (data / "wav.scp").write_text("".join(f"{wave.stem} {wave}\n" for wave in waves))
    (data / "spk2utt").write_text("".join(f"{wave.stem} {wave.stem}\n" for wave in waves))
    (data / ".done").write_text("made\n")
    filler = fill(disk, 256 << 10)  # room for two of the eight, 96 kB each
    line = ["steps/make_sed_feats.sh", "--nj", 1, data, "logmel40"]
    full = run_in(recipe, *line)
    assert full.returncode == 2 and full.stderr.count("\n") == 1, full.stderr
    assert "No space left" in full.stderr and not (data / "feats_logmel40.scp").exists()
    filler.unlink()
    run_in(recipe, *line, check=True)
    assert len((data / "feats_logmel40.scp").read_text().splitlines()) == len(waves) == 8
