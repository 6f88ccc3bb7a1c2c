"""``pysed export --format onnx``: files that give, by onnxruntime, what the toolkit gives."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from recurrent_cases import NETWORKS
from small_detector import make_model
from test_export import SYSTEMS, make, noise

from pysed import Decision, Detector
from pysed.cli import main
from pysed.decision.postprocess import detect_batch
from pysed.detector.checkpoint import TrainedNetwork
from pysed.detector.config import load_config
from pysed.errors import DataError
from pysed.export import onnx_files
from pysed.export.folder import export_model
from pysed.export.onnx_files import write_onnx
from pysed.export.traced import LayerOfInputs, ScoresOfFeatures
from pysed.features.frontend import FrontEnd, load_frontend
from pysed.features.grid import to_grid
from pysed.features.of_samples import AsrFeatures, as_int16_values, sed_features
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.networks import build_model

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
ROOT = Path(__file__).parents[2]
CONFIGS = sorted([*(ROOT / "conf/systems").glob("*.yaml"), *(ROOT / "conf/paper").glob("*.yaml")])
QUICK = {"cbrnn_paper", "cnn1d_rnn", "finetune", "gradual", "mlp", "multitask"}  # a system of each network


def thorough_unless(quick: bool) -> tuple:
    return () if quick else (pytest.mark.thorough,)


def run(path: Path, **inputs: np.ndarray) -> np.ndarray:
    """The output, of what of the inputs the file takes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = {each.name for each in model.get_inputs()}
    return model.run(None, {name: value for name, value in inputs.items() if name in taken})[0]


def random_network(path: Path, changes: dict | None = None) -> TrainedNetwork:
    """The network of a system's YAML, or that with changed keys, every weight and statistic drawn."""
    config = load_config(path, changes or {})
    frontend = load_frontend(ROOT / f"conf/frontends/{config.frontend}.yaml")
    torch.manual_seed(0)
    scenes = 5 if config.scene_weight else 0
    asr_dim = 128 if config.asr else 0
    model = build_model(config, frontend.num_mel_bins, asr_dim, frontend.frames_per_label, scenes).eval()
    with torch.no_grad():
        for values in model.parameters():
            values.add_(torch.randn_like(values) * 0.05)
        for name, values in model.named_buffers():
            if name.endswith("running_var"):
                values.uniform_(0.5, 2)
    normalisation = {
        name: {"kind": kind, "shift": np.full(width, 3, np.float32), "scale": np.full(width, 0.5, np.float32)}
        for name, kind, width in (
            ("features", config.normalisation, frontend.num_mel_bins),
            ("asr", config.asr_normalisation, 128),
        )
    }
    asr = {"model": "models/demo", "layer": "prefinal-l", "dim": 128} if config.asr else None
    return TrainedNetwork(config, "cry", model, normalisation, frontend.as_dict(), asr, 0.5, 0.0, 1.0, 1.0, 1)


@pytest.mark.parametrize(
    "path,changes",
    [
        *(pytest.param(path, {}, id=path.stem, marks=thorough_unless(path.stem in QUICK)) for path in CONFIGS),
        pytest.param(
            ROOT / "conf/systems/cbrnn.yaml", {"frontend": "logmel128_10ms", "stacked_frames": 5}, id="cbrnn_10ms"
        ),
    ],
)
def test_every_system(path, changes, tmp_path):
    network = random_network(path, changes)
    write_onnx(network, None, tmp_path)
    rng = np.random.default_rng(1)
    for num_scores in (1, 2, 13, 300, 451):
        shape = (2, num_scores * network.frames_per_label, len(network.normalisation["features"]["shift"]))
        features = rng.normal(3, 2, shape).astype(np.float32)
        asr = rng.normal(3, 2, (2, num_scores, 128)).astype(np.float32) if network.config.asr else None
        expected = network.tracks_of_clips(features, asr)
        found = run(tmp_path / "detector.onnx", features=features, asr=asr)
        assert expected.shape == found.shape == (2, num_scores, 2)[: 3 if network.scores_onsets else 2]
        assert num_scores < 10 or expected.std() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layer", ["prefinal-l", pytest.param("output", marks=pytest.mark.thorough)])
