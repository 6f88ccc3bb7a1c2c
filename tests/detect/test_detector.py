"""``from pysed import Detector``: files, samples and streams by one rule, channels by choice."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed import Decision, Detector
from pysed.detect.scoring import ScoreStream, join_scores
from pysed.errors import DataError
from pysed.features.grid import to_grid
from pysed.features.of_samples import as_int16_values, sed_features

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "../shared/cases/common"
ASR = {"model": "models/demo", "layer": "prefinal-l", "dim": 128}


def noise(seconds: float, rate_hz: int = 16000, seed: int = 0) -> np.ndarray:
    """Noise whose level changes every second, so that scores do."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    levels = np.repeat(10 ** rng.uniform(-3, -1, int(seconds) + 1), rate_hz)[:count]
    return (rng.standard_normal(count) * levels).astype(np.float32)


@pytest.fixture(params=[None, ASR], ids=["cbrnn", "gradual"])
def detector(request, tmp_path):
    return Detector.load(make_model(tmp_path / "model", request.param, window_s=10.0))


def in_pieces(detector: Detector, samples: np.ndarray, rate_hz: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, len(samples), 30))
    stream = ScoreStream([detector], rate_hz)
    parts = [stream.push(piece)[0] for piece in np.split(samples, cuts)]
    return join_scores([*parts, stream.finish()[0]]).scores


@pytest.mark.parametrize("rate_hz", [16000, 22050])
def test_scores_are_the_same_however_the_sound_is_cut(detector, rate_hz):
    samples = noise(47.33, rate_hz)
    whole = detector.scores(samples, rate_hz)
    assert len(whole) == 474 and whole.std() > 0.01
    for seed in (1, 2):
        np.testing.assert_array_equal(in_pieces(detector, samples, rate_hz, seed), whole)


def test_a_clip_of_the_training_length_is_scored_as_the_recipe_does(detector):
    samples = noise(10)
    values = as_int16_values(samples)
    asr = None if detector.recogniser is None else to_grid(detector.recogniser.compute(values), num_frames=100)
    expected = detector.network.scores(sed_features(values, detector.frontend), asr)
    np.testing.assert_allclose(detector.scores(samples, 16000), expected, atol=1e-6)


def test_the_front_ends_features_leave_no_trace_of_pieces(detector):
    samples = noise(33.21)
    stream = ScoreStream([detector], 16000, keeps=True)
    for piece in np.array_split(samples, 7):
        stream.push(piece)
    stream.finish()
    feats, mfcc = stream.features(detector)
    values = as_int16_values(samples)
    np.testing.assert_allclose(feats, sed_features(values, detector.frontend), atol=1e-4)
    if detector.recogniser is not None:
        np.testing.assert_allclose(mfcc, detector.recogniser.mfcc(values), atol=1e-2)


def test_a_second_of_silence_leaves_the_events_before_it(tmp_path):
    detector = Detector.load(make_model(tmp_path / "model"))
    samples = noise(30)
    decision = Decision(threshold=float(np.quantile(detector.scores(samples, 16000), 0.7)), max_gap_s=0.0)
    before = detector.detect(samples, 16000, decision)
    after = detector.detect(np.concatenate((samples, np.zeros(16000, np.float32))), 16000, decision)
    early = [each for each in after if each.onset_s < 29.5]
    assert len(before) > 1
    assert [each.onset_s for each in early] == [each.onset_s for each in before]
    np.testing.assert_allclose([each.score for each in early[:-1]], [each.score for each in before[:-1]], atol=1e-3)


def test_channels_mixed_one_or_each(detector, tmp_path):
    left, right = noise(12, seed=3), noise(12, seed=4)
    both = np.stack((left, right), axis=1)
    np.testing.assert_array_equal(detector.scores(both, 16000, channels=2), detector.scores(right, 16000))
    each = detector.scores(both, 16000, channels="each")
    np.testing.assert_array_equal(each, np.stack((detector.scores(left, 16000), detector.scores(right, 16000))))
    np.testing.assert_array_equal(detector.scores(both, 16000), detector.scores(both.mean(axis=1), 16000))
    soundfile.write(tmp_path / "a.wav", both, 16000, subtype="FLOAT")
    decision = Decision(threshold=float(np.median(each)))
    found = detector.detect_file(tmp_path / "a.wav", decision, "each")
    assert {event.channel for event in found} == {1, 2}
    expected = [(event.onset_s, event.offset_s) for event in detector.detect(right, 16000, decision)]
    assert [(event.onset_s, event.offset_s) for event in found if event.channel == 2] == expected
    with pytest.raises(DataError, match="2 channels; expected a channel 3"):
        detector.detect_file(tmp_path / "a.wav", decision, 3)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "words"),
    [
        (np.zeros(0), 16000, "shape"),
        (np.zeros((2, 2, 2)), 16000, "shape"),
        (np.zeros(100, np.int16), 16000, "int16"),
        (np.full(20000, np.nan), 16000, "not a finite"),
        (np.zeros(100), 0, "rate_hz"),
        (np.zeros(100), 16000.5, "rate_hz"),
    ],
)
def test_samples_that_are_none(detector, samples, rate_hz, words):
    with pytest.raises(DataError, match=words):
        detector.detect(samples, rate_hz)


def test_wishes_out_of_range():
    for wishes in ({"threshold": 1.5}, {"min_duration_s": -1}, {"max_gap_s": float("nan")}, {"top": 0}):
        with pytest.raises(DataError, match=next(iter(wishes))):
            Decision(**wishes)


def test_import_is_cheap():
    code = "import sys, pysed; assert 'torch' not in sys.modules and 'numpy' not in sys.modules; pysed.Detector"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(ImportError):
        from pysed import Nothing  # noqa: F401


@pytest.mark.skipif(not MODELS.is_dir(), reason="no ../shared/cases: trained models")
def test_the_examples_of_the_documentation_run(tmp_path, monkeypatch, capsys):
    for folder in ("exp/mysounds/doorbell", "exp/demo/babycry"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "gradual").symlink_to((MODELS / "gradual").resolve())
    (tmp_path / "recording.wav").symlink_to((MODELS / "base.wav").resolve())
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    for page in ("README.md", "docs/detection.md"):
        examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        assert examples, page
        for code in examples:
            exec(compile(code, page, "exec"), values)
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(re.fullmatch(r"\d+\.\d to \d+\.\d s: babycry, score 0\.\d\d", line) for line in lines)
    assert values["scores"].shape == (1, 300) and values["events"]
