"""A part of a file whose coding cannot seek, such as GSM 6.10 of telephones, was a traceback."""

import numpy as np
import pytest
import soundfile

from pysed.audio.reading import AudioFile, read_audio

CODINGS = [
    ("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "NMS_ADPCM_16"), ("WAV", "NMS_ADPCM_24"), ("WAV", "NMS_ADPCM_32"),
    ("W64", "GSM610"), ("AU", "G721_32"), ("AU", "G723_24"), ("AU", "G723_40"), ("AIFF", "GSM610"),
    ("AIFF", "DWVW_16"), ("AIFF", "DWVW_24"), ("XI", "DPCM_16"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "coding"), CODINGS)
def test_parts_are_those_of_the_whole(tmp_path, kind, coding):
    path = tmp_path / f"a.{kind.lower()}"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 24000)
    soundfile.write(path, noise + 0.3 * np.sin(np.arange(24000) * 0.3), 8000, format=kind, subtype=coding)
    whole, rate_hz = read_audio(path)
    assert len(whole) >= 24000
    with AudioFile(path) as audio:
        for first in (16000, 17000, 8000, 20000, 0):  # on, near by, back, on, to the start
            assert np.array_equal(audio.read(first / rate_hz, 4000 / rate_hz), whole[first : first + 4000])
