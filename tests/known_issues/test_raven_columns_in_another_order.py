"""Selection tables whose columns a user of Raven had moved, so that another than Selection came first, were refused as
event lists with faults."""

from pathlib import Path

import numpy as np
import soundfile

from pysed.corpus.label_files import read_labels
from pysed.detect.tables import Listed, read_detections
from pysed.events import Event

TABLE = (
    "Begin Time (s)\tEnd Time (s)\tSelection\tView\tBegin File\tAnnotation\tScore\n"
    "0.5\t1.0\t1\tSpectrogram 1\ta.wav\tdog\t0.7\n"
)


def test_read_as_labels(tmp_path: Path):
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio/a.wav", np.zeros(32000), 16000)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.selections.txt").write_text(TABLE)
    for given in ("labels", "labels/a.selections.txt"):
        assert read_labels(tmp_path / given, tmp_path / "audio") == {"a.wav": [Event(0.5, 1.0, "dog")]}


def test_read_as_detections(tmp_path: Path):
    (tmp_path / "a.selections.txt").write_text(TABLE)
    assert read_detections(tmp_path / "a.selections.txt") == [Listed("a.wav", 0.5, 1.0, "dog", 0.7)]
