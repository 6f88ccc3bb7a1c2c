"""The trainable module: the evaluator's values, gradients against differences of the float64 account, the way back."""

import copy

import numpy as np
import pytest
import torch
from nnet3_cases import features, network, tdnnf_network
from nnet3_reference import compute

from pysed.errors import DataError
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.module import NnetModule
from pysed.kaldi.nnet3.random_model import ModelShape, random_model, randomise, write_random_model
from pysed.kaldi.nnet3.reader import read_model
from pysed.kaldi.tables import read_object

ONE_CHUNK = ChunkOptions(frames_per_chunk=1200, frame_subsampling_factor=3)


def test_values_are_the_evaluators():
    nnet = tdnnf_network()
    module = NnetModule(nnet, "output", step=3)
    feats = np.stack([features(20, 4, seed) for seed in (1, 2)])
    ivectors = np.stack([features(1, 3, seed)[0] for seed in (3, 4)])
    found = module(torch.from_numpy(feats), torch.from_numpy(ivectors)).detach().numpy()
    computer = NnetComputer(nnet, "output", ONE_CHUNK)
    for row in range(2):
        np.testing.assert_allclose(found[row], computer.compute(feats[row], ivectors[row]), rtol=1e-5, atol=1e-5)
    assert sum(p.numel() for p in module.parameters()) == nnet.num_parameters() == 374