def test_the_recogniser(layer, tmp_path):
    recogniser = AsrFeatures(ROOT / "models/demo", layer)
    rng = np.random.default_rng(1)
    onnx_files._write_recogniser(recogniser, tmp_path / "r.onnx", rng)
    for num_frames in (1, 2, 3, 149, 150, 151, 299, 1000):
        feats = rng.normal(0, 10, (num_frames, 40)).astype(np.float32)
        ivectors = rng.normal(0, 1, (-(-num_frames // 10), 40)).astype(np.float32)
        expected = recogniser.network.compute(feats, ivectors)
        found = run(tmp_path / "r.onnx", feats=feats, ivectors=ivectors)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    other = run(tmp_path / "r.onnx", feats=feats, ivectors=ivectors + 1)
    assert np.abs(other - found).max() > 1e-3


@pytest.mark.parametrize(
    "system", [pytest.param(name, marks=thorough_unless(name in ("folds", "joint_asr"))) for name in SYSTEMS]
)
def test_a_caller_gets_the_detectors_scores(system, tmp_path):
    """By the steps of ONNX.md, on a clip of the window's length."""
    model = make(tmp_path / "model", system, ROOT / "models/demo")
    out = export_model(model, tmp_path / "out", ROOT / "models/demo", more=onnx_files.write_onnx)
    settings, detector = json.loads((out / "onnx.json").read_text()), Detector.load(out)
    samples = noise()
    values = as_int16_values(samples)
    features = sed_features(values, FrontEnd.from_dict(settings["front_end"]))
    inputs = {"features": features[None]}
    if detector.recogniser is not None:
        feats, ivectors = detector.recogniser.inputs(values)
        rows = run(out / settings["recogniser"]["file"], feats=feats, ivectors=ivectors)
        inputs["asr"] = to_grid(rows, num_frames=len(features) // settings["detector"]["frames_per_score"])[None]
    scores = run(out / settings["detector"]["file"], **inputs)
    np.testing.assert_allclose(scores[0], detector.scores(samples, 16000), rtol=0, atol=1e-4)
    rule = settings["decision"]
    (onset,), (offset,) = detect_batch(scores, rule.pop("threshold"), **rule)
    expected = detector.detect(samples, 16000, Decision(one_event=True))
    assert [(onset, offset)] == [(each.onset_s, each.offset_s) for each in expected] or (
        np.isnan(onset) and not expected
    )
    text = (out / "ONNX.md").read_text()
    assert ("recogniser.onnx" in text) == ((out / "recogniser.onnx").is_file()) == (detector.recogniser is not None)
    assert (
        "detector.onnx" in (out / "SHA256SUMS").read_text() and "`detector.onnx`" in (out / "MODEL_CARD.md").read_text()
    )


def refused(capsys, *options: str) -> str:
    assert main(["export", *options, "--format", "onnx"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    model = make_model(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "onnx", None)
    line = refused(capsys, str(model), str(tmp_path / "outs/a"))
    assert "package onnx is needed" in line and "pip install 'rare-sed[onnx]'" in line
    assert not (tmp_path / "outs").exists()


def test_what_onnx_cannot_hold_or_has_otherwise_is_refused(tmp_path, monkeypatch, capsys):
    model = make_model(tmp_path / "model")
    forward = ScoresOfFeatures.forward
    monkeypatch.setattr(ScoresOfFeatures, "forward", lambda self, *inputs: forward(self, *inputs) + 0.001)
    assert "gives other results" in refused(capsys, str(model), str(tmp_path / "outs/a"))
    monkeypatch.setattr(ScoresOfFeatures, "forward", lambda self, x: torch.linalg.eigvals(x[:, :40, :40]).real[:, :, 0])
    assert "cannot be written as ONNX" in refused(capsys, str(model), str(tmp_path / "outs/a"))
    assert not list((tmp_path / "outs").iterdir())


def test_a_recogniser_that_hears_chunks_otherwise_is_refused():
    with pytest.raises(DataError, match="recurrent network, or one that pools"):
        LayerOfInputs(NnetComputer(NETWORKS["both ways"]()))
