"""Compilation of a C source with gcc on first use; the library is kept in the user's cache."""

import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

# -fno-finite-math-only: what is not a number stays so and is noticed by whoever looks at the result.
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-fPIC", "-Wall")


def load(source: Path, *, threads: bool, define: str | None = None) -> ctypes.CDLL | None:
    """The compiled ``source``; None without a compiler, or where ``PYSED_NATIVE`` is 0: the caller has a plain form.

    ``threads``: built with OpenMP where torch brings its library. ``define``: a macro that the source looks at.
    """
    if os.environ.get("PYSED_NATIVE") == "0" or platform.system() != "Linux" or shutil.which("gcc") is None:
        return None
    try:
        flags = [*FLAGS, *(["-fopenmp"] if threads and _torch_openmp() else []), *([f"-D{define}"] if define else [])]
        name = hashlib.sha256(source.read_bytes() + repr(flags).encode() + _processor().encode()).hexdigest()[:16]
    except OSError:
        return None
    for folder in _cache_folders():
        try:
            path = _built(source, folder / f"{source.stem}-{name}.so", flags)
            if path is not None:
                return ctypes.CDLL(str(path))
        except (OSError, subprocess.SubprocessError):  # a folder from which nothing may be loaded, a broken compiler
            continue
    return None


def _cache_folders() -> list[Path]:
    """Where the library may lie: the user's cache, then a folder of the user's own among the temporary files."""
    folders = [Path(tempfile.gettempdir()) / f"pysed-{os.getuid()}"]
    with contextlib.suppress(RuntimeError):  # a user without a home
        folders.insert(0, Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pysed")
    return folders


def _processor() -> str:
    """What -march=native depends on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return platform.machine() + next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _torch_openmp() -> bool:
    """Make torch's own OpenMP library's symbols global: one pool of threads, not two that spin against each other."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        path = line.split(maxsplit=5)[-1]
        if any(name in Path(path).name for name in ("libgomp", "libiomp5", "libomp")):
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
            return True
    return False


def _built(source: Path, path: Path, flags: list[str]) -> Path | None:
    """Compile to ``path`` unless it is there; None where the folder cannot be written or others may write to it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    if not _only_ours(path.parent):
        return None
    if not path.exists():
        try:
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                # Linked without -fopenmp and -ffast-math: the one would bring a second OpenMP library, the other
                # start-up code that changes the whole process's arithmetic.
                made = Path(folder, "native.o"), Path(folder, "native.so")
                for command in (
                    ["gcc", *flags, "-c", str(source), "-o", str(made[0])],
                    ["gcc", "-shared", str(made[0]), "-o", str(made[1])],
                ):
                    subprocess.run(command, check=True, capture_output=True, timeout=120)
                os.replace(made[1], path)
        except OSError:
            return None
    return path


def _only_ours(folder: Path) -> bool:
    """Whether nobody but this user can have put there what is loaded from there."""
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
