"""Every system of conf/systems trains: one tiny epoch on small clips of its own front end, to a detector that loads."""

import dataclasses
import shutil

import numpy as np
import pytest
import soundfile
import torch
from small_clips import ASR_DIM, NUM_LABELS, fit, make_clips, with_scenes, write_data_dir

from pysed import Detector
from pysed.cli import main
from pysed.datadir.lists import read_split
from pysed.decision.postprocess import detect_event
from pysed.detector.checkpoint import TrainedNetwork, load_network
from pysed.detector.config import config_from_dict, load_config
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd, frames_per_label, load_frontend
from pysed.features.of_samples import as_int16_values, sed_features
from pysed.train import engine, validation
from pysed.train.augment import augment
from pysed.train.data import load_clips

SYSTEMS = (
    *("cbrnn", "cnn1d_rnn", "crnn", "crnn_ta", "crnn_ta_asr", "crnn_ta_fa"),
    *("finetune", "gradual", "joint_asr", "mlp", "multitask"),
)
SMALL = {"epochs": 1, "epoch_steps": 1, "batch_size": 4, "warmup_steps": 1}
SMALL_NETWORK = {"channels": 32, "gru_hidden": 8, "lstm_hidden": 8}


VARIANTS = (
    "crnn_ta_50ms",
    *("gradual_asr_before_gru", "gradual_no_attention", "gradual_no_spectral", "gradual_no_temporal"),
)


PAPER = ("cbrnn_paper", "finetune_paper", "gradual_paper")


def shipped(root, name: str, **changes):
    folder = "conf/ablation" if name in VARIANTS else "conf/paper" if name in PAPER else "conf/systems"
    path = root / f"{folder}/{name}.yaml"
    small = {key: value for key, value in SMALL_NETWORK.items() if key in load_config(path).as_dict()}
    config = load_config(path, {**SMALL, **small, **changes})
    return config, load_frontend(root / f"conf/frontends/{config.frontend}.yaml")


def clips_for(config, frontend, num_clips: int, seed: int):
    clips = make_clips(num_clips, seed, config.asr, frontend.num_mel_bins, frontend.frames_per_label)
    return with_scenes(clips) if config.scene_weight else clips


def test_all_systems_are_here(root):
    assert set(SYSTEMS) == {path.stem for path in (root / "conf/systems").glob("*.yaml")}
    assert set(VARIANTS) == {path.stem for path in (root / "conf/ablation").glob("*.yaml")}
    assert set(PAPER) == {path.stem for path in (root / "conf/paper").glob("*.yaml")}


