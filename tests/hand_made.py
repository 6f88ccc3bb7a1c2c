"""A data directory made by hand, and digests of what stages leave."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import soundfile


def data_directory(folder: Path, corpus: Path, num_recordings: int = 2) -> Path:
    """Recordings of three seconds in Kaldi's files, marked as done by hand."""
    samples, rate_hz = soundfile.read(next(iter(sorted(corpus.glob("source_data/bgs/audio/*.wav")))))
    (folder / "audio").mkdir(parents=True)
    names = [f"r{index}" for index in range(num_recordings)]
    for index, name in enumerate(names):
        soundfile.write(folder / f"audio/{name}.wav", samples[index * rate_hz : (index + 3) * rate_hz], rate_hz)
    (folder / "wav.scp").write_text("".join(f"{name} {folder}/audio/{name}.wav\n" for name in names))
    for file in ("spk2utt", "utt2spk"):
        (folder / file).write_text("".join(f"{name} {name}\n" for name in names))
    (folder / ".done").write_text("x\n")
    return folder


def contents(folder: Path, *patterns: str) -> dict[str, str]:
    """Digest of every file below a folder that fits a pattern."""
    paths = sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def times(folder: Path, *patterns: str) -> dict[str, int]:
    """When every such file was written."""
    paths = sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def left_over(folder: Path) -> list[Path]:
    """Temporaries below a folder."""
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


def start(folder: Path, *command: object, **environment: str) -> subprocess.Popen:
    """Start a command of the recipe in a session of its own, both outputs in one pipe."""
    given = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1", **environment}
    given["PATH"] = f"{Path(sys.executable).parent}:{given['PATH']}"
    words = [str(word) for word in command]
    return subprocess.Popen(
        words, cwd=folder, env=given, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes whose working directory is the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.path.realpath(path / "cwd") == os.path.realpath(folder):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if line]


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Until it holds; an error when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def kill(run: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process alone, as ``kill PID`` does, and wait for its end."""
    run.send_signal(number)
    run.wait(timeout=60)
    if run.stdout:
        run.stdout.close()
