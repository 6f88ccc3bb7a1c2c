"""An empty Audacity label track, of a recording without events, stopped ``pysed corpus own --labels DIR``."""

import numpy as np
import pytest
import soundfile

from pysed.corpus.label_files import read_labels
from pysed.errors import DataError


def test_its_recording_is_one_without_events(tmp_path):
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(16000), 16000)
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "a.txt").write_text("0.1\t0.5\tbell\n")
    (labels / "b.txt").write_text("\n")
    assert read_labels(labels, tmp_path) == {"a.wav": [(0.1, 0.5, "bell")], "b.wav": []}
    with pytest.raises(DataError, match="no rows"):
        read_labels(labels / "b.txt", tmp_path)
