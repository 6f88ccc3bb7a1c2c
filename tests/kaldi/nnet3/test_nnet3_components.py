"""Each component, and whole networks, against a frame-by-frame float64 account of what Kaldi computes."""

import numpy as np
import pytest
from nnet3_cases import components, features, network, tdnnf_network
from nnet3_reference import COMPONENTS, compute

from pysed.errors import DataError
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.components import SCHEMAS, Component
from pysed.kaldi.nnet3.computation import build_computation
from pysed.kaldi.nnet3.evaluate import NnetComputer

CASES = components()
# Read and copied, but refused by the evaluator.
ONLY_COPIED = {"GruNonlinearityComponent", "OutputGruNonlinearityComponent"}


def check(nnet, feats, ivectors=None, options=None, tolerance=2e-6):
    """The evaluator equals the reference; returns its result."""
    options = ChunkOptions(frames_per_chunk=6) if options is None else options
    computer = NnetComputer(nnet, "output", options)
    found = computer.compute(feats, ivectors)
    expected = compute(nnet, feats, ivectors, options, (computer.left_context, computer.right_context))
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    return found


def alone(name: str) -> tuple:
    """A network of one component, fed with what it needs, and features for it."""
    component = CASES[name]
    found = {"c": component}
    if component.type == "StatisticsPoolingComponent":
        found["s"] = CASES["StatisticsExtractionComponent"]
        lines = ["input-node name=input dim=3", "component-node name=s component=s input=input"]
        lines.append("component-node name=c component=c input=s")
        output, dim = "Round(c, 3)", 3
    else:
        dim = component.dims()[0] or 6
        lines = [f"input-node name=input dim={dim}", "component-node name=c component=c input=input"]
        output = "c"
    return network("\n".join([*lines, f"output-node name=output input={output}"]), found), features(13, dim)


@pytest.mark.parametrize("name", CASES)
def test_component_alone(name):
    nnet, feats = alone(name)
    found = check(nnet, feats)
    assert np.isfinite(found).all()
    assert len(np.unique(found.round(4))) > 3 or name == "DropoutMaskComponent"


@pytest.mark.parametrize("name", [n for n in CASES if CASES[n].dims() == (6, 6)])
def test_component_between_layers(name):
    """Where components are folded into their neighbours, the values stay."""
    before = "component name=a type=AffineComponent input-dim=4 output-dim=6 bias-stddev=1"
    after = "component name=b type=AffineComponent input-dim=6 output-dim=5"
    rest = "component-node name=a component=a input=input\ncomponent-node name=c component=c input={}\n"
    rest += "component-node name=b component=b input=c\noutput-node name=output input={}"
    relu = "component name=r type=RectifiedLinearComponent dim=6\ncomponent-node name=r component=r input=a"
    for middle, source in (("", "a"), (relu, "r")):
        for output in ("b", "Append(b, c)", "c", "Sum(c, Scale(-0.5, a))", "Sum(Offset(c, 1), Failover(c, a))"):
            config = "\n".join(["input-node name=input dim=4", before, after, middle, rest.format(source, output)])
            check(network(config, {"c": CASES[name]}), features(9, 4), tolerance=1e-5)


def test_every_component_type_is_accounted_for():
    """Nothing that is read is left without a reference or a refusal."""
    tested = {name.split("/")[0] for name in CASES}
    assert set(SCHEMAS) - tested - ONLY_COPIED == {"ConstantComponent"}  # it has a test of its own
    assert tested == set(COMPONENTS)


def test_extremes_of_nonlinearities():
    """Softmax is floored at 1e-20 and a row of zeros is normalised to zeros, as in Kaldi."""
    feats = np.zeros((2, 6), np.float32)
    feats[0, 0] = 100
    nnet, _ = alone("SoftmaxComponent")
    soft = NnetComputer(nnet).compute(feats)
    assert soft[0].tolist() == [1.0] + [np.float32(1e-20)] * 5
    np.testing.assert_allclose(soft[1], 1 / 6, rtol=1e-6)
    nnet, _ = alone("LogSoftmaxComponent")
    np.testing.assert_allclose(NnetComputer(nnet).compute(feats)[0], [0] + [-100] * 5, atol=1e-5)
    nnet, _ = alone("NormalizeComponent/blocks")
    floor = 2.0 * 2.0**-33
    expected = [0, 0, 0, np.log(floor), 0, 0, 0, np.log(floor)]
    np.testing.assert_allclose(NnetComputer(nnet).compute(feats[1:])[0], expected, rtol=1e-6)


