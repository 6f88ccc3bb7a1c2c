"""The README's commands for a sound of one's own run as they are printed, on a corpus of a minute's work."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from doc_pages import ROOT, read_page

RATE_HZ = 16000
#: So that it takes a minute: a line after the corpus is made, and an option of the run.
SETTINGS = "printf 'mixtures: {devtrain: 10, devtest: 4}\\nduration_s: 10.0\\n' >mysounds/corpus.yaml\n"
SHORT = " --epochs 1"


def bell(random: np.random.Generator) -> np.ndarray:
    """A second of a struck bell, another each time."""
    time_s = np.arange(RATE_HZ) / RATE_HZ
    pitch_hz = random.uniform(600, 900)
    return 0.3 * np.exp(-4 * time_s) * sum(np.sin(2 * np.pi * pitch_hz * part * time_s) for part in (1, 2.4, 4.1)) / 3


@pytest.mark.thorough
def test_a_detector_of_a_sound_of_ones_own(recipe, monkeypatch):
    monkeypatch.chdir(recipe)
    random = np.random.default_rng(0)
    for index in range(6):
        for path, samples in (
            (recipe / f"clips/doorbell/bell_{index}.wav", bell(random)),
            (recipe / f"places/hall/hall_{index}.wav", 0.003 * random.standard_normal(31 * RATE_HZ)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, RATE_HZ)
    recording = 0.003 * random.standard_normal(20 * RATE_HZ)
    recording[7 * RATE_HZ : 8 * RATE_HZ] += bell(random)
    soundfile.write(recipe / "recording.wav", recording, RATE_HZ)

    blocks = [text for _, language, text in read_page(ROOT / "README.md").blocks if language == "bash"]
    (block,) = [text for text in blocks if "pysed corpus own" in text]
    (made,) = [line for line in block.splitlines(keepends=True) if line.startswith("pysed corpus own")]
    (run,) = [line for line in block.splitlines() if line.startswith("./run.sh")]
    script = block.replace(made, made + SETTINGS).replace(run, run + SHORT)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PYSED_VENV": sys.prefix}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("filename\tonset\toffset\tevent_label\tscore\n") :].splitlines()
    assert len(table) > 1 and all(row.split("\t")[0] == "recording.wav" for row in table[1:])
    assert (recipe / "exp/mysounds/doorbell/gradual/final.pt").is_file()
    assert len(list((recipe / "pictures").iterdir())) == 1
