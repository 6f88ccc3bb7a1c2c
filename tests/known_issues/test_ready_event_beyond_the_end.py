"""An event beyond its file's end in a ready-made evaluation set was taken, cut to nothing or less."""

import numpy as np
import pytest
import soundfile

from pysed.corpus.official_build import make_ready
from pysed.errors import DataError


@pytest.mark.parametrize("times", ["1.5\t2", "0.5\t1.2"])
def test_it_is_refused_by_its_line(tmp_path, times):
    base = tmp_path / "c/mixture_data/evaltest/hash"
    for folder in ("audio", "meta"):
        (base / folder).mkdir(parents=True)
    for name in ("a.wav", "b.wav"):
        soundfile.write(base / "audio" / name, np.zeros(16000), 16000)
    listed = base / "meta/event_list_evaltest_bell.csv"
    listed.write_text(f"a.wav\n\nb.wav\t{times}\tbell\n")
    with pytest.raises(
        DataError, match=r"event_list_evaltest_bell\.csv:3: b\.wav: event ends at .* the file at 1\.000 s"
    ):
        make_ready(tmp_path / "c", "bell", "evaltest", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    listed.write_text("a.wav\nb.wav\t0.5\t1.005\tbell\n")  # rounded
    assert make_ready(tmp_path / "c", "bell", "evaltest", tmp_path / "out") == 2
