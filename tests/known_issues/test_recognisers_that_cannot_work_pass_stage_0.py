"""A recogniser that no later stage can use, or whose times would be wrong, passed stage 0 as present and verified."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_recipe import run_in

from pysed.cli import main
from pysed.features.grid import to_grid
from pysed.features.of_samples import AsrFeatures, as_int16_values
from pysed.features.pieces import RecogniserFrames


@pytest.fixture
def model(root, tmp_path) -> Path:
    shutil.copytree(root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("lang"))
    return tmp_path / "asr"


def add(path: Path, text: str) -> None:
    with open(path, "a") as stream:
        stream.write(text)


FAULTS = {
    "frame shift": (
        lambda model: add(model / "conf/mfcc_hires.conf", "--frame-shift=20\n"),
        "mfcc_hires.conf: --frame-shift=20; expected 10",
    ),
    "rate": (
        lambda model: add(model / "conf/mfcc_hires.conf", "--sample-frequency=8000\n"),
        "mfcc_hires.conf: the waveform has 16000 Hz, --sample-frequency=8000; set it, or --allow-downsample",
    ),
    "network": (lambda model: os.truncate(model / "final.mdl", 100_000), "final.mdl: byte 74389: expected 102400"),
    "graph": (lambda model: os.truncate(model / "graph/HCLG.fst", 100_000), "HCLG.fst: byte 68685: expected 187184"),
    "no extractor": (
        lambda model: shutil.rmtree(model / "extractor"),
        "takes 40 MFCC and i-vectors of 40; conf/mfcc_hires.conf and extractor/ give 40 and 0: copy those of",
    ),
    "extractor": (lambda model: os.truncate(model / "extractor/final.ie", 100_000), "extractor/final.ie: byte "),
    "no phones.txt": (lambda model: (model / "phones.txt").unlink(), "phones.txt: missing, though there is a graph"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_refused_in_one_line(model, capsys, fault):
    assert main(["feats", "recogniser", str(model)]) == 0
    spoil, expected = FAULTS[fault]
    spoil(model)
    assert main(["feats", "recogniser", str(model)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_stages_0_3_and_4_refuse_it_and_what_the_good_one_made_stays(recipe, model, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    soundfile.write(data / "a.wav", np.random.default_rng(1).uniform(-0.1, 0.1, 16000), 16000, subtype="PCM_16")
    for name, line in {"wav.scp": f"a {data}/a.wav", "spk2utt": "a a", ".done": "made"}.items():
        (data / name).write_text(f"{line}\n")
    run_in(recipe, "steps/make_asr_feats.sh", "--nj", 1, data, model, check=True)
    spoilt = {"graph": "steps/make_alignments.sh", "no extractor": "steps/make_asr_feats.sh"}
    for fault, script in spoilt.items():
        FAULTS[fault][0](model)
        for command in (["local/prepare_model.sh", model], [script, "--nj", 1, data, model]):
            done = run_in(recipe, *command)
            assert done.returncode == 2 and done.stderr.count("\n") == 1
        shutil.copy(recipe / "models/demo/graph/HCLG.fst", model / "graph")
    assert (data / "ivectors.scp").exists() and (data / ".done_ivectors").exists()


def test_a_recogniser_of_another_rate_hears_pieces_as_it_hears_the_whole(model):
    """Frames were cut from 16 kHz sound as if it had the recogniser's rate."""
    add(model / "conf/mfcc_hires.conf", "--sample-frequency=8000\n--allow-downsample=true\n")
    recogniser = AsrFeatures(model, "prefinal-l")
    samples = as_int16_values(np.random.default_rng(0).normal(0, 0.1, 5 * 16000))
    whole = to_grid(recogniser.compute(samples), num_frames=50)
    frames = RecogniserFrames(recogniser, 30.0)
    pieces = [frames.push(samples[first : first + 16000]) for first in range(0, 64000, 16000)]
    pieces.append(frames.push(samples[64000:], 50))
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)
