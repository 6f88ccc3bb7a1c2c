"""Detection cut every long recording into windows of 30 s, whatever the ``duration_s`` of the corpus trained on."""

import numpy as np
import pytest
import soundfile
from small_clips import NUM_LABELS, fit, make_clips, small_config
from small_detector import FRONTEND, make_model

from pysed.detect.detector import analyse_file, load_detectors
from pysed.detector.checkpoint import TrainedNetwork, load_network
from pysed.features.frontend import load_frontend


@pytest.fixture
def lengths(monkeypatch) -> list[int]:
    """100 ms frames of every window that is scored."""
    seen: list[int] = []
    score = TrainedNetwork.scores

    def noted(self, features, asr=None):
        seen.append(len(features) // 2)
        return score(self, features, asr)

    monkeypatch.setattr(TrainedNetwork, "scores", noted)
    return seen


@pytest.fixture
def recording(tmp_path):
    rng = np.random.default_rng(2)
    soundfile.write(tmp_path / "x.wav", rng.normal(0, 0.05, 12 * 16000), 16000)
    return tmp_path / "x.wav"


def test_windows_are_as_long_as_the_clips_of_training(tmp_path, recording, lengths):
    analyse_file(recording, load_detectors([make_model(tmp_path / "m", window_s=5.0)]))
    assert lengths == [50] * len(lengths) and len(lengths) >= 3


def test_a_window_shorter_than_a_second_scores_its_own_frames(tmp_path, recording, lengths):
    (found,) = analyse_file(recording, load_detectors([make_model(tmp_path / "m", window_s=0.4)]))
    assert len(found.scores[0]) == 120 and found.scores[0].min() > 0 and found.scores[0].max() < 1
    assert set(lengths) == {4}


def test_training_notes_the_length_of_its_clips(tmp_path):
    frontend = load_frontend(FRONTEND).as_dict()
    fit(small_config(epochs=1), make_clips(6), make_clips(4, 1), "cry", tmp_path / "m", 1, None, frontend)
    assert load_network(tmp_path / "m").window_s == pytest.approx(NUM_LABELS / 10)


def test_an_older_checkpoint_has_windows_of_30_s(tmp_path, recording, lengths):
    analyse_file(recording, load_detectors([make_model(tmp_path / "m")]))
    assert lengths == [120]


def test_models_of_different_windows_in_one_call_score_as_each_alone(tmp_path, recording):
    folders = [make_model(tmp_path / f"m{i}", window_s=window) for i, window in enumerate((5.0, 30.0, 5.0, 3.0))]
    (together,) = analyse_file(recording, load_detectors(folders))
    assert len(together.events) == 4
    for folder, scores in zip(folders, together.scores, strict=True):
        ((alone,),) = [each.scores for each in analyse_file(recording, load_detectors([folder]))]
        np.testing.assert_allclose(scores, alone, atol=1e-6)
