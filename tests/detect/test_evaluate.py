"""``pysed evaluate``: the contract's files, the same scores as the detector alone, errors."""

import json

import kaldiio
import numpy as np
import pytest
from scipy.signal import medfilt
from small_detector import ASR_DIM, make_data_dir, make_model

from pysed.cli import main
from pysed.decision.postprocess import detect_event
from pysed.detector.checkpoint import load_network
from pysed.events import read_events
from pysed.features.grid import to_grid
from pysed.score.counts import read_counts
from pysed.score.psds import SCENARIOS, psds
from pysed.score.reference import read_reference

ASR = {"model": "models/demo", "layer": "prefinal-l", "dim": ASR_DIM}


@pytest.fixture
def data_dir(tmp_path):
    return make_data_dir(tmp_path / "data/devtest")


def run(model, data, out) -> int:
    return main(["evaluate", "--model", str(model), "--data", str(data), "--out", str(out)])


@pytest.mark.parametrize("asr", [None, ASR], ids=["cbrnn", "gradual"])
def test_outputs(tmp_path, data_dir, asr):
    model = make_model(tmp_path / "model", asr, t_base=0.45)
    assert run(model, data_dir, tmp_path / "out") == 0
    detector = load_network(model)
    scores = kaldiio.load_scp(str(tmp_path / "out/scores_devtest.scp"))
    feats = kaldiio.load_scp(str(data_dir / "feats_logmel40.scp"))
    prefinal = kaldiio.load_scp(str(data_dir / "prefinal.scp"))
    events = read_events(tmp_path / "out/events_devtest.tsv")
    assert list(events) == ["u1.wav", "u2.wav", "u3.wav"]
    for name, frames in (("u1", 300), ("u2", 300), ("u3", 21)):
        grid = to_grid(prefinal[name], num_frames=frames) if asr else None
        expected = detector.scores(feats[name], grid)
        assert scores[name].shape == (frames, 1)
        np.testing.assert_allclose(scores[name][:, 0], expected, atol=1e-6)
        found = detect_event(scores[name], 0.45, 0.0, max_gap_s=1.0)
        assert [(e.onset_s, e.offset_s, e.label) for e in events[f"{name}.wav"]] == (
            [] if found is None else [(*found, "cry")]
        )
    score = json.loads((tmp_path / "out/score_devtest.json").read_text())
    assert list(score)[:3] == ["event", "system", "subset"]
    for key in (
        "error_rate", "f_measure", "precision", "recall", "num_reference", "num_detected", "insertions", "deletions",
        "threshold", "beta", "seed", "sed_eval",
    ):  # fmt: skip
        assert key in score
    assert (score["num_reference"], score["num_files"], score["subset"]) == (1, 3, "devtest")
    assert score["system"] == ("gradual" if asr else "cbrnn")
    smooth = {f"{name}.wav": medfilt(scores[name][:, 0], 3) for name in scores}
    for name, scenario in SCENARIOS.items():
        assert score[name] == psds(smooth, read_reference(data_dir), "cry", scenario)
    # u2 alone has an event, from 3 to 4 s
    flat = np.concatenate([scores[name][:, 0] for name in ("u1", "u2", "u3")]).astype(np.float64)
    held = np.concatenate([np.zeros(300), np.arange(300) // 10 == 3, np.zeros(21)])
    tenths = [np.floor(10 * flat) == tenth for tenth in range(10)]
    expected = sum(abs((flat - held)[tenth].sum()) for tenth in tenths) / len(flat)
    assert score["expected_calibration_error"] == pytest.approx(expected)
    files, counts, *_ = read_counts(tmp_path / "out/counts_devtest.tsv")
    assert files == list(events)
    assert counts[:, [0, 2]].sum() == 1 and counts[:, :2].sum() == score["num_detected"]
    assert counts[:, 1].sum() == score["insertions"] and counts[:, 2].sum() == score["deletions"]
    cost = json.loads((tmp_path / "out/cost_devtest.json").read_text())
    assert cost["parameters"] == sum(value.numel() for value in detector.model.parameters())
    assert cost["audio_s"] == pytest.approx(62.1)  # 300, 300, 21 score frames
    assert cost["times_real_time"] == pytest.approx(cost["audio_s"] / cost["seconds"], rel=0.01)


def test_errors_leave_no_outputs(tmp_path, data_dir, capsys):
    model = make_model(tmp_path / "model", {**ASR, "dim": ASR_DIM + 1})
    plain = make_model(tmp_path / "plain")
    other = data_dir.with_name("other")
    other.mkdir()
    cases = [
        (model, data_dir, ["prefinal.scp", f"expected rows of {ASR_DIM + 1}"]),
        (tmp_path / "none", data_dir, ["none", "no such file"]),
        (plain, other, ["wav.scp", "no such file"]),
        (plain, tmp_path / "none", ["wav.scp", "no such file"]),
    ]
    for folder, data, words in cases:
        assert run(folder, data, tmp_path / "out") == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1 and all(word in err for word in words), err
    (data_dir / "wav.scp").write_text("u1 u1.wav\nu2 u2.wav\nu9 u9.wav\n")
    assert run(plain, data_dir, tmp_path / "out") == 2
    assert "no utterance u9" in capsys.readouterr().err
    (data_dir / "feats_logmel40.scp").unlink()
    assert run(plain, data_dir, tmp_path / "out") == 2
    assert "as the feature stages write" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["evaluate"]) == 2


def test_features_that_are_not_finite(tmp_path, data_dir, capsys):
    from pysed.kaldi.tables import TableWriter

    with TableWriter(f"ark,scp:{data_dir}/g.ark,{data_dir}/feats_logmel40.scp", "matrix") as table:
        for name in ("u1", "u2", "u3"):
            table.write(name, np.full((20, 40), np.nan, np.float32))
    assert run(make_model(tmp_path / "model"), data_dir, tmp_path / "out") == 2
    assert "not finite" in capsys.readouterr().err