@pytest.mark.parametrize("name", [*SYSTEMS, *VARIANTS, *PAPER])
def test_one_tiny_epoch(root, tmp_path, name):
    config, frontend = shipped(root, name)
    train, valid = clips_for(config, frontend, 4, 1), clips_for(config, frontend, 4, 2)
    asr = {"model": "m", "layer": "l"} if config.asr else None
    fit(config, train, valid, "cry", tmp_path, 1, asr, frontend.as_dict())
    detector = load_network(tmp_path)
    assert detector.config == config and detector.frames_per_label == frontend.frames_per_label
    scores = detector.scores_of_clips(valid.features, valid.asr)
    assert scores.shape == (4, NUM_LABELS) and np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1
    # Clips of any length: the last frame fills what is missing of a score's.
    n = frontend.frames_per_label
    for frames in (1, n, 3 * n + 1):
        count = -(-frames // n)
        second = None if valid.asr is None else valid.asr[0, :count]
        filled = np.concatenate((valid.features[0, :frames], np.repeat(valid.features[:1, frames - 1], n, axis=0)))
        odd = detector.scores(valid.features[0, :frames], second)
        assert odd.shape == (count,)
        np.testing.assert_array_equal(odd, detector.scores(filled[: count * n], second))


def test_a_data_directory_of_20_ms_frames(root, tmp_path, capsys):
    """pysed train and pysed evaluate by a shipped YAML, five frames to a score."""
    config, frontend = shipped(root, "mlp")
    train, valid = clips_for(config, frontend, 6, 1), clips_for(config, frontend, 4, 2)
    data = write_data_dir(tmp_path / "data", train, valid, frontend=config.frontend)
    loaded = load_clips(data, read_split(data)["train"], "cry", config, 5)
    assert loaded.frames_per_label == 5
    np.testing.assert_array_equal(loaded.labels, train.labels)
    with pytest.raises(DataError, match="150 frames a clip; expected a multiple of 4, the frames to a score"):
        load_clips(data, read_split(data)["train"], "cry", config, 4)
    system = root / "conf/systems/mlp.yaml"
    arguments = ["--system", system, "--data", data, "--event", "cry", "--out", tmp_path / "out", "--epochs", "1"]
    assert main(["train", *map(str, arguments)]) == 0
    (data / "wav.scp").write_text("".join(f"{name} {name}.wav\n" for name in train.names + valid.names))
    assert main(["evaluate", *map(str, ("--model", tmp_path / "out", "--data", data, "--out", tmp_path / "out"))]) == 0
    assert len((tmp_path / "out/scores_data.scp").read_text().splitlines()) == 10


def test_turning_in_time_turns_five_frames_to_a_label(root):
    config = dataclasses.replace(shipped(root, "crnn")[0], mix_share=0.0, shift_bins=0.0)
    clips = make_clips(10, 3, frames=5)
    clips.features[:] = np.repeat(clips.labels, 5, axis=1)[..., None]
    features, labels = clips.features.copy(), clips.labels.copy()
    augment(features, None, labels, clips, config, np.random.default_rng(0))
    assert not np.array_equal(labels, clips.labels)
    np.testing.assert_array_equal(features, np.broadcast_to(np.repeat(labels, 5, axis=1)[..., None], features.shape))


@pytest.mark.parametrize("frontend", ["logmel40", "logmel40_40ms", "logmel128_40ms"])
def test_a_click_falls_into_its_score_frame(root, frontend):
    """A click in the middle of a score frame: of the features' energy, averaged to 100 ms, most is in that frame."""
    frontend = load_frontend(root / f"conf/frontends/{frontend}.yaml")
    samples = np.random.default_rng(0).normal(0, 1e-3, 48000)
    for score in (0, 7, 15, 29):
        clicked = samples.copy()
        clicked[round((score + 0.5) * 1600)] = 0.9
        features = sed_features(as_int16_values(clicked), frontend)
        assert len(features) == 30 * frontend.frames_per_label and features.shape[1] == frontend.num_mel_bins
        rise = np.maximum(features - sed_features(as_int16_values(samples), frontend), 0).sum(axis=1)
        by_score = rise.reshape(-1, frontend.frames_per_label).sum(axis=1)
        assert by_score.argmax() == score and by_score[score] > 0.99 * by_score.sum()
        # ... about its middle: centre of mass within a feature frame's half.
        centre = (np.arange(len(rise)) + 0.5) @ rise / rise.sum() * frontend.hop_s
        assert abs(centre - (score + 0.5) * 0.1) <= frontend.hop_s / 2 + 1e-9


def test_long_and_odd_recordings(root, tmp_path, monkeypatch):
    """pysed detect at 20 ms frames: as many scores as 100 ms frames; windows give what one pass gives."""
    config, frontend = shipped(root, "mlp")
    clips = clips_for(config, frontend, 4, 1)
    fit(config, clips, clips, "cry", tmp_path / "m", 1, None, frontend.as_dict())
    detector = Detector.load(tmp_path / "m")
    monkeypatch.setattr(
        TrainedNetwork,
        "scores",
        lambda self, features, asr=None: (
            np.pad(features.mean(axis=1), (0, -len(features) % self.frames_per_label), mode="edge")
            .reshape(-1, self.frames_per_label)
            .mean(axis=1)
        ),
    )
    rng = np.random.default_rng(0)
    for seconds, count in ((0.3, 3), (1.234, 13), (12.35, 124), (65.07, 651)):
        samples = rng.normal(0, 0.01, round(seconds * 16000))
        soundfile.write(tmp_path / "x.wav", samples, 16000)
        scores = detector.scores(soundfile.read(tmp_path / "x.wav")[0], 16000)
        assert len(scores) == count
    assert detector.window_s == 3.0, "the clips' length"
    one_pass = dataclasses.replace(detector, network=dataclasses.replace(detector.network, window_s=100.0))
    whole = one_pass.scores(soundfile.read(tmp_path / "x.wav")[0], 16000)
    np.testing.assert_allclose(scores, whole, atol=1e-4)


@pytest.mark.parametrize("shift,average", [(10, 3), (30, 1), (200, 1), (100, 3), (15, 1)])
def test_frames_that_do_not_fit_a_score(shift, average):
    values = {"name": "x", "frame_length_ms": 400, "frame_shift_ms": shift, "average_frames": average}
    words = (
        f"x.yaml: average_frames {average}; expected frame_shift_ms {shift} times it to divide the 100 ms of a score"
    )
    with pytest.raises(DataError, match=words):
        FrontEnd.from_dict(values, "x.yaml")


def test_frames_per_label(root):
    expected = {"logmel40": 2, "logmel40_40ms": 5, "logmel40_40ms_context": 5, "logmel128_40ms": 5}
    for name, frames in expected.items():
        frontend = load_frontend(root / f"conf/frontends/{name}.yaml")
        assert frontend.frames_per_label == frames_per_label(frontend.as_dict()) == frames
        assert frontend.num_frames(30.0) == 300 * frames
    assert frames_per_label(None) == 2  # checkpoints without a front end are of the paper's
    for shift, average, frames in ((100, 1, 1), (12.5, 2, 4), (10, 1, 10)):
        assert FrontEnd("x", frame_shift_ms=shift, average_frames=average).frames_per_label == frames


def test_median_length(root):
    with pytest.raises(DataError, match="median_frames 4; expected an odd number"):
        config_from_dict({"system": "x", "median_frames": 4}, "x")
    with pytest.raises(DataError, match="median_frames 0; expected at least 1"):
        config_from_dict({"system": "x", "median_frames": 0}, "x")
    assert [shipped(root, name)[0].median_frames for name in ("cbrnn", "crnn", "mlp")] == [3, 5, 5]
    scores = np.zeros(30)
    scores[10:12] = 0.9
    assert detect_event(scores, median_frames=3) == (1.0, 1.2) and detect_event(scores, median_frames=5) is None


def test_the_median_of_the_configuration_is_used(root, tmp_path, monkeypatch):
    """Two frames above the threshold: an event by a median of 3, none by one of 5, in tuning and detection alike."""
    config, frontend = shipped(root, "mlp")
    clips = clips_for(config, frontend, 4, 1)
    seen = []
    for module, name in (
        (validation, "tune"),
        (validation, "average_f"),
        (validation, "onset_delay"),
        (engine, "tune"),
    ):
        function = getattr(module, name)

        def watched(*values, call=function, **settings):
            seen.append(settings.get("median_frames", values[-1]))
            return call(*values, **settings)

        monkeypatch.setattr(module, name, watched)
    fit(config, clips, clips, "cry", tmp_path / "m", 1, None, frontend.as_dict())
    assert seen == [5, 5, 5, 5]
    detector = Detector.load(tmp_path / "m")
    scores = np.zeros(30, np.float32)
    scores[10:12] = 0.999
    monkeypatch.setattr(TrainedNetwork, "scores", lambda self, features, asr=None: scores)
    soundfile.write(tmp_path / "x.wav", np.zeros(48000), 16000)
    assert detector.detect_file(tmp_path / "x.wav") == []
    narrow = dataclasses.replace(
        detector.network, t_base=0.5, beta=0.0, config=dataclasses.replace(config, median_frames=3)
    )
    (event,) = dataclasses.replace(detector, network=narrow).detect_file(tmp_path / "x.wav")
    assert (event.onset_s, event.offset_s) == (1.0, 1.2)


def test_checkpoints_from_before_these_keys_load(root, tmp_path):
    """A final.pt whose configuration lacks the newer keys, and whose recogniser dimension is the gradual network's."""
    from pysed.detector.checkpoint import load, save

    config, frontend = shipped(root, "gradual")
    clips = clips_for(config, frontend, 4, 1)
    fit(config, clips, clips, "cry", tmp_path, 1, {"model": "m", "layer": "l"}, frontend.as_dict())
    before = load_network(tmp_path).scores_of_clips(clips.features, clips.asr)
    content = load(tmp_path / "final.pt")
    for key in ("bidirectional", "median_frames"):
        del content["config"][key]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    save(tmp_path / "final.pt", content)
    detector = load_network(tmp_path)
    assert detector.config == config and content["asr"]["dim"] == ASR_DIM
    np.testing.assert_array_equal(detector.scores_of_clips(clips.features, clips.asr), before)
    assert torch.is_tensor(content["state"]["gru.weight_ih_l0_reverse"])
