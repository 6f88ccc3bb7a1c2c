"""conf/paper holds what the paper states, and nothing else: every value against the paper's statements."""

import re

import numpy as np
import pytest
import yaml
from small_clips import make_clips, small_config, write_data_dir

from pysed.datadir.lists import read_split
from pysed.decision.tuning import PRIOR, tune
from pysed.detector.config import config_from_dict, load_config
from pysed.errors import DataError
from pysed.features.frontend import load_frontend
from pysed.features.normalise import apply_normalisation, statistics
from pysed.train.engine import learning_rate
from pysed.train.folds import split_by_mixture

#: key: (value, where the paper states it). "silent": nothing of the kind is said, so there is none of it. "gap": the
#: paper cannot do without a value and gives none, or two.
TRAINING = {
    "positive_weight": (1.0, "3: cross entropy loss function"),
    "learning_rate": (0.0001, "3: a learning rate of 0.0001"),
    "schedule": ("decay", "3: a decaying factor 0.01 is set for the learning rate"),
    "decay": (0.01, "3: a decaying factor 0.01"),
    "decay_every": ("epoch", "gap"),
    "epochs": (100, "3: a max of 100 epochs"),
    "epoch_steps": (1, "silent"),
    "batch_size": (16, "gap"),
    "validation_mixtures": (0.1, "2.1: 90% of training data to train, 10% for validation"),
    "warmup_steps": (0, "silent"),
    "weight_decay": (0.0, "silent"),
    "gradient_clip": (0.0, "silent"),
    "average_decay": (0.0, "silent"),
    "patience": (0, "silent"),
    "crop_s": (0.0, "silent"),
    "time_shift": (False, "silent"),
    "mask_bins": (0, "silent"),
    "mask_frames": (0, "silent"),
    "mix_share": (0.0, "silent"),
    "shift_bins": (0.0, "silent"),
    "precision": ("float32", "silent"),
    "tuned": ("threshold", "2.4, equation 8: T_base and beta"),
    "median_frames": (3, "2.4: 300ms, of 100 ms frames"),
}
NETWORK = {
    "model": ("cbrnn", "2.3.1"),
    "frontend": ("logmel40_10ms", "2.2: 40, 16kHz, 20ms, 50% overlapping"),
    "normalisation": ("minmax", "2.2: normalized using min-max normalization and down-sampled"),
    "average_frames": (5, "2.2: mean of five samples at a time"),
    "context_frames": (2, "2.2: context window size of 2"),
    "spectral_attention": (True, "2.3.2"),
    "spectral_hidden": (32, "3: Ns is 32"),
    "spectral_pool": ("time", "2.3.2: the time axis; equation 6: the units"),
    "attention_scaled": (False, "equations 5 to 7"),
    "temporal_attention": (True, "2.3.2, equation 5"),
    "temporal_hidden": (200, "3: Nt is 200"),
    "channels": (64, "3: 64 channels"),
    "pool_last": (True, "2.3.1: batch normalization, activation, dropout; max pooling"),
    "activation": ("linear", "2.3.1: linear activation function"),
    "last_pool": (4, "3: (4,1)"),
    "dropout": (0.25, "3: probability of 0.25"),
    "gru_hidden": (32, "3: GRU is 32"),
    "gru_layers": (2, "3: with 2 layers"),
    "bidirectional": (True, "2.3.1: bidirectional GRU"),
    "gru_dropout": (False, "silent"),
    "classifier_hidden": (0, "2.3.1: the fully connected layer"),
}
RECOGNISER = {
    "asr": (True, "2.3.3, 2.3.4"),
    "asr_normalisation": ("none", "silent"),
    "asr_dropout": (0.0, "silent"),
}
STATED = {
    "cbrnn_paper": {**TRAINING, **NETWORK, "asr": (False, "2.3.1")},
    "gradual_paper": {
        **TRAINING,
        **NETWORK,
        **RECOGNISER,
        "asr_entry": ("classifier", "2.3.4: the concatenated vector is fed into the fully connected layer"),
    },
    "finetune_paper": {
        **TRAINING,
        **RECOGNISER,
        "asr": (True, "3; 4: updating the recogniser is future work"),
        "model": ("finetune", "3"),
        "frontend": ("logmel40", "gap"),
        "dense_layers": (0, "3: the fully connected layer"),
        "softmax": (True, "3: softmax activation function"),
        "dropout": (0.0, "silent"),
    },
}