def test_constant_needs_no_input():
    """A constant is there at any frame, whatever its node is said to read."""
    found = {"k": Component("ConstantComponent", dict(CASES["ConstantFunctionComponent"].fields), "k")}
    del found["k"].fields["InputDim"]
    config = "input-node name=input dim=2\ncomponent-node name=k component=k input=Offset(input, 1000)\n"
    nnet = network(config + "output-node name=output input=Append(input, k)", found)
    result = NnetComputer(nnet).compute(features(3, 2))
    np.testing.assert_array_equal(result, np.hstack([features(3, 2), np.tile(found["k"]["Output"], (3, 1))]))
    nnet = network("input-node name=input dim=2\noutput-node name=output input=Const(2.5, 3)")
    np.testing.assert_array_equal(NnetComputer(nnet).compute(features(4, 2)), np.full((4, 3), 2.5))


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("context", [{}, {"extra_left_context": 5, "extra_right_context_final": 0}])
def test_tdnnf_network(step, context):
    options = ChunkOptions(frames_per_chunk=12, frame_subsampling_factor=step, online_ivector_period=10, **context)
    nnet = tdnnf_network()
    for num_frames in (1, 2, 12, 40):
        check(nnet, features(num_frames, 4), features(-(-num_frames // 10), 3), options, tolerance=1e-5)


@pytest.mark.parametrize("output", ["n", "Append(n, a)", "Sum(n, Offset(a, 1))", "Append(n, Scale(2, n))", "Sum(n, n)"])
@pytest.mark.parametrize("total", ["Sum(Scale(-0.5, input), a)", "Sum(a, input)", "Sum(a, a)", "Sum(a, Offset(a, -2))"])
def test_sums_that_a_layer_may_take_over(total, output):
    """A bypass is added by the layer itself only where nobody else reads that layer."""
    config = (
        "input-node name=input dim=4\ncomponent name=a type=TdnnComponent input-dim=4 output-dim=4 time-offsets=-1,1\n"
    )
    config += f"component-node name=a component=a input=input\ncomponent-node name=n component=n input={total}\n"
    noop = Component("NoOpComponent", {"Dim": 4, "BackpropScale": np.float32(1)})
    check(network(f"{config}output-node name=output input={output}", {"n": noop}), features(9, 4), tolerance=1e-5)


def test_pooled_statistics_only_at_multiples_of_the_period():
    found = {"s": CASES["StatisticsExtractionComponent"], "c": CASES["StatisticsPoolingComponent"]}
    config = "input-node name=input dim=3\ncomponent-node name=s component=s input=input\n"
    config += "component-node name=c component=c input=s\noutput-node name=output input=Failover(c, Const(9, 8))"
    result = check(network(config, found), features(13, 3))
    assert np.all(result == 9, axis=1).tolist() == [bool(t % 3) for t in range(13)]


def test_variance_below_zero_counts_as_zero():
    """Rounding in the stored statistics: epsilon is what is left, 0.5 / √0.001."""
    nnet, _ = alone("BatchNormComponent")
    fields = {"StatsVar": np.full(6, -1e-4, np.float32), "StatsMean": np.zeros(6, np.float32)}
    nnet.components["c"] = Component("BatchNormComponent", {**CASES["BatchNormComponent"].fields, **fields})
    result = NnetComputer(nnet).compute(np.ones((1, 6), np.float32))
    np.testing.assert_allclose(result, 0.5 / np.sqrt(0.001), rtol=1e-5)


def test_folding_keeps_the_values_and_saves_operations():
    nnet = tdnnf_network()
    whole, folded = (build_computation(nnet, "output", fold) for fold in (False, True))
    kinds = sorted(op.kind for op in folded.ops.values())
    assert kinds == ["identity", "input", "input"] + 5 * ["linear"]
    assert len(whole.ops) == 20
    assert folded.modulus == whole.modulus == 1


def test_refusals_name_node_and_component():
    gru = {"CellDim": 2, "RecurrentDim": 2, "w_h": np.zeros((2, 2), np.float32)}
    config = "input-node name=input dim=8\ncomponent-node name=c component=gru1 input=input\n"
    nnet = network(
        config + "output-node name=output input=c",
        {"gru1": Component("GruNonlinearityComponent", gru, "x: component gru1")},
    )
    with pytest.raises(DataError, match="component gru1: GruNonlinearityComponent: .*not computed"):
        NnetComputer(nnet)
    config = "input-node name=input dim=2\ncomponent name=n type=NoOpComponent dim=2\n"
    config += "component-node name=c component=n input=Sum(input, c)\noutput-node name=output input=c"
    with pytest.raises(DataError, match="nodes c and c form a cycle"):
        NnetComputer(network(config))
    nnet, _ = alone("BatchNormComponent")
    fields = {**CASES["BatchNormComponent"].fields, "Count": np.float64(0)}
    nnet.components["c"] = Component("BatchNormComponent", fields, "bn3")
    with pytest.raises(DataError, match="bn3: .*no statistics"):
        NnetComputer(nnet)


@pytest.mark.parametrize(
    "name, fields",
    [
        ("PermuteComponent", {"ColumnMap": np.array([0, 0, 1, 2, 3, 4], np.int32)}),
        ("SumGroupComponent", {"Sizes": np.array([7, -1], np.int32)}),
        ("TimeHeightConvolutionComponent", {"RequiredTimeOffsets": np.array([2], np.int32)}),
        ("TimeHeightConvolutionComponent", {"RequiredTimeOffsets": np.array([], np.int32)}),
        ("TimeHeightConvolutionComponent", {"BiasParams": np.zeros(2, np.float32)}),
        ("StatisticsExtractionComponent", {"OutputPeriod": 0}),
        ("StatisticsPoolingComponent", {"LeftContext": 4}),
        ("BatchNormComponent", {"StatsVar": np.zeros(5, np.float32)}),
        ("ScaleAndOffsetComponent", {"Scales": np.zeros(5, np.float32)}),
        ("SumBlockComponent", {"OutputDim": 4}),
        ("TdnnComponent", {"TimeOffsets": np.array([0, 2000000, 1], np.int32)}),
    ],
)
def test_contradictory_component(name, fields):
    nnet, feats = alone(name)
    nnet.components["c"] = Component(name, {**CASES[name].fields, **fields}, "damaged")
    with pytest.raises(DataError, match="damaged|node c"):
        NnetComputer(nnet).compute(feats)
