"""``pysed corpus own --gap-s 0``, by which no pause belongs to an event, was refused."""

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus

from pysed.corpus.sources import load_sources

RATE_HZ = 16000


def test_every_pause_ends_an_event(tmp_path):
    for folder in ("clips/bell", "places"):
        (tmp_path / folder).mkdir(parents=True)
    random = np.random.default_rng(3)
    for number in range(3):
        sound = random.uniform(-0.5, 0.5, RATE_HZ)
        sound[8000:8800] = 0.0  # a pause of 50 ms
        soundfile.write(tmp_path / f"clips/bell/{number}.wav", sound, RATE_HZ)
        soundfile.write(tmp_path / f"places/{number}.wav", random.normal(size=2 * RATE_HZ) / 30, RATE_HZ)
    assert make_own_corpus(tmp_path, "--gap-s", "0", "--segment-s", "2") == 0
    events = load_sources(tmp_path / "o", "devtest").events["bell"]
    assert [(event.onset_s, event.offset_s) for event in events] == [(0.0, 0.5), (0.55, 1.0)]


@pytest.mark.parametrize("gap", ["-0.1", "nan", "inf"])
def test_what_is_no_length_is_refused(gap, tmp_path, capsys):
    assert make_own_corpus(tmp_path, "--gap-s", gap) == 2
    assert f"argument --gap-s: {gap}: expected 0 or a positive number" in capsys.readouterr().err
