"""Detection cut every long recording into windows of 30 s, whatever the ``duration_s`` of the corpus trained on."""

import numpy as np
import pytest
import soundfile
from small_clips import NUM_LABELS, fit, make_clips, small_config
from small_detector import FRONTEND, make_model

from pysed.detect import recordings
from pysed.detect.recordings import detect_recording, load_models, score_recording, window_starts
from pysed.detector.checkpoint import load_detector
from pysed.features.frontend import load_frontend


@pytest.fixture
def lengths(monkeypatch) -> list[float]:
    """Seconds of every piece that is scored."""
    seen: list[float] = []
    score = recordings.score_samples

    def noted(samples, models):
        seen.append(len(samples) / 16000)
        return score(samples, models)

    monkeypatch.setattr(recordings, "score_samples", noted)
    return seen


@pytest.fixture
def recording(tmp_path):
    rng = np.random.default_rng(2)
    soundfile.write(tmp_path / "x.wav", rng.normal(0, 0.05, 12 * 16000), 16000)
    return tmp_path / "x.wav"


def test_windows_are_as_long_as_the_clips_of_training(tmp_path, recording, lengths):
    score_recording(recording, load_models([str(make_model(tmp_path / "m", window_s=5.0))]))
    assert window_starts(12, 5.0) == pytest.approx([0, 2.5, 5.0, 7.0])
    assert lengths == pytest.approx([5, 5, 5, 5])


def test_a_window_shorter_than_a_second_scores_its_own_frames(tmp_path, recording, lengths):
    ((scores, mean),) = score_recording(recording, load_models([str(make_model(tmp_path / "m", window_s=0.4))]))
    assert len(scores) == len(mean) == 120 and scores.min() > 0 and scores.max() < 1
    assert len(lengths) == len(window_starts(12, 0.4)) == 59


def test_training_notes_the_length_of_its_clips(tmp_path):
    frontend = load_frontend(FRONTEND).as_dict()
    fit(small_config(epochs=1), make_clips(6), make_clips(4, 1), "cry", tmp_path / "m", 1, None, frontend)
    assert load_detector(tmp_path / "m").window_s == pytest.approx(NUM_LABELS / 10)


def test_an_older_checkpoint_has_windows_of_30_s(tmp_path, recording, lengths):
    score_recording(recording, load_models([str(make_model(tmp_path / "m"))]))
    assert lengths == [12.0]


def test_models_of_different_windows_in_one_call_score_as_each_alone(tmp_path, recording):
    folders = [str(make_model(tmp_path / f"m{i}", window_s=window)) for i, window in enumerate((5.0, 30.0, 5.0, 3.0))]
    together = score_recording(recording, load_models(folders))
    for folder, (scores, mean) in zip(folders, together, strict=True):
        ((alone, alone_mean),) = score_recording(recording, load_models([folder]))
        np.testing.assert_allclose(scores, alone, atol=1e-6)
        np.testing.assert_allclose(mean, alone_mean, atol=1e-6)
    assert len(detect_recording(recording, load_models(folders))) == 4
