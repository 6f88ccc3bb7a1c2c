"""What the detector ``babycry`` is trained on: nothing that is not free, no voice or sound in two houses."""

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "local/detectors"))

import babycry_corpus  # noqa: E402
import babycry_credits  # noqa: E402

TABLE = ROOT / "local/detectors/babycry_sounds.yaml"


@pytest.mark.parametrize(
    ("licence", "is_open"),
    [
        ("CC0 (ESC-10 set: CC BY 3.0)", True),
        ("CC-BY (ESC-10 set: CC BY 3.0)", True),
        ("CC BY / Luftrum", True),
        ("ODbL 1.0 / DbCL 1.0", True),
        ("Pixabay Content License or CC0 (README, not per file)", True),
        ("CC0 (ESC-50 set: CC BY-NC 3.0)", False),
        ("CC BY-NC 3.0 (UrbanSound8K)", False),
        ("Apache-2.0 speech; ESC-50 CC BY-NC 3.0 clips", False),
        ("per-folder credits.md", False),
        ("", False),
    ],
)
def test_open_licences(licence, is_open):
    assert bool(babycry_corpus.OPEN.match(licence)) == is_open


@pytest.fixture
def sounds(tmp_path) -> Path:
    """The sources of the table with a few sounds of half a second each."""
    folder = tmp_path / "sounds"
    rng = np.random.default_rng(0)
    for source in yaml.safe_load(TABLE.read_text(encoding="utf-8")):
        (folder / source["folder"]).mkdir(parents=True)
    words = folder / "asterisk-prompt-it-menardi-wav/it"
    spoken = [folder / f"0ad-data/audio/voice/{name}/civ" for name in ("greek", "latin", "persian")]
    kinds = [folder / f"0ad-data/audio/{name}" for name in ("music", "ambient/water", "actor/fauna/animal")]
    kinds += [folder / f"0ad-data/audio/{name}" for name in ("actor/human/death", "interface/alarm", "resource/tree")]
    names = {
        words: [f"{number}.wav" for number in range(6)],
        **{each: [f"{number}.ogg" for number in range(3)] for each in spoken},
        **{each: [f"{number}.ogg" for number in range(12)] for each in kinds},
    }
    for place, files in names.items():
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            soundfile.write(place / name, 0.1 * rng.standard_normal(8000), 16000)
    return folder


def test_every_source_is_a_package_with_a_free_licence_and_an_author():
    for source in yaml.safe_load(TABLE.read_text(encoding="utf-8")):
        assert re.fullmatch(r"\d[\w.:+~-]*", source["deb"]) and source["author"]
        assert re.match(r"CC0|CC BY|BSD", source["licence"]) and not re.search(r"NC|ND|GPL", source["licence"])
    assert len(babycry_credits.sounds()) == len(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def test_a_sound_that_is_there_twice_counts_once(sounds):
    first, *others = sorted((sounds / "0ad-data/audio/actor/fauna/animal").iterdir())
    for path in others:
        path.write_bytes(first.read_bytes())
    animals = [clip.path for clip in babycry_corpus.find_clips(sounds, TABLE) if clip.kind == "animals"]
    assert animals == [first]


def test_no_voice_or_sound_is_in_two_houses(sounds):
    clips = babycry_corpus.find_clips(sounds, TABLE)
    houses = babycry_corpus.divide(clips, seed=1)
    placed = [[clip for groups in house.values() for group in groups for clip in group] for house in houses]
    assert sorted(str(clip.path) for each in placed for clip in each) == sorted(str(clip.path) for clip in clips)
    voices = Counter(voice for each in placed for voice in {clip.voice for clip in each if clip.kind == "speech"})
    assert voices == {f"Wildfire Games/{name}": 1 for name in ("greek", "latin", "persian")} | {
        "Marco Menardi and Paola Dal Zot, http://www.voip.ammdomus.it/": 1
    }


@pytest.mark.parametrize("make", [make for _, _, make, _ in babycry_corpus.PLAN], ids=lambda make: make.__name__)
def test_backgrounds_are_whole_and_not_silent(sounds, make):
    (house, *_) = babycry_corpus.divide(babycry_corpus.find_clips(sounds, TABLE), seed=1)
    once, again = (make(babycry_corpus.House(house, babycry_corpus.generator(1))) for _ in range(2))
    assert once.shape == (480000,) and np.isfinite(once).all() and np.array_equal(once, again)
    pieces = once.reshape(30, -1)
    assert (np.sqrt((pieces**2).mean(axis=1)) > 1e-3).all()


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(SystemExit, match="asterisk-core-sounds-en-g722: missing; babycry_sounds.yaml says"):
        babycry_corpus.find_clips(tmp_path, TABLE)
