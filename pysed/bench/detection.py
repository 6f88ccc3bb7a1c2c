"""From an hour-long wav to events by ``pysed detect``, beside the forward pass of PANNs' CNN14 on as much sound.

One core and processor time. CNN14 has random weights and the published shape (Kong et al. 2020, PANNs, table 1): its
log-mel features are taken as given, so the comparison is in its favour.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn
from torch.nn import functional

from pysed.bench.systems import prepare
from pysed.features.of_samples import RATE_HZ

_SYSTEMS = "cbrnn", "gradual"
_HOUR_S, _SHORT_S = 3600, 2
_CLIP_S, _NUM_CLIPS = 10, 3  # of CNN14
_REPEATS = 3
_ARCHIVE_FILES, _FILE_S = 120, 60
_CHANNELS = 1, 64, 128, 256, 512, 1024, 2048
_BINS, _FRAMES_A_SECOND, _CLASSES = 64, 100, 527  # 32 kHz, a frame every 320 samples


class Cnn14(nn.Module):
    """Log-mel features (B, 1, T, 64) -> probabilities (B, 527)."""

    def __init__(self) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm2d(_BINS)
        self.blocks = nn.ModuleList(
            nn.Sequential(*_convolution(before, after), *_convolution(after, after))
            for before, after in zip(_CHANNELS, _CHANNELS[1:], strict=False)
        )
        self.hidden = nn.Linear(_CHANNELS[-1], _CHANNELS[-1])
        self.classes = nn.Linear(_CHANNELS[-1], _CLASSES)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, 1, T, 64) -> (B, 527)."""
        maps = self.first_norm(rows.transpose(1, 3)).transpose(1, 3)  # each bin by itself
        for block in self.blocks:
            maps = block(maps)
            if block is not self.blocks[-1]:
                maps = functional.avg_pool2d(maps, 2)
        maps = maps.mean(dim=3)  # (B, C, T / 32, 2) -> (B, C, T / 32)
        return torch.sigmoid(self.classes(functional.relu(self.hidden(maps.amax(dim=2) + maps.mean(dim=2)))))


def _convolution(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def cnn14_seconds() -> float:
    """Processor time for an hour of sound: that of a few clips of ten seconds, taken as often as they go into it."""
    model = Cnn14().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    clip = torch.randn(1, 1, _CLIP_S * _FRAMES_A_SECOND + 1, _BINS)
    with torch.inference_mode():
        return _least(lambda: model(clip), _NUM_CLIPS) * _HOUR_S / _CLIP_S


def _least(function: Callable[[], object], repeats: int) -> float:
    function()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def command_seconds(model: Path, wav: Path) -> tuple[float, float]:
    """Processor time of ``pysed detect`` on a file, start-up included, the least of a few; and its memory, MiB."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pysed", "detect", "--model", str(model), str(wav)]
    seconds, peak_kib = [], 0
    for _ in range(_REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        peak_kib = after.ru_maxrss
    return min(seconds), peak_kib / 1024


def archive_rate(model: Path, wav: Path, jobs: int) -> float:
    """Hours of sound a minute of an archive of many such files, by the time of day, start-up included."""
    archive = wav.parent / f"archive{jobs}"
    archive.mkdir()
    for number in range(_ARCHIVE_FILES):
        (archive / f"{number:03d}.wav").symlink_to(wav)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pysed", "detect", "--model", str(model), "--jobs", str(jobs), str(archive)]
    start = time.monotonic()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _ARCHIVE_FILES * _FILE_S / 3600 / ((time.monotonic() - start) / 60)


def write_noise(path: Path, seconds: int) -> Path:
    """A wav file of 16 bits."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for _ in range(seconds):
            file.write(rng.normal(0, 0.05, RATE_HZ).astype(np.float32))
    return path


def main() -> None:
    """Print the table as Markdown."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        other_s = cnn14_seconds()
    finally:
        torch.set_num_threads(threads)
    print("An hour of sound on one core, processor time:\n")
    rates = []
    print("| | start-up, s | the rest, s | times real time | with start-up | CNN14's time over it | memory, MiB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for system in _SYSTEMS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with redirect_stdout(sys.stderr):
                prepare(system, folder, train=True)
            short_s, _ = command_seconds(folder, write_noise(folder / "short.wav", _SHORT_S))
            all_s, peak_mib = command_seconds(folder, write_noise(folder / "hour.wav", _HOUR_S))
            minute = write_noise(folder / "minute.wav", _FILE_S)
            rates.append((system, *(archive_rate(folder, minute, jobs) for jobs in (1, 2))))
        rest_s = all_s - short_s
        row = [f"`pysed detect`, {system}", f"{short_s:.1f}", f"{rest_s:.1f}", f"{_HOUR_S / rest_s:.0f}"]
        row += [f"{_HOUR_S / all_s:.0f}", f"{other_s / all_s:.0f}", f"{peak_mib:.0f}"]
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"| CNN14, forward pass alone | | {other_s:.0f} | {_HOUR_S / other_s:.1f} | | 1 | |", flush=True)
    print(f"\n{_ARCHIVE_FILES} files of {_FILE_S} s, by the time of day, start-up included:\n")
    print("| `pysed detect` | hours a minute, 1 process | 2 processes |\n|---|---|---|")
    for each, one, two in rates:
        print(f"| {each} | {one:.1f} | {two:.1f} |", flush=True)
