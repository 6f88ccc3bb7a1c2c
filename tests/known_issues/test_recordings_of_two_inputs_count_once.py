"""A recording given by a folder and a folder in it was searched twice, which halved the bound of ``pysed tune``."""

import numpy as np
import soundfile

from pysed.audio.folders import find_recordings


def test_each_is_taken_once_with_a_word(tmp_path, capsys):
    (tmp_path / "a/jan").mkdir(parents=True)
    for name in ("x.wav", "jan/y.wav", "jan/z.wav"):
        soundfile.write(tmp_path / "a" / name, np.zeros(100), 8000)
    both = [str(tmp_path / "a"), str(tmp_path / "a/jan")]
    assert set(find_recordings(both)) == {"x.wav", "jan/y.wav", "jan/z.wav"}
    assert "jan: 2 of 2 files are of an earlier input: taken once" in capsys.readouterr().err
    assert set(find_recordings(both[::-1])) == {"x.wav", "y.wav", "z.wav"}
    capsys.readouterr()
    assert set(find_recordings([both[0]])) == {"x.wav", "jan/y.wav", "jan/z.wav"} and not capsys.readouterr().err
