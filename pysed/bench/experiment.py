"""Stages 1 to 4 of the paper's experiment, from a shard of it: processor time, memory and disk of a mixture.

Mixtures of 30 s as the official synthesizer makes them, at 44.1 kHz; a network and an i-vector extractor of the
LibriSpeech model's size with random contents; stage 4 with the demo model, whose search is of a small graph.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import yaml

from pysed.kaldi.nnet3.random_model import write_random_model
from pysed.kaldi.random_extractor import write_random_extractor

_ROOT = Path(__file__).resolve().parents[2]
_NUM_MIXTURES = 20
_EXPERIMENT = 3 * (500 + 500 + 500)
_RATE_HZ = 44100
_FEW = 2  # mixtures of the other subset, which the stage makes too


def _write_corpus(folder: Path) -> None:
    """A corpus in the TUT layout: half a minute of noise as every background, pieces of it as events."""
    samples = np.random.default_rng(0).normal(0, 0.1, 30 * _RATE_HZ)
    source = folder / "source_data"
    for name in ("cv_setup", "bgs/audio", "events/babycry"):
        (source / name).mkdir(parents=True)
    for subset in ("devtrain", "devtest"):
        names = [f"{subset}{number}.wav" for number in range(12)]
        for name in names:
            soundfile.write(source / "bgs/audio" / name, samples / 8, _RATE_HZ, subtype="PCM_24")
            soundfile.write(source / "events/babycry" / name, samples[: 3 * _RATE_HZ], _RATE_HZ, subtype="PCM_24")
        events = [{"audio_filename": name, "segment": [0.5, 2.0], "segment_id": i} for i, name in enumerate(names)]
        backgrounds = [{"filepath": f"audio/{name}", "classname": "home", "classid": 0} for name in names]
        (source / f"cv_setup/events_{subset}.yaml").write_text(yaml.safe_dump({"babycry": events}))
        (source / f"cv_setup/bgs_{subset}.yaml").write_text(yaml.safe_dump(backgrounds))


def _write_model(folder: Path) -> None:
    """A model folder of the LibriSpeech model's size, without a graph."""
    shutil.copytree(_ROOT / "models/demo/conf", folder / "conf")
    write_random_extractor(folder / "extractor")
    write_random_model(folder / "final.mdl")
    (folder / "frame_subsampling_factor").write_text("3\n")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# A process of its own: a child's peak memory begins with its parent's.
_TIMED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def _run(*command: object) -> tuple[float, int]:
    """Processor seconds, and the largest process's peak memory in MiB, of a command and all that it starts."""
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    line = [sys.executable, "-c", _TIMED, *map(str, command)]
    done = subprocess.run(line, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak_kib = done.stdout.split()
    return float(seconds), int(peak_kib) >> 10


def main() -> None:
    """Print the table as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        _measure(Path(name))


def _measure(folder: Path) -> None:
    _write_corpus(folder / "corpus")
    _write_model(folder / "large")
    settings = yaml.safe_load((_ROOT / "conf/corpora/tut2017.yaml").read_text())
    settings["mixtures"] = {"devtrain": _FEW, "devtest": _NUM_MIXTURES}
    config, data = folder / "corpus.yaml", folder / "data"
    config.write_text(yaml.safe_dump(settings))
    mix = ("steps/make_mixtures.sh", "--nj", 1, "--config", config, folder / "corpus", "babycry", data)
    test, demo = data / "devtest", _ROOT / "models/demo"
    steps: tuple[tuple[str, tuple[object, ...]], ...] = (
        ("1, mixtures", mix),
        ("2, log-mel", ("steps/make_sed_feats.sh", "--nj", 1, test, "logmel128")),
        ("3, LibriSpeech size", ("steps/make_asr_feats.sh", "--nj", 1, test, folder / "large")),
        ("3, demo model", ("steps/make_asr_feats.sh", "--nj", 1, test, demo)),
        ("4, demo model", ("steps/make_alignments.sh", "--nj", 1, test, demo)),
    )
    print(f"| stage | s a mixture | peak memory, MiB | kB a mixture | {_EXPERIMENT} mixtures: core hours | GB |")
    print("|---|---|---|---|---|---|")
    for title, command in steps:
        if title.startswith("3"):
            for mark in test.glob(".done_*"):  # all of it is to be measured
                mark.unlink()
            for name in ("mfcc_hires", "ivectors", "prefinal"):
                shutil.rmtree(test / name, ignore_errors=True)
        before = _bytes(data) if data.exists() else 0
        seconds, peak = _run(*command)
        seconds, size = seconds / _NUM_MIXTURES, (_bytes(data) - before) / _NUM_MIXTURES
        whole = f"{seconds * _EXPERIMENT / 3600:.1f} | {size * _EXPERIMENT / 1e9:.1f}"
        print(f"| {title} | {seconds:.2f} | {peak} | {size / 1e3:.0f} | {whole} |", flush=True)
