"""What followed the samples of a wav file on standard input, such as its metadata, was heard as sound."""

import io
import struct

import numpy as np
import pytest

from pysed.detect.sound_input import SoundInput


def wav(stated: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    samples = np.full(1600, 1000, "<i2").tobytes()
    parts = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", stated) + samples
    return b"RIFF" + struct.pack("<I", len(parts)) + parts + b"LIST" + struct.pack("<I", 8000) + 8000 * b"\x55"


@pytest.mark.parametrize(("stated", "heard"), [(3200, 1600), (0, 1600 + 4004), (0xFFFFFFFF, 1600 + 4004)])
def test_the_header_says_where_the_samples_end(stated, heard):
    """Programs that do not know the length write 0 or the largest number: then all that comes is sound."""
    found = np.concatenate(list(SoundInput(io.BytesIO(wav(stated)))))
    assert len(found) == heard and found[:1600] == pytest.approx(1000 / 32768)
