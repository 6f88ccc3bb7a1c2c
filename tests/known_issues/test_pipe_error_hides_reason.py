"""Of a pipe whose output could not be read it was said that the command failed, which by hand it does not."""

import sys

import numpy as np
import pytest
import soundfile

from pysed.errors import DataError
from pysed.kaldi.tables import read_kind
from pysed.kaldi.wave import WAVE, waves

WRITE = "import sys; out = sys.stdout.buffer; data = open(sys.argv[1], 'rb').read(); out.write(data); out.flush()"


@pytest.fixture
def wav(tmp_path):
    """24 bits, longer than what a pipe holds."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 300000), 16000, subtype="PCM_24")
    return tmp_path / "a.wav"


def test_what_could_not_be_read_is_said(tmp_path, wav):
    """The command fails only because nobody reads on."""
    pipe = f'{sys.executable} -c "{WRITE}" {wav} 2>{tmp_path}/err |'
    (tmp_path / "wav.scp").write_text(f"u1 {pipe}\n")
    with pytest.raises(DataError, match="24 bits per sample") as caught:
        list(waves(f"scp:{tmp_path}/wav.scp"))
    assert "u1" in str(caught.value) and "command failed" not in str(caught.value)
    with pytest.raises(DataError, match="24 bits per sample"):
        read_kind(f"cat {wav} |", WAVE)


@pytest.mark.parametrize("output", ["", "head -c 40 {wav};", "head -c 300 {wav};", "echo oops;"])
def test_a_command_that_fails_by_itself_is_said_with_what_it_wrote(wav, output):
    with pytest.raises(DataError, match=r"the command failed \(exit code 3\)") as caught:
        read_kind(f"{output.format(wav=wav)} exit 3 |", WAVE)
    assert "of what it wrote: byte " in str(caught.value)
    assert "\n" not in str(caught.value)
