"""Pictures of recordings that a list names by absolute paths, or by ``..``, were put beside the recordings."""

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    make_model(tmp_path / "m")
    for name in ("a.wav", "b.wav", "work/b.wav"):
        soundfile.write(tmp_path / name, np.zeros(16000), 16000)
    return tmp_path


def test_they_lie_below_it(place):
    (place / "work/list").write_text(f"{place}/a.wav\n../b.wav\n")
    before = {path for path in place.rglob("*") if path.is_file()}
    assert main(["detect", "--model", "../m", "--plot", "p", "--out", "o.tsv", "--files-from", "list"]) == 0
    made = {path for path in place.rglob("*") if path.is_file()} - before
    pictures = place / "work/p"
    assert made == {place / "work/o.tsv", pictures / "b.wav.png", pictures / f"{place}/a.wav.png".lstrip("/")}


@pytest.mark.parametrize("option", ["--plot", "--out-dir"])
def test_two_of_one_place_are_refused(place, capsys, option):
    (place / "work/list").write_text("b.wav\n../b.wav\n")
    assert main(["detect", "--model", "../m", option, "p", "--files-from", "list"]) == 2
    assert "would be of 2 files" in capsys.readouterr().err and not (place / "work/p").exists()
