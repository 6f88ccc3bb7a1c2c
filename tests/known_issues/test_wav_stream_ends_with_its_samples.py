"""What followed the samples of a wav file on standard input, such as its metadata, was heard as sound; then
a joined wav file was not heard, and sizes that stand for an unknown one were believed."""

import io
import struct

import numpy as np
import pytest

from pysed.detect.sound_input import SoundInput
from pysed.errors import DataError


def wav(stated: int, rate_hz: int = 16000) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    samples = np.full(1600, 1000, "<i2").tobytes()
    parts = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", stated) + samples
    return b"RIFF" + struct.pack("<I", len(parts)) + parts + b"LIST" + struct.pack("<I", 8000) + 8000 * b"\x55"


@pytest.mark.parametrize(
    ("stated", "heard"),
    [(3200, 1600)] + [(size, 1600 + 4004) for size in (0, 0xFFFFFFFF, 0x7FFFEFFC, 0x7FFF0000, 0x80000000)],
)
def test_the_header_says_where_the_samples_end(stated, heard):
    """Programs that do not know the length write 0 or the largest number: then all that comes is sound."""
    sound = SoundInput(io.BytesIO(wav(stated)))
    assert (sound._left == float("inf")) == (heard > 1600)  # believed, what comes after 2 GiB would not be heard
    found = np.concatenate(list(sound))
    assert len(found) == heard and found[:1600] == pytest.approx(1000 / 32768)


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_joined_files_are_heard(block):
    """As a joined file is (``cat a.wav b.wav``); ``block``: what a pipe gives at once."""

    class Pipe(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, block))

    found = np.concatenate(list(SoundInput(Pipe(wav(3200) + wav(3200) + wav(3199)))))
    assert len(found) == 3 * 1600 - 1 and found == pytest.approx(1000 / 32768)


def test_joined_files_of_another_rate_are_refused():
    with pytest.raises(DataError, match="of 8000 Hz, 1 channels, s16 follows one of 16000"):
        list(SoundInput(io.BytesIO(wav(3200) + wav(3200, 8000))))
