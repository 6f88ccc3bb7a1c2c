"""The picture of a detection was labelled with the folder that the command ran in: "work/babycry" for ``babycry``."""

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from pysed.drawing.detections import detector_label


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("babycry", "babycry"),
        ("exp/demo/babycry/gradual", "babycry/gradual"),
        ("./doorbell", "doorbell"),
        ("/srv/detectors/doorbell", "detectors/doorbell"),
    ],
)
def test_a_label_is_what_was_given(given, label):
    assert detector_label(given) == label


def test_the_folder_itself_has_its_real_name(tmp_path, monkeypatch):
    folder = tmp_path / "babycry/gradual"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert detector_label(".") == str(Path("babycry/gradual"))