@pytest.mark.parametrize("name, token", [
    ("tdnn1.affine", "BiasParams"), ("f2.linear", "LinearParams"), ("f2.affine", "BiasParams"),
    ("prefinal-l", "Params"), ("output.affine", "LinearParams"),
])  # fmt: skip
def test_gradient(name, token):
    """Of the sum of squares by each number of one component, beside central differences in float64."""
    nnet, feats, ivector = tdnnf_network(), features(7, 4), features(1, 3)[0]
    module = NnetModule(nnet, "output", step=3)
    result = module(torch.from_numpy(feats)[None], torch.from_numpy(ivector)[None])
    result.square().sum().backward()
    parameters = module.biases if token == "BiasParams" else module.weights
    found = parameters[name.replace(".", "/")].grad.numpy()
    shifted = copy.deepcopy(nnet)
    values = shifted.components[name].fields[token] = shifted.components[name][token].astype(np.float64)

    def loss() -> float:
        return float(np.square(compute(shifted, feats, ivector, ONE_CHUNK, (4, 4))).sum())

    picked = [np.unravel_index(i, values.shape) for i in range(0, values.size, max(1, values.size // 12))]
    for place in picked:
        kept = values[place]
        values[place] = kept + 1e-5
        above = loss()
        values[place] = kept - 1e-5
        difference = (above - loss()) / 2e-5
        values[place] = kept
        assert found[place] == pytest.approx(difference, rel=1e-3, abs=1e-4 * float(np.abs(found).max())), place


def test_training_and_the_way_back():
    """A few steps lower the loss; the network written from the module computes what the module does."""
    nnet = tdnnf_network()
    module = NnetModule(nnet, "prefinal-l")
    feats, ivectors = torch.from_numpy(features(12, 4))[None], torch.from_numpy(features(1, 3))
    target = torch.from_numpy(features(12, 5, seed=9))[None]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = (module(feats, ivectors) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert "output/affine" not in module.weights  # the node does not need it, so it is kept as it was
    trained = module.to_nnet()
    expected = module(feats, ivectors)[0].detach().numpy()
    found = NnetComputer(trained, "prefinal-l", ChunkOptions(frames_per_chunk=12)).compute(
        feats[0].numpy(), ivectors[0].numpy()
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    before = NnetComputer(nnet, "prefinal-l", ChunkOptions(frames_per_chunk=12)).compute(
        feats[0].numpy(), ivectors[0].numpy()
    )
    assert np.abs(before - expected).max() > 0.1  # the network that was given is untouched
    assert trained.config_lines() == nnet.config_lines()


@pytest.mark.parametrize("kind", ["SoftmaxComponent", "NormalizeComponent", "TanhComponent", "LogSoftmaxComponent"])
def test_gradients_pass_other_components(kind):
    """No operation overwrites what its gradient needs."""
    lines = ["input-node name=input dim=4", "component name=a type=AffineComponent input-dim=4 output-dim=4"]
    lines += ["component-node name=a component=a input=input", "component-node name=c component=c input=Sum(a, input)"]
    fields = (
        {"Dim": 4} if kind != "NormalizeComponent" else {"Dim": 4, "TargetRms": np.float32(1), "AddLogStddev": True}
    )
    nnet = network("\n".join([*lines, "output-node name=output input=Scale(2, c)"]), {"c": Component(kind, fields)})
    module = NnetModule(nnet)
    module(torch.from_numpy(features(5, 4))[None]).square().sum().backward()
    assert module.weights["a"].grad.abs().max() > 1e-4


def test_input_that_does_not_fit():
    module = NnetModule(tdnnf_network())
    with pytest.raises(DataError, match=r"features of shape \(1, 5, 3\); expected \(B, T, 4\)"):
        module(torch.zeros(1, 5, 3), torch.zeros(1, 3))
    with pytest.raises(DataError, match="i-vectors of width 3"):
        module(torch.zeros(1, 5, 4))


def test_random_model(tmp_path):
    """The benchmark's network in small: written, read, its context as stated, and equal numbers each time."""
    shape = ModelShape(dim=12, bottleneck_dim=4, prefinal_dim=6, num_pdfs=10, ivector_dim=3, strides=(1, 0, 3))
    write_random_model(tmp_path / "final.mdl", shape)
    model = read_model(read_object(str(tmp_path / "final.mdl")))
    computer = NnetComputer(model.nnet)
    assert (computer.left_context, computer.right_context) == (model.left_context, model.right_context) == (5, 5)
    assert model.transitions.num_pdfs == model.nnet.output_dim() == 10
    found = computer.compute(features(30, 40), features(3, 3))
    assert found.shape == (30, 10) and np.isfinite(found).all() and found.std() > 0.01
    again = NnetComputer(random_model(shape).nnet).compute(features(30, 40), features(3, 3))
    np.testing.assert_array_equal(found, again)
    with pytest.raises(ValueError, match="7 pdfs; expected an even number"):
        random_model(ModelShape(num_pdfs=7))


def test_random_weights_of_a_trained_shape():
    """All weights new, the fixed layer kept; mean 0 and variance 1 after each batch norm on what they were set by."""
    shape = ModelShape(dim=12, bottleneck_dim=4, prefinal_dim=6, num_pdfs=10, ivector_dim=3, strides=(1, 0, 3))
    nnet, before = random_model(shape).nnet, random_model(shape).nnet
    recordings = [(features(150, 40, seed), features(15, 3, seed)) for seed in (1, 2)]
    randomise(nnet, recordings, seed=5)
    for name, component in nnet.components.items():
        key = next((key for key in ("LinearParams", "Params") if key in component.fields), None)
        if key is not None:
            kept = np.array_equal(component[key], before.components[name][key])
            assert kept == (component.type == "FixedAffineComponent"), name
    norms = [name for name, component in nnet.components.items() if component.type == "BatchNormComponent"]
    assert len(norms) == 8
    for name in norms:
        computer = NnetComputer(nnet, name, ChunkOptions(150, 3))
        values = np.concatenate([computer.compute(*recording) for recording in recordings])
        silent = nnet.components[name]["StatsVar"] < 0.05  # units that hardly fire: the norm's epsilon of 0.001 counts
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(values.std(axis=0)[~silent], 1, atol=0.02)


def test_share_of_work_is_counted():
    """One chunk of 7 outputs in steps of 3 over a layer of three offsets: 7 · 3 · 4 · 5 products, and 7 · 5 · 2."""
    config = "input-node name=input dim=4\n"
    config += "component name=a type=TdnnComponent input-dim=4 output-dim=5 time-offsets=-3,0,3\n"
    config += "component-node name=a component=a input=input\ncomponent name=r type=TanhComponent dim=5\n"
    config += (
        "component-node name=r component=r input=a\ncomponent name=b type=AffineComponent input-dim=5 output-dim=2\n"
    )
    config += "component-node name=b component=b input=r\noutput-node name=output input=b"
    assert NnetComputer(network(config), "output", ONE_CHUNK).num_products(20) == 7 * 60 + 7 * 10
