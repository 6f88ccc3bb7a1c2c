"""A ready-made set with ``x.wav`` and ``x.flac``: both became ``x.wav``, one audio under the other's labels."""

import numpy as np
import pytest
import soundfile

from pysed.corpus.official_build import make_ready
from pysed.errors import DataError


def test_two_files_of_one_stem_are_refused_by_name(tmp_path):
    base = tmp_path / "c/mixture_data/evaltest/hash"
    (base / "audio").mkdir(parents=True)
    (base / "meta").mkdir()
    for number, name in enumerate(("x.wav", "x.flac", "y.wav")):
        soundfile.write(base / "audio" / name, np.full(16000, 0.1 * number), 16000)
    listed = base / "meta/event_list_evaltest_bell.csv"
    listed.write_text("x.wav\t0.1\t0.2\tbell\nx.flac\ny.wav\n")
    with pytest.raises(DataError, match=r"x\.wav and x\.flac: one name without extension"):
        make_ready(tmp_path / "c", "bell", "evaltest", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    listed.write_text("x.wav\t0.1\t0.2\tbell\ny.wav\n")
    assert make_ready(tmp_path / "c", "bell", "evaltest", tmp_path / "out") == 2
