"""The compiled code and the plain path, as tests choose them."""

import platform
import shutil

import pytest
import torch

from pysed.native import building, libraries
from pysed.networks import compiled_layers

#: One target with the processor's own instructions, one that every processor of the last ten years has: the vectors of
#: layers.c are wider than the latter's registers, so the compiler splits them, and the results have to be the same.
TARGETS = {"native": None, "baseline": {"x86_64": "-march=x86-64"}.get(platform.machine(), "-march=armv8-a")}


@pytest.fixture(scope="session", params=list(TARGETS))
def compiled_library(request, tmp_path_factory):
    """As compiled_layers.library(), layers.c compiled for a target, kept out of the user's cache."""
    if shutil.which("gcc") is None or platform.system() != "Linux":
        pytest.skip("no gcc: only the plain path exists here")
    target = TARGETS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("PYSED_NATIVE", raising=False)
        if target:
            flags = tuple(target if flag == "-march=native" else flag for flag in building.FLAGS)
            assert flags != building.FLAGS
            patch.setattr(building, "FLAGS", flags)
        found = {getattr(torch, maps): libraries.layers.__wrapped__(maps) for maps in ("bfloat16", "float32")}
    assert all(found.values()), "gcc is here, but layers.c did not compile or load"
    return found.get


@pytest.fixture
def compiled(compiled_library, monkeypatch):
    """The test runs on the compiled code."""
    monkeypatch.setattr(compiled_layers, "library", compiled_library)
    return compiled_library


@pytest.fixture
def plain(monkeypatch):
    """The test runs on plain torch, as without a compiler."""
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers, whichever ran before."""
    torch.manual_seed(7)
