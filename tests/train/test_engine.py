"""Training: repeatable, resumable, learning, and stopping with a reason."""

import csv
import dataclasses
import math

import numpy as np
import pytest
import torch
import yaml
from small_clips import ASR_DIM, make_clips, small_config, write_data_dir
from small_clips import fit as fit_clips

from pysed.decision.tuning import tune
from pysed.detector.checkpoint import load, load_network
from pysed.errors import DataError
from pysed.features.normalise import statistics
from pysed.networks import build_model
from pysed.train import engine
from pysed.train.validation import merit

UNTOUCHED = {
    "dropout": 0.0, "time_shift": False, "mask_bins": 0, "mask_frames": 0, "mix_share": 0.0,
    "shift_bins": 0.0,
}  # fmt: skip
TRAIN, VALID = make_clips(10, 1), make_clips(6, 2)


@pytest.fixture(autouse=True)
def one_thread():
    """Bitwise comparisons: convolutions of more threads may add in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fit(out, config=None, seed=1, train=TRAIN, valid=VALID, **options):
    return fit_clips(config or small_config(), train, valid, "cry", out, seed, **options)


def state_of(folder) -> dict[str, torch.Tensor]:
    return load(folder / "final.pt")["state"]


def same(first, second) -> bool:
    assert first.keys() == second.keys()
    return all(torch.equal(value, second[name]) for name, value in first.items())


def rows_of(folder) -> list[dict[str, str]]:
    """metrics.csv without the time it took."""
    with open(folder / "metrics.csv", newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run of three epochs with dropout and every default augmentation, from start to end."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("unbroken")
    assert fit(out) == out / "final.pt"
    return out


def test_what_a_run_leaves(unbroken):
    assert sorted(path.name for path in unbroken.iterdir()) == [
        "config.yaml", "events.out.tfevents.0.pysed", "final.pt", "metrics.csv", "train.log",
    ]  # fmt: skip
    rows = rows_of(unbroken)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"] and [row["steps"] for row in rows] == ["2", "4", "6"]
    config = yaml.safe_load((unbroken / "config.yaml").read_text())
    assert config == {**small_config().as_dict(), "event": "cry", "seed": 1}
    log = (unbroken / "train.log").read_text()
    assert "10 clips, 6 for validation" in log and "best epoch" in log


@pytest.mark.parametrize("num_clips,steps,size", [(10, 5, 4), (3, 5, 3), (10, 2, 4)])
def test_an_epoch_of_few_clips_passes_over_them_again(num_clips, steps, size, tmp_path, monkeypatch):
    seen, make_batch = [], engine.make_batch

    def noted(clips, chosen, *rest):
        seen.append(chosen)
        return make_batch(clips, chosen, *rest)

    monkeypatch.setattr(engine, "make_batch", noted)
    config = small_config(epochs=2, epoch_steps=5 if steps == 5 else 1)
    fit(tmp_path, config, train=make_clips(num_clips, 1))
    assert [row["steps"] for row in rows_of(tmp_path)] == [str(steps), str(2 * steps)]
    assert len(seen) == 2 * steps and {len(chosen) for chosen in seen} == {size}
    for first in (0, steps):
        order = np.concatenate(seen[first : first + steps])
        whole = len(order) // num_clips
        for index in range(whole):  # every pass has every clip once
            assert sorted(order[index * num_clips : (index + 1) * num_clips]) == list(range(num_clips))
        rest = order[whole * num_clips :]
        assert len(set(rest)) == len(rest)


def test_the_same_seed_gives_the_same_weights(unbroken, tmp_path):
    fit(tmp_path)
    assert same(state_of(tmp_path), state_of(unbroken)) and rows_of(tmp_path) == rows_of(unbroken)


def test_another_seed_gives_others(unbroken, tmp_path):
    fit(tmp_path, seed=2)
    mine, its = state_of(tmp_path), state_of(unbroken)
    assert not any(torch.equal(mine[name], its[name]) for name in mine if name.endswith("weight"))


def test_the_seed_decides_first_weights_batches_and_augmentation(tmp_path, monkeypatch):
    seen = []

    def watched(clips, chosen, *rest, call=engine.make_batch):
        batch = call(clips, chosen, *rest)
        seen.append((chosen.tolist(), batch[0]))
        return batch

    monkeypatch.setattr(engine, "make_batch", watched)
    still = small_config(epochs=1, learning_rate=1e-30, batch_size=10)
    for seed in (1, 2):
        fit(tmp_path / str(seed), still, seed=seed)
    (first, batch), (second, other) = seen
    assert first != second and sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(batch[np.argsort(first)], other[np.argsort(second)])
    # No step of this length moves a weight: what is left is what they started from.
    assert not torch.equal(*(state_of(tmp_path / str(seed))["conv2.weight"] for seed in (1, 2)))


@pytest.mark.parametrize("cuts", [(1,), (1, 2)])
def test_a_run_that_was_cut_off_ends_with_the_same_weights(unbroken, tmp_path, cuts):
    for epoch in cuts:
        assert fit(tmp_path, stop_after=epoch) is None
        assert (tmp_path / "checkpoint.pt").is_file() and not (tmp_path / "final.pt").exists()
        np.random.random(3), torch.rand(3)  # another process's generators stand elsewhere
    fit(tmp_path)
    assert same(state_of(tmp_path), state_of(unbroken)) and rows_of(tmp_path) == rows_of(unbroken)
    assert not (tmp_path / "checkpoint.pt").exists()
    assert f"going on after epoch {cuts[-1]}" in (tmp_path / "train.log").read_text()


@pytest.mark.parametrize("change", ["config", "seed", "data"])
def test_another_runs_state_is_not_gone_on_from(tmp_path, change):
    other = {
        "config": {"config": small_config(dropout=0.1)},
        "seed": {"seed": 5},
        "data": {"train": dataclasses.replace(TRAIN, labels=np.roll(TRAIN.labels, 1, axis=1))},
    }[change]
    fit(tmp_path / "mixed", stop_after=1, **other)
    fit(tmp_path / "mixed", stop_after=1)
    fit(tmp_path / "fresh", stop_after=1)
    mixed, fresh = (load(tmp_path / name / "checkpoint.pt")["model"] for name in ("mixed", "fresh"))
    assert same(mixed, fresh)


def test_a_damaged_state_starts_anew(unbroken, tmp_path):
    fit(tmp_path, stop_after=1)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    fit(tmp_path)
    assert same(state_of(tmp_path), state_of(unbroken))


def test_statistics_are_of_the_training_clips_only(tmp_path):
    train, valid = make_clips(6, 3, asr=True), make_clips(4, 4, asr=True)
    valid.features[:] += 1000
    valid.asr[:] += 1000
    fit(tmp_path, small_config(asr=True, epochs=1), train=train, valid=valid)
    normalisation = load(tmp_path / "final.pt")["normalisation"]
    for name, values in (("features", train.features), ("asr", train.asr)):
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        np.testing.assert_allclose(normalisation[name]["shift"], flat.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(normalisation[name]["scale"], 1 / flat.std(axis=0), rtol=1e-5)


def test_normalisation_by_the_clips_own_mean(tmp_path):
    """A recording's level and colour are taken out of it, and nothing of another clip gets in."""
    fit(tmp_path, small_config(normalisation="clip", epochs=1))
    detector = load_network(tmp_path)
    colour = np.linspace(-20, 20, 40, dtype=np.float32)
    scores = detector.scores_of_clips(VALID.features)
    np.testing.assert_allclose(detector.scores_of_clips(VALID.features + colour), scores, atol=1e-4)
    centred = TRAIN.features - TRAIN.features.mean(axis=1, keepdims=True, dtype=np.float64)
    stored = load(tmp_path / "final.pt")["normalisation"]["features"]
    np.testing.assert_allclose(stored["scale"], 1 / centred.reshape(-1, 40).std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(stored["shift"], 0, atol=1e-5)


def test_minmax_normalisation(tmp_path):
    fit(tmp_path, small_config(normalisation="minmax", epochs=1))
    stored = load(tmp_path / "final.pt")["normalisation"]["features"]
    scaled = (TRAIN.features - stored["shift"].numpy()) * stored["scale"].numpy()
    np.testing.assert_allclose(scaled.min(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.max(axis=(0, 1)), 1, atol=1e-5)


@pytest.mark.parametrize("positive_weight", [1.0, 4.0])
def test_the_loss_is_weighted_cross_entropy(tmp_path, positive_weight):
    config = small_config(epochs=1, batch_size=10, learning_rate=1e-30, positive_weight=positive_weight, **UNTOUCHED)
    fit(tmp_path, config)
    content = load(tmp_path / "final.pt")
    model = build_model(config, 40)
    model.load_state_dict(content["state"])
    statistic = content["normalisation"]["features"]
    with torch.no_grad():  # in training the batch is normalised by itself
        logits = model.train()((torch.from_numpy(TRAIN.features) - statistic["shift"]) * statistic["scale"])
    p, y = torch.sigmoid(logits.double()).numpy(), TRAIN.labels
    expected = -(positive_weight * y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert float(rows_of(tmp_path)[0]["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_batch_can_be_learnt_by_heart(tmp_path, precision):
    """Events that nothing in the noise tells of: only a network whose every part learns gets them right."""
    clips = make_clips(4, 5)
    clips = dataclasses.replace(clips, features=clips.features[:, :40], labels=clips.labels[:, :20])
    clips.features[:] = np.random.default_rng(6).normal(size=clips.features.shape)
    config = small_config(
        epochs=80, batch_size=4, learning_rate=0.01, schedule="constant", **UNTOUCHED, precision=precision
    )
    fit(tmp_path, config, train=clips, valid=clips)
    # The loss of the best constant answer: p maximises w·share·log p + (1 - share)·log(1 - p)
    share, weight = float(clips.labels.mean()), config.positive_weight
    p = weight * share / (weight * share + 1 - share)
    constant = -(weight * share * math.log(p) + (1 - share) * math.log(1 - p))
    rows = rows_of(tmp_path)
    assert float(rows[0]["loss"]) > 0.7 * constant
    assert float(rows[-1]["loss"]) < 0.1 * constant


def test_an_easy_event_is_found_and_the_thresholds_are_those_of_validation(tmp_path):
    config = small_config(epochs=25, learning_rate=0.01, dropout=0.0)
    fit(tmp_path, config)
    final, detector = load(tmp_path / "final.pt"), load_network(tmp_path)
    assert final["calibration"] is None
    scores = detector.scores_of_clips(VALID.features)
    expected = tune(scores, VALID.onset_s)
    assert expected.f_measure > 0.6
    assert final["validation"] == expected.as_dict()
    assert (detector.t_base, detector.beta, detector.max_gap_s) == (
        expected.t_base, expected.beta, expected.max_gap_s,
    )  # fmt: skip
    # The epoch kept is the best of metrics.csv: F, then error rate, then loss.
    rows = rows_of(tmp_path)
    best = max(rows, key=lambda row: (float(row["f_measure"]), -float(row["error_rate"]), -float(row["valid_loss"])))
    assert final["epoch"] == int(best["epoch"])
    # Weighted cross-entropy written out, of the kept weights
    p, y = scores.astype(np.float64), VALID.labels
    loss = -(config.positive_weight * y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert loss == pytest.approx(float(best["valid_loss"]), abs=2e-5)


@pytest.mark.parametrize("onsets", [False, True], ids=["event", "event and onset"])
def test_scores_are_calibrated_on_validation_and_thresholds_are_for_those(tmp_path, onsets):
    """Trained with frames of the event counting four times, scores come out too high: against the network's own scores,
    calibrated ones are as many as there are events, and their cross-entropy is the least that a slope and an offset
    give, at which its derivatives vanish."""
    clips = make_clips(40, 2)
    late = {"labels": np.roll(clips.labels, 2, axis=1), "onset_s": clips.onset_s + 0.2}  # so no slope is enough
    clips = dataclasses.replace(clips, **late)
    changes = {"model": "crnn", "context_frames": 0, "onsets": onsets, "positive_weight": 4.0}
    changes |= {"epochs": 20, "learning_rate": 0.01}
    each = {}
    for calibrate in (False, True):
        fit(tmp_path / str(calibrate), small_config(calibrate=calibrate, **changes), valid=clips)
        each[calibrate] = load_network(tmp_path / str(calibrate))
    assert same(*(state_of(tmp_path / str(calibrate)) for calibrate in (False, True)))  # the weights stay
    raw, scores = (each[calibrate].tracks_of_clips(clips.features).astype(np.float64) for calibrate in (False, True))
    wanted = [clips.labels]
    if onsets:
        begins = np.zeros_like(clips.labels)
        for row in np.flatnonzero(~np.isnan(clips.onset_s)):
            begins[row, round(clips.onset_s[row] * 10)] = 1
        wanted.append(begins)
    for track, labels in enumerate(wanted):
        before, after = (each[..., track] if onsets else each for each in (raw, scores))
        error = after - labels
        assert abs(before.mean() - labels.mean()) > 0.2 * labels.mean() > 20 * abs(error.mean())
        odds = np.log(before) - np.log1p(-before)
        assert abs((error * (odds - odds.mean())).mean()) < 1e-3 * np.abs(odds - odds.mean()).mean()
    tuned = tune(scores, clips.onset_s)
    assert (each[True].t_base, each[True].beta) == (tuned.t_base, tuned.beta)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_loss_that_is_not_a_number_stops_with_its_cause(tmp_path, precision):
    config = small_config(learning_rate=1e30, gradient_clip=0.0, warmup_steps=0, precision=precision)
    with pytest.raises(DataError, match=r"small: .* is not finite in epoch \d+, step \d+; .*lower learning_rate \(1e"):
        fit(tmp_path, config)
    assert not (tmp_path / "final.pt").exists()


def test_the_first_culprit_is_named():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    fine, nan = torch.tensor(1.0), torch.tensor(math.nan)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    model[1].weight.grad[0, 0] = math.inf

    def message(logits, loss):
        return engine.what_is_not_finite(small_config(), 2, 6, logits, loss, model)

    assert message(nan, nan).startswith("small: the network's output is not finite in epoch 2, step 7")
    assert message(fine, nan).startswith("small: the loss is not finite")
    assert message(fine, fine).startswith("small: the gradient of 1.weight is not finite")


@pytest.mark.parametrize("lowest,epochs", [(1, 3), (4, 6), (9, 9)])
def test_training_stops_when_neither_measure_nor_loss_gets_better(tmp_path, monkeypatch, lowest, epochs):
    def validation(run, epoch):  # the first epoch is the best; the network detects nothing after it
        return {"valid_loss": 1 + abs(epoch - lowest), "average_f": float(epoch == 1), "error_rate": 1.0}

    monkeypatch.setattr(engine.Run, "validate", validation)
    fit(tmp_path, small_config(epochs=9, patience=2))
    assert len(rows_of(tmp_path)) == epochs and load(tmp_path / "final.pt")["epoch"] == 1


@pytest.mark.parametrize("select,best", [("average_f", 2), ("error_rate", 3), ("last", 4)])
def test_the_best_epoch_is_chosen_by_what_the_configuration_says(tmp_path, monkeypatch, select, best):
    told = iter([(0.5, 0.9, 0.6), (0.7, 0.8, 0.7), (0.6, 0.7, 0.7), (0.1, 1.2, 0.1)])  # average F, error rate, F

    def measures(scores, clips, config):
        return {**dict(zip(("average_f", "error_rate", "f_measure"), next(told), strict=True)), "onset_delay_s": None}

    monkeypatch.setattr(engine, "measures", measures)
    fit(tmp_path, small_config(epochs=4, select=select))
    assert load(tmp_path / "final.pt")["epoch"] == best


def test_order_of_epochs():
    row = {"average_f": 0.5, "error_rate": 0.5, "valid_loss": 1.0}
    better = {**row, "valid_loss": 0.9}, {**row, "average_f": 0.6, "valid_loss": 2.0}
    for one in better:
        assert merit(one) > merit(row) and merit(one, "error_rate") > merit(row, "error_rate")
    few = {"average_f": 0.1, "error_rate": 0.4, "valid_loss": 9.0}
    assert merit(few) < merit(row) and merit(few, "error_rate") > merit(row, "error_rate")
    none = {"average_f": None, "error_rate": None, "valid_loss": 0.1}
    assert merit(none) < merit(row) and merit(none, "error_rate") < merit(row, "error_rate")


def test_learning_rates():
    steady = small_config(learning_rate=0.5, warmup_steps=4, schedule="constant")
    rates = [engine.learning_rate(steady, step, 100, 1) for step in range(6)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
    cosine = small_config(learning_rate=0.5, warmup_steps=0, schedule="cosine")
    assert [engine.learning_rate(cosine, step, 100, 1) for step in (0, 50, 100)] == pytest.approx([0.5, 0.25, 0])
    decay = small_config(learning_rate=0.5, warmup_steps=0, schedule="decay", decay=0.25)
    assert [engine.learning_rate(decay, 0, 100, epoch) for epoch in (1, 2, 5)] == pytest.approx([0.5, 0.4, 0.25])


def test_averaged_weights_follow():
    model, average = (torch.nn.BatchNorm1d(2) for _ in range(2))
    with torch.no_grad():
        model.weight.fill_(2.0)
        average.weight.fill_(1.0)
        model.running_mean.fill_(5.0)
    engine.update_average(average, model, 0.9, 10**6)
    torch.testing.assert_close(average.weight.data, torch.full((2,), 1.1))
    assert torch.equal(average.running_mean, model.running_mean)
    engine.update_average(average, model, 0.9, 0)  # at the start a tenth is kept
    torch.testing.assert_close(average.weight.data, torch.full((2,), 0.1 * 1.1 + 0.9 * 2))


def test_training_from_a_data_directory(unbroken, tmp_path):
    folder = write_data_dir(tmp_path / "data", TRAIN, VALID)
    path = engine.train(engine.Task(small_config(), "cry", frontend={"name": "logmel40"}), folder, tmp_path / "out")
    assert same(state_of(path.parent), state_of(unbroken))
    with pytest.raises(DataError, match="no train clip has the event 'shot'"):
        engine.train(engine.Task(small_config(), "shot"), folder, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_gradual_training_uses_both_streams(tmp_path):
    train, valid = make_clips(4, 7, asr=True), make_clips(4, 8, asr=True)
    fit(tmp_path, small_config(asr=True, epochs=1), train=train, valid=valid, asr={"model": "m", "layer": "l"})
    content = load(tmp_path / "final.pt")
    assert content["asr"] == {"model": "m", "layer": "l", "dim": ASR_DIM, "tuned": None}
    torch.manual_seed(1)
    fresh = build_model(small_config(asr=True), 40, ASR_DIM)
    moved = content["state"]["classifier.weight"] - fresh.classifier.weight
    assert (moved[0, -ASR_DIM:] != 0).all()
    assert statistics(train.asr)["shift"].tolist() == content["normalisation"]["asr"]["shift"].tolist()
