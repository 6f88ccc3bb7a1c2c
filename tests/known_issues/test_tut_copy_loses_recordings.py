"""In a copy of TUT 2017 under another name, 30 s segments of one recording stood in training and validation both."""

from pathlib import Path

import pytest
import yaml
from lookalike import write_source

from pysed.corpus.recipes import CorpusSettings, subset_recipes
from pysed.corpus.sources import load_sources


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return write_source(tmp_path_factory.mktemp("other") / "mine", num_events=4, num_backgrounds=12)


def test_segments_of_a_recording_stay_together(copy, root):
    settings = CorpusSettings.load(root / "conf/corpora/default.yaml")
    recipes = subset_recipes(load_sources(copy, "devtrain"), "babycry", settings, 200, held_out=True)
    used = {split: {r.background.path.name[:4] for r in recipes if r.split == split} for split in ("train", "valid")}
    assert used["train"] | used["valid"] == {f"a{i:03d}" for i in range(6)}
    assert used["train"] and used["valid"] and not used["train"] & used["valid"]


def test_other_names_and_named_recordings_are_left_alone(copy):
    path = copy / "source_data/cv_setup/bgs_devtrain.yaml"
    kept = path.read_text()
    entries = [
        {"filepath": "audio/site_3_17.wav", "classname": "park"},
        {"filepath": "audio/site_2023_0001.wav", "classname": "park"},
        {"filepath": "audio/a001_0_30.wav", "classname": "park", "recording_id": "x"},
        {"filepath": "audio/a001_30_60.wav", "classname": "park"},
    ]
    path.write_text(yaml.safe_dump(entries))
    found = [background.recording for background in load_sources(copy, "devtrain").backgrounds]
    path.write_text(kept)
    assert found == ["audio/site_3_17.wav", "audio/site_2023_0001.wav", "x", "a001"]