@pytest.mark.parametrize("name", STATED)
def test_every_value_is_the_papers(root, name):
    path = root / f"conf/paper/{name}.yaml"
    values = yaml.safe_load(path.read_text())
    assert values.pop("system") == name
    config = load_config(path).as_dict()
    assert {key: config[key] for key in values} == {key: value for key, (value, _) in STATED[name].items()}
    comments = dict(re.findall(r"^(\w+): *\S+ *# (.*)$", path.read_text(), re.MULTILINE))
    for key, (_, place) in STATED[name].items():
        number = re.match(r"(\d(\.\d)*|equation)", place)  # the comment names the same place
        if number and not key.startswith("decay_every"):
            assert number[1] in comments[key], f"{key}: {comments[key]!r} does not name {place}"
        if place == "gap":
            assert "gap" in comments[key] or "not looked at" in comments[key], key
    # What no line says is the project's for all systems, and none of it is a technique that the paper lacks.
    unsaid = {key: value for key, value in config.items() if key not in values}
    assert unsaid.pop("system") == name
    for key in ("asr_layers", "scene_weight"):
        assert unsaid.pop(key) == 0
    assert unsaid.pop("folds") == 1 and unsaid.pop("select") == "average_f"
    known = {"asr_learning_rate", "asr_normalisation", "asr_dropout", "asr_entry", "mix_below", "crop_from"}
    assert not unsaid.pop("onsets", False) and not unsaid.pop("calibrate")
    known |= {"normalisation", "dense_hidden", "asr", "onset_weight"}  # of streams and layers that are not there
    assert set(unsaid) <= known


def test_the_front_end_is_the_papers(root):
    frontend = load_frontend(root / "conf/frontends/logmel40_10ms.yaml")
    assert (frontend.sample_frequency_hz, frontend.num_mel_bins) == (16000, 40)
    assert (frontend.frame_length_ms, frontend.frame_shift_ms, frontend.average_frames) == (20, 10, 1)
    means = load_frontend(root / "conf/frontends/logmel40.yaml").as_dict()
    assert {**frontend.as_dict(), "name": "logmel40", "average_frames": 5} == means


def test_minmax_before_the_mean_is_not_minmax_after_it():
    """The range is that of single frames: a mean of five reaches neither end."""
    rng = np.random.default_rng(0)
    frames = rng.normal(8, 2, (3, 100, 4)).astype(np.float32)
    normalised = apply_normalisation(frames, statistics(frames, "minmax"))
    flat = frames.reshape(-1, 4).astype(np.float64)
    expected = (frames - flat.min(axis=0)) / (flat.max(axis=0) - flat.min(axis=0))
    np.testing.assert_allclose(normalised, expected, atol=1e-6)
    assert normalised.min() == 0 and normalised.max() == pytest.approx(1)
    means = normalised.reshape(3, 20, 5, 4).mean(axis=2)
    assert means.min() > 0.1 and means.max() < 0.9


def test_features_without_normalisation_stay_as_they_are():
    rows = np.random.default_rng(0).normal(3, 7, (2, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(apply_normalisation(rows, statistics(rows, "none")), rows)


def test_decay_by_epoch_and_by_update():
    """1e-4 / (1 + 0.01 n): n epochs, of 28 steps, or n updates."""
    for every, step, epoch, expected in (
        ("epoch", 0, 1, 1e-4),
        ("epoch", 27, 1, 1e-4),
        ("epoch", 28, 2, 1e-4 / 1.01),
        ("epoch", 2799, 100, 1e-4 / 1.99),
        ("update", 0, 1, 1e-4),
        ("update", 27, 1, 1e-4 / 1.27),
        ("update", 2799, 100, 1e-4 / 28.99),
    ):
        config = small_config(schedule="decay", decay_every=every, learning_rate=1e-4, warmup_steps=0)
        assert learning_rate(config, step, 2800, epoch) == pytest.approx(expected)


def test_a_tenth_of_the_mixtures_validates(tmp_path):
    data = write_data_dir(tmp_path / "data", make_clips(30, 1), make_clips(10, 2))
    names = sorted(name for part in read_split(data).values() for name in part)
    splits = [split_by_mixture(data, 0.1, seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]
    for split in splits:
        assert len(split["valid"]) == 4 and sorted(split["train"] + split["valid"]) == names
    with pytest.raises(DataError, match="leaves none to train on"):
        split_by_mixture(data, 0.99, 1)
    with pytest.raises(DataError, match="folds 5; expected 1 with validation_mixtures"):
        config_from_dict({"system": "x", "folds": 5, "validation_mixtures": 0.1}, "x")


def test_threshold_alone_is_tuned(root):
    """T_base and beta, all gaps closed, no hysteresis; also where no setting has a hit."""
    from pysed.decision.tuning import GRIDS

    rng = np.random.default_rng(0)
    scores = rng.random((6, 60)) * 0.3
    for clip in range(0, 6, 2):
        scores[clip, 20:30] = 0.9
    onset_s = np.array([2.0, np.nan] * 3)
    for reference in (onset_s, onset_s + 20, np.full(6, np.nan)):
        found = tune(scores, reference, **GRIDS["threshold"])
        assert (found.max_gap_s, found.low_ratio) == (None, 1.0)
    assert tune(scores, onset_s, **GRIDS["threshold"]).f_measure == 1.0
    assert tune(scores, onset_s, **GRIDS["all"]).low_ratio == PRIOR[3]
