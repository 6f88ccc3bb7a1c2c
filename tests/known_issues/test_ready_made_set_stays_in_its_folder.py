"""The audio of a ready-made evaluation set was read through links that lead out of the corpus."""

import numpy as np
import pytest
import soundfile

from pysed.corpus.official_build import make_ready
from pysed.corpus.plan import plan_ready
from pysed.errors import DataError


@pytest.mark.parametrize("name", ["link.wav", "loop.wav", ".."])
def test_a_file_outside_is_refused(tmp_path, name):
    base = tmp_path / "c/mixture_data/evaltest/hash"
    for folder in ("audio", "meta"):
        (base / folder).mkdir(parents=True)
    soundfile.write(tmp_path / "secret.wav", np.zeros(16000), 16000)
    soundfile.write(base / "audio/a.wav", np.zeros(16000), 16000)
    (base / "audio/near.wav").symlink_to("a.wav")
    (base / "audio/link.wav").symlink_to(tmp_path / "secret.wav")
    (base / "audio/loop.wav").symlink_to("loop.wav")
    listed = base / "meta/event_list_evaltest_bell.csv"
    listed.write_text(f"a.wav\n{name}\n")
    for refused in (make_ready, lambda *given: list(plan_ready(*given[:3]))):
        with pytest.raises(DataError, match=rf"event_list_evaltest_bell\.csv.*{name}"):
            refused(tmp_path / "c", "bell", "evaltest", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    listed.write_text("a.wav\nnear.wav\n")
    assert make_ready(tmp_path / "c", "bell", "evaltest", tmp_path / "out") == 2
