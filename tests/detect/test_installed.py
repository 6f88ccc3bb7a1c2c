"""The package as others get it: what the wheel and the source archive hold, and detection from the wheel in a clean
environment without a compiler."""

import csv
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed import __version__
from pysed.errors import DISTRIBUTION
from pysed.features.frontend import load_frontend

ROOT = Path(__file__).parents[2]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
RATE_HZ = 16000
BURSTS_S = [(4.0, 6.0), (71.5, 72.5)]


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel and the source archive, built with what is installed."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pysed", "models/demo", "models/detectors"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=unwanted)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    environment = {**os.environ, "PYTHONPATH": "", "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "absent from the `packages`" not in done.stdout + done.stderr
    assert f"{DISTRIBUTION.replace('-', '_')}-{__version__}-py3-none-any.whl" in done.stdout
    (wheel,), (source,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return wheel, source


def test_wheel_and_source_archive_hold_the_whole_package(archives):
    """All code, the C sources and the page; the small recogniser as far as detection and pictures use it."""
    wheel, source = archives
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())
    with tarfile.open(source) as opened:
        parts = {member.name.partition("/")[2] for member in opened if member.isfile()}
    package = {path for path in (ROOT / "pysed").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    model = {path for path in (ROOT / "models/demo").rglob("*") if path.is_file() and "lang" not in path.parts}
    model |= {path for path in (ROOT / "models/detectors").glob("*/**/*") if path.is_file()}
    wanted = {path.relative_to(ROOT).as_posix() for path in package if "models" not in path.parts}
    wanted |= {f"pysed/{path.relative_to(ROOT).as_posix()}" for path in model}
    assert len(package) > 200 and len(model) > 10
    assert {name for name in inside if ".dist-info/" not in name} == wanted
    assert wanted <= parts


def interpreter(version: str) -> Path | None:
    """A Python of this version: this one's own, one on PATH, or one of pyenv's."""
    if version == HERE:
        return Path(sys.base_prefix) / "bin" / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = shutil.which(f"python{version}")
    for path in [*([Path(found)] if found else []), *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]:
        if subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return path
    return None


@pytest.fixture(scope="module", params=sorted({HERE, "3.12", "3.13"}))
def installed(request, archives, tmp_path_factory):
    """A clean environment with the wheel and what it asks for, no extra."""
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} here")
    folder = tmp_path_factory.mktemp(f"python{request.param}") / "venv"
    subprocess.run([python, "-m", "venv", folder], check=True)
    # -I: a clone on PYTHONPATH, once built, would count as the package installed.
    pip = [folder / "bin/python", "-I", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    torch = f"torch=={metadata.version('torch').partition('+')[0]}"
    index = ["--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "0", "--timeout", "15"]
    subprocess.run([*pip, "--no-deps", *index, torch], capture_output=True)  # saves gigabytes, where it can be reached
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", archives[0]], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a recording of faint noise with two bursts, and a detector of loudness in it."""
    import torch

    from pysed.detector.checkpoint import FORMAT, save
    from pysed.detector.config import config_from_dict
    from pysed.networks import build_model

    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(90 * RATE_HZ) * 3e-4
    for onset_s, offset_s in BURSTS_S:
        part = slice(round(onset_s * RATE_HZ), round(offset_s * RATE_HZ))
        samples[part] += rng.standard_normal(part.stop - part.start) * 0.1
    soundfile.write(folder / "yard.wav", samples, RATE_HZ, subtype="PCM_16")

    config = config_from_dict({"system": "mlp", "model": "mlp", "context_frames": 0, "dense_layers": 0}, "test")
    model = build_model(config, 40, 0)
    weight, bias = model.parameters()
    with torch.no_grad():
        weight.fill_(1 / 40)
        bias.fill_(0)
    # Between both levels, 50 dB apart: the mean log energy of a frame of 320 values, half of them by the window.
    middle = np.log(160 / 40) + 2 * np.log(32768 * np.sqrt(3e-4 * 0.1))
    shift, scale = torch.full((40,), float(middle)), torch.ones(40)
    content = {
        "format": FORMAT, "config": config.as_dict(), "event": "burst", "state": model.state_dict(),
        "frontend": load_frontend(ROOT / "conf/frontends/logmel40.yaml").as_dict(), "asr": None,
        "normalisation": {"features": {"kind": "standard", "shift": shift, "scale": scale}},
        "t_base": 0.5, "beta": 0.0, "max_gap_s": 0.3, "seed": 1,
    }  # fmt: skip
    (folder / "loudness").mkdir()
    save(folder / "loudness/final.pt", content)
    return folder


def cache(installed: Path, home: Path) -> Path:
    """Where this environment's command keeps what it compiles."""
    return home / f"cache-{installed.parent.name}"


def pysed(installed: Path, home: Path, *arguments: str, gcc: bool = False) -> subprocess.CompletedProcess:
    """Run the installed command where nothing else is on PATH, not even a compiler, unless asked for."""
    path = f"{installed}/bin:{Path(shutil.which('gcc') or '').parent}" if gcc else f"{installed}/bin"
    environment = {"PATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(cache(installed, home))}
    return subprocess.run(
        [installed / "bin/pysed", *arguments], cwd=home, env=environment, capture_output=True, text=True
    )


def rows(done: subprocess.CompletedProcess) -> list[tuple[float, float]]:
    assert done.returncode == 0, done.stderr
    return [
        (float(row["onset"]), float(row["offset"]))
        for row in csv.DictReader(done.stdout.splitlines(), dialect="excel-tab")
    ]


def close(found: list[tuple[float, float]]) -> bool:
    return len(found) == len(BURSTS_S) and np.abs(np.subtract(found, BURSTS_S)).max() <= 0.1001


@pytest.mark.thorough
def test_detection_without_a_compiler(home, installed):
    which = subprocess.run(
        [installed / "bin/python", "-c", "import shutil; print(shutil.which('gcc'), shutil.which('cc'))"],
        env={"PATH": f"{installed}/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert which.stdout == "None None\n"
    done = pysed(installed, home, "detect", "--model", "loudness", "yard.wav")
    assert close(rows(done)), done.stdout
    assert not done.stderr and not cache(installed, home).exists()
    assert pysed(installed, home, "--version").stdout == f"pysed {__version__}\n"


@pytest.mark.thorough
@pytest.mark.parametrize("asr", [None, {"model": "models/demo", "layer": "prefinal-l", "dim": 128}])
def test_networks_and_recogniser_detect_as_in_the_repository(home, installed, asr, tmp_path):
    """With and without a compiler; the recogniser is the one inside the package."""

    make_model(home / tmp_path.name, asr, window_s=10.0)
    command = ["detect", "--model", tmp_path.name, "--threshold", "0.5", "yard.wav"]
    here = subprocess.run([sys.executable, "-m", "pysed", *command], cwd=home, capture_output=True, text=True)
    assert rows(here)
    for gcc in (False, True):
        found = rows(pysed(installed, home, *command, gcc=gcc))
        assert len(found) == len(rows(here)) and np.abs(np.subtract(found, rows(here))).max() <= 0.1001
    if shutil.which("gcc"):
        assert list((cache(installed, home) / "pysed").glob("layers-*.so"))


@pytest.mark.thorough
def test_what_needs_an_extra_says_so(home, installed):
    (home / "list.tsv").write_text("yard.wav\t4.0\t6.0\tburst\n")
    lists = ["--reference", "list.tsv", "--detected", "list.tsv", "--event", "burst"]
    for extra, arguments in (
        ("score", ["score", *lists]),
        ("plot", ["detect", "--model", "loudness", "--plot", "pictures", "yard.wav"]),
    ):
        done = pysed(installed, home, *arguments)
        assert done.returncode == 2 and not done.stdout
        assert len(done.stderr.splitlines()) == 1 and done.stderr.endswith(f"pip install '{DISTRIBUTION}[{extra}]'\n")
