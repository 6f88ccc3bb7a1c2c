"""A tiny corpus, and running the recipe's commands on it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import yaml


def run_in(folder: Path, *command: object, check: bool = False, seconds: float = 900) -> subprocess.CompletedProcess:
    """Run a command in a folder with this interpreter's environment; both outputs are captured as text."""
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds
    )
    if check and done.returncode:
        raise AssertionError(f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def write_corpus(folder: Path, rate_hz: int = 16000, seed: int = 5) -> Path:
    """A tiny corpus in the TUT layout: chirps (babycry) and clicks (knock) over coloured noise, 30 s backgrounds."""
    rng = np.random.default_rng(seed)
    source = folder / "source_data"
    lists = source / "cv_setup"
    lists.mkdir(parents=True)
    (source / "bgs/audio").mkdir(parents=True)
    for subset, num_events, num_backgrounds in (("devtrain", 5, 5), ("devtest", 3, 3)):
        backgrounds = []
        for index in range(num_backgrounds):
            name = f"audio/{subset}_{index}.wav"
            noise = np.convolve(rng.standard_normal(30 * rate_hz), np.ones(8) / 8, "same")
            soundfile.write(source / "bgs" / name, 0.1 * noise, rate_hz)
            backgrounds.append({"filepath": name, "classname": ("home", "park")[index % 2]})
        events = {}
        for label in ("babycry", "knock"):
            (source / "events" / label).mkdir(parents=True, exist_ok=True)
            events[label] = []
            for index in range(num_events):
                name = f"{subset}_{index}.wav"
                duration_s = rng.uniform(1.0, 2.0)
                time = np.arange(int(duration_s * rate_hz)) / rate_hz
                tone = np.sin(2 * np.pi * (rng.uniform(400, 600) + 200 * time) * time)
                burst = rng.standard_normal(len(time)) * np.exp(-8 * time)
                body = tone if label == "babycry" else burst
                padding = np.zeros(int(0.25 * rate_hz))
                samples = np.concatenate([padding, 0.5 * body / np.abs(body).max(), padding])
                soundfile.write(source / "events" / label / name, samples, rate_hz)
                segment = [0.25, round(0.25 + len(time) / rate_hz, 4)]
                events[label].append({"audio_filename": name, "segment": segment})
        (lists / f"events_{subset}.yaml").write_text(yaml.safe_dump(events))
        (lists / f"bgs_{subset}.yaml").write_text(yaml.safe_dump(backgrounds))
    return folder
