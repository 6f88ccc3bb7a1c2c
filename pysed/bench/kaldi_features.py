"""Speed of compute-mfcc-feats, compute-fbank-feats and the tables: an hour of audio, one process and one per core."""

import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from pysed.kaldi.tables import TableWriter, matrices

_CLIP_S = 30
_NUM_CLIPS = 120
_HIRES = ["--num-mel-bins=40", "--num-ceps=40", "--use-energy=false", "--low-freq=20", "--high-freq=-400"]
_CASES = (
    ("compute-mfcc-feats, 40 cepstra", "compute-mfcc-feats", [*_HIRES, "--dither=0"], 16000),
    ("the same with dither", "compute-mfcc-feats", _HIRES, 16000),
    ("the same from 44.1 kHz", "compute-mfcc-feats", [*_HIRES, "--dither=0", "--allow-downsample=true"], 44100),
    ("compute-fbank-feats, 40 bins", "compute-fbank-feats", ["--num-mel-bins=40", "--dither=0"], 16000),
)


def _write_clips(folder: Path, rate_hz: int) -> Path:
    noise = 1000 * np.random.default_rng(0).standard_normal(rate_hz * _CLIP_S)
    with wave.open(str(folder / f"{rate_hz}.wav"), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(rate_hz)
        clip.writeframes(noise.astype("<i2").tobytes())
    script = folder / f"{rate_hz}.scp"
    script.write_text("".join(f"clip{i:03d} {folder}/{rate_hz}.wav\n" for i in range(_NUM_CLIPS)))
    return script


def _run(folder: Path, command: str, options: list[str], script: Path, num_jobs: int) -> float:
    """Seconds for ``num_jobs`` processes of one thread, an hour of audio each, start-up included."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "pysed.kaldi", command, *options, f"scp:{script}", f"ark:{folder}/{job}.ark"],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for job in range(num_jobs)
    ]
    if any(job.wait() for job in jobs):
        raise RuntimeError(f"{command} failed")
    return time.perf_counter() - start


def main() -> None:
    """Print the tables as Markdown."""
    num_cores = len(os.sched_getaffinity(0))
    hours = _CLIP_S * _NUM_CLIPS / 3600
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"| command | hours a minute, 1 process | hours a minute, {num_cores} processes |\n|---|---|---|")
        for title, command, options, rate_hz in _CASES:
            script = _write_clips(folder, rate_hz)
            rates = [n * hours / _run(folder, command, options, script, n) * 60 for n in (1, num_cores)]
            print(f"| {title} | {rates[0]:.0f} | {rates[1]:.0f} |", flush=True)
        value = np.zeros((3000, 256), np.float32)
        start = time.perf_counter()
        with TableWriter(f"ark,scp:{folder}/a.ark,{folder}/a.scp", "matrix") as table:
            for index in range(200):
                table.write(f"utt{index}", value)
        seconds = [time.perf_counter() - start]
        for specifier in (f"ark:{folder}/a.ark", f"scp:{folder}/a.scp", f"ark:cat {folder}/a.ark |"):
            start = time.perf_counter()
            if sum(len(matrix) for _, matrix in matrices(specifier)) != 200 * len(value):
                raise RuntimeError(f"{specifier}: rows are missing")
            seconds.append(time.perf_counter() - start)
    print("\n| table of 3 MB matrices | GB/s |\n|---|---|")
    for title, duration in zip(("write", "read archive", "read by script", "read from a pipe"), seconds, strict=True):
        print(f"| {title} | {200 * value.nbytes / duration / 1e9:.1f} |")
