"""Values and files passed over without a word: --epochs=, a data directory's segments, half a Kaldi."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_recipe import run_in


def refused(done, text: str) -> None:
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and text in done.stderr, done.stderr


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16000), 16000, subtype="PCM_16")
    for name, line in {"wav.scp": f"a {folder}/a.wav", "spk2utt": "a a", ".done": "made"}.items():
        (folder / name).write_text(f"{line}\n")
    return folder


def with_kaldi(recipe, root, *command):
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "KALDI_ROOT": str(root)}
    return subprocess.run([str(word) for word in command], cwd=recipe, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("option", ["epochs", "num-mixtures", "nj", "layer", "event"])
def test_an_option_without_its_value(recipe, option):
    for words in ([f"--{option}="], [f"--{option}", ""]):
        refused(run_in(recipe, "./run.sh", "--stage", 2, *words), f"--{option}: needs a value")


@pytest.mark.parametrize("script", ["make_sed_feats.sh", "make_asr_feats.sh"])
def test_segments(recipe, data, script):
    (data / "segments").write_text("a-1 a 0.1 0.4\n")
    last = "logmel40" if script == "make_sed_feats.sh" else recipe / "models/demo"
    refused(run_in(recipe, f"steps/{script}", "--nj", 1, data, last), "data/segments: features are made of whole")
    assert not (data / "feats_logmel40.scp").exists() and not (data / "mfcc_hires.scp").exists()


def kaldi(recipe, root: Path, **own: str) -> Path:
    """A KALDI_ROOT of this package's commands, but for those of the given text (none: left out)."""
    (root / "src/featbin").mkdir(parents=True)
    for command in (recipe / "utils/kaldi").iterdir():
        text = own.get(command.name.replace("-", "_"), f'exec python -m pysed.kaldi {command.name} "$@"')
        if text:
            (root / "src/featbin" / command.name).write_text(f"#!/usr/bin/env bash\n{text}\n")
            (root / "src/featbin" / command.name).chmod(0o755)
    return root


def test_half_a_kaldi(recipe, data, tmp_path):
    half = kaldi(recipe, tmp_path / "half", compute_fbank_feats="")
    command = ("steps/make_sed_feats.sh", "--nj", 1, data, "logmel40")
    refused(with_kaldi(recipe, half, *command), f"KALDI_ROOT={half} has no compute-fbank-feats in src/")
    done = with_kaldi(recipe, kaldi(recipe, tmp_path / "whole"), *command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ["no-such-program", 'bash -c "kill -9 \\$\\$"\nexit 1'])
def test_a_command_that_cannot_run_is_the_reason(recipe, data, tmp_path, text):
    """Not that the next one got nothing."""
    root = kaldi(recipe, tmp_path / "kaldi", compute_fbank_feats=text)
    done = with_kaldi(recipe, root, "steps/make_sed_feats.sh", "--nj", 1, data, "logmel40")
    assert "command not found" in done.stderr or "Killed" in done.stderr
    assert "no matrices" not in done.stderr
