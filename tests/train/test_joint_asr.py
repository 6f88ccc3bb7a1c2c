"""The recogniser's last layers in training: the recipe's features to begin with, gradients where they belong."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pysed.audio import read_audio
from pysed.cli import main
from pysed.detect.detector import analyse_file, load_detectors
from pysed.detector import checkpoint
from pysed.detector.config import config_from_dict
from pysed.errors import DataError
from pysed.features.frontend import load_frontend
from pysed.features.grid import to_grid
from pysed.features.normalise import apply_normalisation, statistics
from pysed.features.of_samples import AsrFeatures, as_int16_values, sed_features
from pysed.kaldi.tables import TableWriter
from pysed.networks import build_model
from pysed.score.evaluate import score_clips
from pysed.train import engine
from pysed.train.clips import Clips
from pysed.train.engine import parameter_groups
from pysed.train.joint import JointLayers

MODEL = Path(__file__).parents[2] / "models/demo"
CONFIG = config_from_dict(
    {
        "system": "joint", "asr": True, "asr_layers": 2, "channels": 32, "temporal_hidden": 8, "gru_hidden": 4,
        "dropout": 0.0, "asr_dropout": 0.0,
    },
    "test",
)  # fmt: skip


def test_joint_network(tmp_path):
    """Two clips of 4 s: two chunks and a shorter one each."""
    rng = np.random.default_rng(0)
    mfcc, ivectors = rng.normal(size=(2, 400, 40)), rng.normal(size=(2, 40, 40))
    for name, values in (("mfcc_hires", mfcc), ("ivectors", ivectors)):
        with TableWriter(f"ark,scp:{tmp_path}/{name}.ark,{tmp_path}/{name}.scp", "matrix") as table:
            for index, matrix in enumerate(values.astype(np.float32)):
                table.write(f"c{index}", matrix)
    recogniser = AsrFeatures(MODEL, "prefinal-l")
    asr = np.stack(
        [
            to_grid(recogniser.network.compute(*pair), num_frames=40)
            for pair in zip(mfcc.astype(np.float32), ivectors.astype(np.float32), strict=True)
        ]
    )
    features = rng.normal(size=(2, 80, 40)).astype(np.float32)
    clips = Clips(["c0", "c1"], features, asr, np.zeros((2, 40), np.float32), np.full(2, np.nan))
    normalise = {name: statistics(values, "clip") for name, values in (("features", features), ("asr", asr))}
    layers = JointLayers(CONFIG, tmp_path, clips.names, {"model": str(MODEL), "layer": "prefinal-l"})
    gradual = build_model(CONFIG, 40, 128).eval()
    joint, placed, _ = layers.join(gradual, clips, clips, normalise["asr"])
    assert placed.asr is None and placed.places.dtype == np.int64
    second = apply_normalisation(asr, normalise["asr"])
    x, places = torch.from_numpy(features), torch.from_numpy(placed.places)
    # Untrained, and so with a learning rate of 0, the gradual network's output; of turned and cut clips too.
    torch.testing.assert_close(joint(x, places), gradual(x, torch.from_numpy(second)), rtol=1e-4, atol=1e-4)
    turned = np.roll(second, 7, axis=1)[:, 3:23]
    torch.testing.assert_close(
        joint(x[:, :40], places.roll(7, 1)[:, 3:23]), gradual(x[:, :40], torch.from_numpy(turned)), rtol=1e-4, atol=1e-4
    )
    # A copy, as the averaged network is, computes with its own weights.
    other = copy.deepcopy(joint)
    torch.nn.init.zeros_(other.upper.weights["prefinal-l"])
    assert not torch.allclose(other(x, places), joint(x, places))
    joint(x, places).square().sum().backward()
    assert set(joint.upper.weights) == {"tdnnf8/linear", "tdnnf8/affine", "prefinal-l"}
    assert all((p.grad != 0).any() for p in joint.upper.parameters())
    groups = parameter_groups(joint, CONFIG)
    assert sorted(g["share"] for g in groups) == pytest.approx([0.01, 1.0])
    # Tuned weights in the recogniser give the joint network's features.
    with torch.no_grad():
        joint.upper.weights["tdnnf8/linear"].mul_(1.1)
    tuned = layers.parted(joint.state_dict())[1]
    rows = AsrFeatures(MODEL, "prefinal-l", tuned).network.compute(
        mfcc[0].astype(np.float32), ivectors[0].astype(np.float32)
    )
    expected = apply_normalisation(to_grid(rows, num_frames=40), normalise["asr"])
    found = joint.asr_features(torch.tensor([0]))[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(found - second[0]).max() > 0.01
    with pytest.raises(DataError, match="no weights weights.x of shape"):
        AsrFeatures(MODEL, "prefinal-l", {"weights.x": torch.zeros(1)})


def test_detection_is_the_recipes(tmp_path, root, capsys):
    """A trained model's scores and events by pysed detect, of a wav alone, and by pysed evaluate, of the archives."""
    frontend = load_frontend(root / "conf/frontends/logmel40.yaml")
    recogniser = AsrFeatures(MODEL, "prefinal-l")
    data, rng = tmp_path / "devtest", np.random.default_rng(0)
    data.mkdir()
    names = [f"c{index}" for index in range(4)]
    streams: dict[str, dict] = {name: {} for name in ("feats_logmel40", "mfcc_hires", "ivectors", "prefinal")}
    for name in names:
        soundfile.write(data / f"{name}.wav", rng.normal(0, 0.05, 64000), 16000)  # of 16 bits
        samples = as_int16_values(read_audio(data / f"{name}.wav")[0])
        inputs = recogniser.inputs(samples)
        values = (sed_features(samples, frontend), *inputs, recogniser.network.compute(*inputs))
        for stream, matrix in zip(streams.values(), values, strict=True):
            stream[name] = matrix
    for stream, matrices in streams.items():
        with TableWriter(f"ark,scp:{data}/{stream}.ark,{data}/{stream}.scp", "matrix") as table:
            for name, matrix in matrices.items():
                table.write(name, matrix)
    (data / "wav.scp").write_text("".join(f"{name} {data}/{name}.wav\n" for name in names))
    (data / "utt2split").write_text("c0 train\nc1 train\nc2 valid\nc3 valid\n")
    (data / "events.tsv").write_text("c0\t1.0\t2.0\tcry\nc2\t2.0\t3.0\tcry\n")
    config = dataclasses.replace(CONFIG, epochs=2, epoch_steps=1, warmup_steps=0, asr_learning_rate=1e-3)
    asr = {"model": str(MODEL), "layer": "prefinal-l"}
    engine.train(engine.Task(config, "cry", 1, asr, frontend.as_dict()), data, tmp_path / "model")
    (data / "prefinal.scp").unlink()  # the model's own weights are not those any more

    (model,) = load_detectors([str(tmp_path / "model")])
    expected, _ = score_clips(data, model.network)
    content = checkpoint.load(tmp_path / "model/final.pt")
    content |= {"t_base": float(np.median(np.concatenate(list(expected.values())))), "beta": 0.0}  # half of all frames
    for name in names:
        ((scores,),) = [each.scores for each in analyse_file(data / f"{name}.wav", [model])]
        np.testing.assert_allclose(scores, expected[name], atol=1e-5)
    other = dataclasses.replace(model, recogniser=recogniser)
    ((scores,),) = [each.scores for each in analyse_file(data / "c0.wav", [other])]
    assert np.abs(scores - expected["c0"]).max() > 1e-4, "the trained layers are those that count"

    checkpoint.save(tmp_path / "model/final.pt", content)
    options = ["--model", str(tmp_path / "model")]
    assert main(["evaluate", *options, "--data", str(data), "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["detect", "--format", "list", "--one-event", *options, str(data)]) == 0
    found = capsys.readouterr().out
    assert found == (tmp_path / "events_devtest.tsv").read_text() and "\tcry\n" in found


def test_layers_without_a_recogniser(tmp_path):
    with pytest.raises(DataError, match="asr_layers 2 needs the recogniser: give --asr"):
        JointLayers(CONFIG, tmp_path, [], None)
    with pytest.raises(DataError, match="x: asr_layers 2; expected asr: true"):
        config_from_dict({"system": "x", "asr_layers": 2}, "x")
