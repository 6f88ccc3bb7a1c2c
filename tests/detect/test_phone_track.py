"""Phones heard in samples against Kaldi's, and in ``pysed detect --plot``'s pictures."""

import shutil
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.phone_track import PhoneTrack
from pysed.drawing.detections import SPEECH_COLOUR
from pysed.drawing.spectrogram import frequency_ticks, phone_label
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.of_samples import AsrFeatures, as_int16_values
from pysed.kaldi.phones import read_symbols

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
MODEL = ROOT / "models/demo"


def frames(phones: list[tuple[float, float, str]]) -> list[str]:
    """The phone of every 30 ms."""
    return [phone for _, length, phone in phones for _ in range(round(length / 0.03))]


def test_phones_are_those_of_kaldi():
    names = read_symbols(str(MODEL / "phones.txt"))
    expected: dict[str, list] = {}
    for line in (GOLDEN / "phones.ctm").read_text().splitlines():
        key, _, start, length, number = line.split()
        expected.setdefault(key, []).append((float(start), float(length), names[int(number)]))
    track = PhoneTrack(AsrFeatures(MODEL, "prefinal-l"))
    same = total = 0
    for key, phones in expected.items():
        samples, rate_hz = soundfile.read(GOLDEN / f"wav/{key}.wav", dtype="float32")
        assert rate_hz == 16000
        heard = track.compute(as_int16_values(samples))
        starts = np.cumsum([0, *(length for _, length, _ in heard[:-1])])
        assert [start for start, _, _ in heard] == pytest.approx(starts.tolist())
        pairs = list(zip(frames(heard), frames(phones), strict=True))
        same, total = same + sum(a == b for a, b in pairs), total + len(pairs)
    assert total > 400 and same >= 0.99 * total


def test_a_bad_subsampling_factor_is_named(tmp_path):
    folder = shutil.copytree(MODEL, tmp_path / "model")
    (folder / "frame_subsampling_factor").write_text("three\n")
    with pytest.raises(DataError, match="frame_subsampling_factor: 'three'"):
        PhoneTrack(AsrFeatures(folder, "prefinal-l"))


def test_a_picture_has_phones_where_the_model_has_a_graph(tmp_path, capsys):
    silent = shutil.copytree(MODEL, tmp_path / "silent", ignore=shutil.ignore_patterns("graph"))
    tint = np.array(matplotlib.colors.to_rgb(SPEECH_COLOUR))
    found = {}
    for name, asr in (("heard", MODEL), ("without_graph", silent), ("without_asr", None)):
        layer = {"model": str(asr), "layer": "prefinal-l", "dim": 128}
        model = make_model(tmp_path / name, layer if asr else None)
        arguments = ["--model", model, "--plot", tmp_path / "plots" / name, GOLDEN / "wav/flite_slt.wav"]
        assert main(["detect", *map(str, arguments)]) == 0
        picture = matplotlib.image.imread(tmp_path / "plots" / name / "flite_slt.wav.png")[:, :, :3]
        found[name] = np.abs(picture - tint).max(axis=2) < 0.01
    capsys.readouterr()
    assert found["heard"].any(0).mean() > 0.5  # speech nearly all along
    assert not found["without_graph"].any() and not found["without_asr"].any()
    assert len(found["heard"]) > len(found["without_graph"])


def test_frequencies_stand_at_their_bands():
    """Bin b's centre is a line through the picture's row b; a tone of a tick's frequency is loudest there."""
    from pysed.features.of_samples import sed_features

    frontend = FrontEnd("logmel40")
    for height, label in frequency_ticks(frontend)[:-1]:
        tone = 3000 * np.sin(2 * np.pi * 1000 * float(label) * np.arange(16000) / 16000)
        loudest = int(sed_features(as_int16_values(tone / 32768), frontend).mean(0).argmax())
        assert abs(loudest + 0.5 - 40 * height) <= 1
    assert frequency_ticks(frontend)[-1] == (1.0, "8")


def test_labels():
    assert phone_label("EH1_S") == ("EH1", True) and phone_label("SIL_B") == ("SIL", False)
    assert phone_label("SPN_S") == ("SPN", False) and phone_label("NSN") == ("NSN", False)
