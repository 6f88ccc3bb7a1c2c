"""Kaldi data directories made by others: no mark, real speakers, recordings in any order, in several jobs."""

import numpy as np
import pytest
import soundfile
from tiny_recipe import run_in


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (3, 24000))
    for name, each in zip("abc", samples, strict=True):
        soundfile.write(folder / f"{name}.wav", each, 16000, subtype="PCM_16")
    (folder / "wav.scp").write_text("".join(f"{name} {folder}/{name}.wav\n" for name in "cab"))
    return folder


@pytest.mark.parametrize("script", ["make_sed_feats.sh", "make_asr_feats.sh"])
def test_what_a_directory_without_a_mark_needs_is_said(recipe, data, script):
    done = run_in(recipe, f"steps/{script}", data, "models/demo")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and f"echo mine >{data}/.done" in done.stderr


def test_each_recording_is_a_speaker_whatever_the_order(recipe, data):
    (data / ".done").write_text("mine\n")
    (data / "spk2utt").write_text("s a b c\n")
    run_in(recipe, "steps/make_asr_feats.sh", "--nj", 2, data, "models/demo", check=True)
    for name in ("ivectors.scp", "prefinal.scp"):
        assert [line.split()[0] for line in (data / name).read_text().splitlines()] == ["c", "a", "b"]
