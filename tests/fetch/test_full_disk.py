"""A disk that is full, a tmpfs of 8 MiB: the right line, nothing lost, and on from there when there is room again."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fileserver import md5, serving
from tiny_recipe import run_in

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
    assert full.returncode == 1 and full.stderr.count("\n") == 1, full.stderr
    assert "No space left" in full.stderr and not (data / "feats_logmel40.scp").exists()
    filler.unlink()
    run_in(recipe, *line, check=True)
    assert len((data / "feats_logmel40.scp").read_text().splitlines()) == len(waves) == 8
