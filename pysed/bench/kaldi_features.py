"""Speed of Kaldi's commands from wav to alignments, one process and one per core, and of the tables.

One process is measured by its processor time, in which other programs hardly count, several by the time of day.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from pysed.kaldi.nnet3.random_model import write_random_model
from pysed.kaldi.random_extractor import write_random_extractor
from pysed.kaldi.tables import TableWriter, matrices

_MODEL = Path(__file__).resolve().parents[2] / "models/demo"
_CLIP_S = 30
_NETWORK_CLIPS = 10
_HIRES = ("--num-mel-bins=40", "--num-ceps=40", "--use-energy=false", "--low-freq=20", "--high-freq=-400")
_CHUNKS = ("--frame-subsampling-factor=3", "--frames-per-chunk=150", "--online-ivector-period=10")


@dataclass(frozen=True)
class _Case:
    """``arguments``: {n} stands for the number of clips a process gets, its output is added. Clips are of 30 s."""

    title: str
    command: str
    arguments: tuple[str, ...]
    num_clips: int = 120


def _babble(rate_hz: int) -> np.ndarray:
    """Half a minute of something like speech, int16: voiced and unvoiced sounds of changing formants, and pauses."""
    rng = np.random.default_rng(0)
    parts: list[np.ndarray] = []
    while sum(part.size for part in parts) < rate_hz * _CLIP_S:
        size = int(rate_hz * rng.uniform(0.05, 0.25))
        kind = rng.choice(["voiced", "unvoiced", "pause"], p=[0.6, 0.25, 0.15])
        sound = rng.standard_normal(size) * (0.01 if kind == "pause" else 0.3)
        if kind == "voiced":
            sound *= 0.1
            sound[:: int(rate_hz / rng.uniform(90, 220))] += 8.0
        low = 300 if kind == "voiced" else 2000
        for formant_hz in np.sort(rng.uniform(low, low + 2500, 3)):
            pole = np.exp(-np.pi * 120 / rate_hz + 2j * np.pi * formant_hz / rate_hz)
            sound = lfilter([1 - abs(pole)], [1, -2 * pole.real, abs(pole) ** 2], sound)
        parts.append(sound / (np.abs(sound).max() + 1e-3) * (50 if kind == "pause" else 8000))
    return np.concatenate(parts)[: rate_hz * _CLIP_S].astype("<i2")


def _write_clips(folder: Path, rate_hz: int) -> None:
    """``folder``/<rate>.scp: the same clip under many names."""
    with wave.open(f"{folder}/{rate_hz}.wav", "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(rate_hz)
        clip.writeframes(_babble(rate_hz).tobytes())
    Path(folder, f"{rate_hz}.scp").write_text("".join(f"clip{i:03d} {folder}/{rate_hz}.wav\n" for i in range(120)))


def _cases(folder: Path) -> Iterator[_Case]:
    """The commands, with what they need written to ``folder`` before each."""
    for rate_hz in (16000, 44100):
        _write_clips(folder, rate_hz)
    wavs = f"scp:head -n {{n}} {folder}/16000.scp |"
    yield _Case("compute-mfcc-feats, 40 cepstra", "compute-mfcc-feats", (*_HIRES, "--dither=0", wavs))
    yield _Case("the same with dither", "compute-mfcc-feats", (*_HIRES, wavs))
    other = wavs.replace("16000", "44100")
    yield _Case(
        "the same from 44.1 kHz", "compute-mfcc-feats", (*_HIRES, "--dither=0", "--allow-downsample=true", other)
    )
    yield _Case("compute-fbank-feats, 40 bins", "compute-fbank-feats", ("--num-mel-bins=40", "--dither=0", wavs))

    _once(
        "compute-mfcc-feats",
        *_HIRES,
        "--dither=0",
        wavs.format(n=120),
        f"ark,scp:{folder}/feats.ark,{folder}/feats.scp",
    )
    Path(folder, "spk2utt").write_text("".join(f"clip{i:03d} clip{i:03d}\n" for i in range(120)))
    feats, speakers = f"scp:head -n {{n}} {folder}/feats.scp |", f"ark:head -n {{n}} {folder}/spk2utt |"
    settings = folder / "ivector.conf"
    options = (_MODEL / "conf/ivector.conf").read_text().splitlines()
    files = {"lda-matrix": "final.mat", "global-cmvn-stats": "global_cmvn.stats", "diag-ubm": "final.dubm"}
    files |= {"ivector-extractor": "final.ie", "cmvn-config": "online_cmvn.conf", "splice-config": "splice.conf"}
    options += [f"--{option}={_MODEL}/extractor/{file}" for option, file in files.items()]
    settings.write_text("\n".join(options) + "\n")
    table = f"scp:{folder}/feats.scp"
    small = "ivector-extract-online2, the demo model"
    yield _Case(small, "ivector-extract-online2", (f"--config={settings}", speakers, table))
    large = write_random_extractor(folder / "extractor")
    title = "ivector-extract-online2, of the LibriSpeech model's size"
    yield _Case(title, "ivector-extract-online2", (f"--config={large}", "--posterior-scale=0.1", speakers, table))

    write_random_model(folder / "large.mdl")
    for name, config in (("demo", settings), ("large", large)):
        target = f"ark,scp:{folder}/{name}.iv,{folder}/{name}.iv.scp"
        _once("ivector-extract-online2", f"--config={config}", speakers.format(n=_NETWORK_CLIPS), table, target)
    _once("nnet3-am-copy", "--raw=true", f"{folder}/large.mdl", f"{folder}/large.raw")
    layer = f"nnet3-copy --nnet-config='echo output-node name=output input=prefinal-l |' {folder}/large.raw - |"
    given = f"--online-ivectors=scp:{folder}/large.iv.scp"
    yield _Case(
        "nnet3-compute, pre-final layer, of that size", "nnet3-compute", (*_CHUNKS, given, layer, feats), _NETWORK_CLIPS
    )
    given = f"--online-ivectors=scp:{folder}/demo.iv.scp"
    decoded = (*_CHUNKS, given, "--acoustic-scale=1.0", f"{_MODEL}/final.mdl", f"{_MODEL}/graph/HCLG.fst", feats)
    yield _Case("nnet3-latgen-faster, the demo model and graph", "nnet3-latgen-faster", decoded, _NETWORK_CLIPS)


def _start(command: str, *arguments: str) -> subprocess.Popen:
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    path = f"{Path(__file__).resolve().parents[2]}/utils/kaldi:{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "pysed.kaldi", command, *arguments],
        env={**os.environ, **threads, "PATH": path},
        stderr=subprocess.DEVNULL,
    )


def _once(command: str, *arguments: str) -> None:
    if _start(command, *arguments).wait():
        raise RuntimeError(f"{command} failed")


def _processor_time() -> float:
    """Seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _seconds(folder: Path, case: _Case, num_jobs: int) -> float:
    """For ``num_jobs`` processes of one thread, each with all the clips, start-up included."""
    arguments = [argument.format(n=case.num_clips) for argument in case.arguments]
    clock = _processor_time if num_jobs == 1 else time.perf_counter
    start = clock()
    jobs = [_start(case.command, *arguments, f"ark:{folder}/out.{job}") for job in range(num_jobs)]
    if any([job.wait() for job in jobs]):
        raise RuntimeError(f"{case.command} failed")
    return clock() - start


def main() -> None:
    """Print the tables as Markdown."""
    num_cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"| command | hours a minute, 1 process | hours a minute, {num_cores} processes |\n|---|---|---|")
        for case in _cases(folder):
            hours = _CLIP_S * case.num_clips / 3600
            rates = [n * hours / _seconds(folder, case, n) * 60 for n in (1, num_cores)]
            print(f"| {case.title} | {rates[0]:.1f} | {rates[1]:.1f} |", flush=True)
        _tables(folder)


def _tables(folder: Path) -> None:
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
