"""The detectors that come with the package: whole, named, with their licences; and what their cards say of them."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from pysed import Detector
from pysed.cli import main
from pysed.detector import shipped

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "local"))

from demo import cry  # noqa: E402
from demo.signals import add_at, gain, generator, num_samples, shaped_noise, unit_loud  # noqa: E402

BOX = ROOT / "models/detectors"
CORPUS = ROOT.parent / "shared/corpora/rare_real"


@pytest.mark.parametrize("name", shipped.shipped())
def test_each_is_whole_and_says_what_it_is(name):
    listed = dict(reversed(line.split("  ")) for line in (BOX / name / "SHA256SUMS").read_text().splitlines())
    there = {path.relative_to(BOX / name).as_posix() for path in (BOX / name).rglob("*") if path.is_file()}
    assert there == listed.keys() | {"SHA256SUMS"}
    for path, digest in listed.items():
        assert hashlib.sha256((BOX / name / path).read_bytes()).hexdigest() == digest
    card = (BOX / name / "MODEL_CARD.md").read_text(encoding="utf-8")
    for heading in ("What it mistakes for", "How good it is", "Licence", "Make a better one"):
        assert heading in card
    assert not re.search(r"NC\b|non-commercial use only", card.replace("nothing non-commercial", ""))
    assert not re.search(r"(?<![\w./])/(tmp|home|root|work)/", card)
    assert Detector.load(name).event == name


def test_an_unknown_name_gets_one_line_with_those_there_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", shaped_noise(generator(1), 32000, {60: 0, 8000: 0}) * 0.01, 16000)
    assert main(["detect", "--model", "babycries", "a.wav"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "babycries: no such file or folder; detectors that are here by name: babycry" in line


@pytest.fixture(scope="module")
def nursery() -> tuple:
    """Half a minute of a quiet room with a made cry at 10 s."""
    room = 0.003 * shaped_noise(generator(1, "room"), num_samples(30.0), {60: 0, 1000: -20, 8000: -40})
    sound = unit_loud(cry.synthesise(generator(0, "baby"), generator(0, "cry")))
    with_cry = room.copy()
    add_at(with_cry, num_samples(10.0), gain(-20) * sound)
    return room, with_cry, 10.0 + len(sound) / 16000


def test_it_finds_a_cry_where_there_is_one(nursery):
    room, with_cry, offset_s = nursery
    detector = Detector.load("babycry")
    (found,) = detector.detect(with_cry, 16000)
    assert found.label == "babycry" and abs(found.onset_s - 10.0) < 0.5
    assert (10.0 + offset_s) / 2 < found.offset_s < offset_s + 1.0  # it may miss a wail after a pause
    assert detector.detect(room, 16000) == []


@pytest.mark.thorough
def test_the_card_has_the_figures_of_the_command(tmp_path):
    """The command that the card names, on the recordings, gives the figures that it states."""
    if not CORPUS.is_dir():
        pytest.skip(f"no {CORPUS}")
    subprocess.run(["local/detectors/score.sh", "babycry", str(CORPUS), str(tmp_path)], cwd=ROOT, check=True)
    score = json.loads((tmp_path / "score.json").read_text())
    card = (BOX / "babycry/MODEL_CARD.md").read_text(encoding="utf-8")
    stated = re.search(r"error rate of (\d\.\d\d), an F of (\d+\.\d) %", card)
    assert stated and (f"{score['error_rate']:.2f}", f"{100 * score['f_measure']:.1f}") == stated.groups()
