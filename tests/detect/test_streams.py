"""What ``pysed detect`` feeds the network, against real Kaldi's output and the recipe's own commands."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
from small_detector import FRONTEND, make_model

from pysed.audio import read_audio
from pysed.cli import main
from pysed.detect.detector import analyse, load_detectors
from pysed.errors import DataError
from pysed.features.frontend import load_frontend
from pysed.features.of_samples import AsrFeatures, as_int16_values, find_asr_model, sed_features
from pysed.kaldi.commands import compute_fbank_feats

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "../shared/golden/demo"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden: Kaldi's outputs to compare with")


@needs_golden
def test_recogniser_features_are_kaldis():
    reference = dict(kaldiio.load_ark(str(GOLDEN / "prefinal-l.sub3.ark")))
    recogniser = AsrFeatures(ROOT / "models/demo", "prefinal-l")
    for name, expected in reference.items():
        samples, _ = read_audio(GOLDEN / "wav" / f"{name}.wav")
        np.testing.assert_allclose(recogniser.compute(as_int16_values(samples)), expected, atol=0.01, err_msg=name)


def test_front_end_is_the_recipes(tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", rng.normal(0, 0.1, 16000 * 3 + 177), 16000, subtype="PCM_16")
    (tmp_path / "wav.scp").write_text(f"a {tmp_path}/a.wav\n")
    frontend = load_frontend(FRONTEND)
    (tmp_path / "fbank.conf").write_text("\n".join(frontend.kaldi_options()) + "\n")
    arguments = [f"--config={tmp_path}/fbank.conf", f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/raw.ark"]
    assert compute_fbank_feats.main(arguments) == 0
    assert main(["feats", "average", "--num-frames", "5", f"ark:{tmp_path}/raw.ark", f"ark:{tmp_path}/out.ark"]) == 0
    expected = dict(kaldiio.load_ark(str(tmp_path / "out.ark")))["a"]
    samples, _ = read_audio(tmp_path / "a.wav")
    found = sed_features(as_int16_values(samples), frontend)
    assert len(found) == frontend.num_frames(len(samples) / 16000) == 61
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_thirty_seconds_are_600_frames():
    assert sed_features(np.zeros(480000, np.float32), load_frontend(FRONTEND)).shape == (600, 40)


def test_gradual_model_end_to_end(tmp_path):
    asr = {"model": "models/demo", "layer": "prefinal-l", "dim": 128}
    folder = make_model(tmp_path / "model", asr)
    models = load_detectors([str(folder), str(folder)])
    assert models[0].recogniser is models[1].recogniser, "one recogniser for both"
    (found,) = analyse(models, [np.random.default_rng(0).normal(0, 0.1, 16000 * 4)], 16000)
    first, second = found.scores
    assert first.shape == (40,) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    other = make_model(tmp_path / "other", {**asr, "layer": "nowhere"})
    with pytest.raises(DataError, match="no node 'nowhere'"):
        load_detectors([str(other)])


def test_recogniser_is_looked_for_from_here_the_repository_and_above_the_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_asr_model("models/demo", tmp_path) == ROOT / "models/demo"
    model = tmp_path / "exp/demo/cry/gradual"
    model.mkdir(parents=True)
    (tmp_path / "exp/asr").mkdir()
    (tmp_path / "exp/asr/final.mdl").write_bytes(b"")
    assert find_asr_model("asr", model) == tmp_path / "exp/asr"
    assert find_asr_model(str(ROOT / "models/demo"), model) == ROOT / "models/demo"
    with pytest.raises(DataError, match="nowhere"):
        find_asr_model("nowhere", model)


def test_rounding_to_sixteen_bits():
    np.testing.assert_array_equal(as_int16_values([0.0, 1.0, -1.0, 0.5, 2.0]), [0, 32767, -32768, 16384, 32767])
