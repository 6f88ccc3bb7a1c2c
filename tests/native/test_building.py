"""How the C sources are compiled: once, whole, in the user's own folder; without a compiler everything still runs."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest
import torch

from pysed.native import libraries
from pysed.networks import compiled_layers

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: nothing is compiled here")

PROBE = """
import torch
from pysed.networks import build_model
from pysed.networks.compiled_layers import library
from pysed.detector.config import config_from_dict
torch.manual_seed(0)
keys = dict(system="s", channels=32, temporal_hidden=8, gru_hidden=4, dropout=0.0)
model = build_model(config_from_dict(keys, "test"), 40)
model.bfloat16_maps = True
model(torch.randn(1, 8, 40)).sum().backward()
print(library() is not None, float(model.conv1.weight.grad.abs().sum()) > 0)
"""


def start(tmp_path, **changes) -> subprocess.Popen:
    """A process that runs a training step and says whether it had the compiled code."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path), **changes}
    environment = {name: value for name, value in environment.items() if name != "PYSED_NATIVE" or name in changes}
    return subprocess.Popen([sys.executable, "-c", PROBE], env=environment, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen) -> str:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return out.strip()


@pytest.fixture(scope="module")
def built_by_two(tmp_path_factory):
    """What two processes at once say, and where they build."""
    place = tmp_path_factory.mktemp("two")
    both = [start(place) for _ in range(2)]
    return [result(process) for process in both], place


@needs_gcc
def test_two_processes_build_at_once(built_by_two):
    said, place = built_by_two
    assert said == ["True True"] * 2
    folder = place / "cache/pysed"
    assert [path.suffix for path in folder.iterdir()] == [".so"] * 2  # for either kind of maps, nothing half-made
    assert folder.stat().st_mode & 0o077 == 0


def test_without_a_compiler(tmp_path):
    (tmp_path / "bin").mkdir()
    assert result(start(tmp_path, PATH=str(tmp_path / "bin"))) == "False True"
    assert not (tmp_path / "cache").exists()


def test_a_broken_compiler(tmp_path):
    (tmp_path / "bin").mkdir()
    gcc = tmp_path / "bin/gcc"
    gcc.write_text("#!/bin/sh\necho 'internal compiler error' >&2\nexit 1\n")
    gcc.chmod(0o755)
    assert result(start(tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")) == "False True"
    assert not list(tmp_path.rglob("*.so"))


def test_switched_off(monkeypatch):
    monkeypatch.setenv("PYSED_NATIVE", "0")
    assert libraries.layers.__wrapped__() is None


@needs_gcc
def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("PYSED_NATIVE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made under a file
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert libraries.layers.__wrapped__() is not None
    built = list(tmp_path.rglob("*.so"))
    assert [path.parent for path in built] == [tmp_path / f"pysed-{os.getuid()}"]
    # What lies there is taken, not compiled anew.
    before = built[0].stat().st_mtime_ns
    assert libraries.layers.__wrapped__() is not None
    assert built[0].stat().st_mtime_ns == before


@needs_gcc
def test_nothing_is_loaded_from_a_folder_others_may_write_to(tmp_path, monkeypatch):
    monkeypatch.delenv("PYSED_NATIVE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for folder in (tmp_path / "cache/pysed", tmp_path / f"pysed-{os.getuid()}"):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    assert libraries.layers.__wrapped__() is None
    assert not list(tmp_path.rglob("*.so"))


@needs_gcc
def test_a_damaged_library_is_passed_over(tmp_path, built_by_two):
    shutil.copytree(built_by_two[1] / "cache", tmp_path / "cache")
    built = set(tmp_path.rglob("*.so"))
    for path in built:
        path.write_bytes(b"not a library")
    assert result(start(tmp_path)) == "True True"
    now = set(tmp_path.rglob("*.so"))
    assert len(built) == 2 and built < now and len(now) == 4


def test_other_devices_take_the_plain_path(monkeypatch):
    monkeypatch.setattr(compiled_layers, "library", lambda maps: object())
    assert not compiled_layers.usable(torch.empty(1, device="meta"))
    assert compiled_layers.usable(torch.empty(1))
