"""Descriptors, configuration lines and frame sets: cases worked out by hand."""

import numpy as np
import pytest
from nnet3_cases import network

from pysed.errors import DataError
from pysed.kaldi.nnet3.computation import build_computation
from pysed.kaldi.nnet3.config import apply_config
from pysed.kaldi.nnet3.config_lines import config_lines
from pysed.kaldi.nnet3.descriptors import parse_descriptor
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.indexes import computable, context, mapped, needed_frames


def parse(text: str):
    return parse_descriptor(text, "here")


@pytest.mark.parametrize(
    "text",
    [
        "input",
        "tdnn1.relu",
        "Offset(input, -3)",
        "Offset(input, 2, 1)",
        "Append(Offset(input, -1), input, Offset(input, 1), ReplaceIndex(ivector, t, 0))",
        "Sum(Scale(0.66, a), Failover(b, Const(1.5, 4)))",
        "Switch(a, b, Round(c, 3))",
        "IfDefined(Offset(Append(a, b), -4))",
        "Scale(1e-05, a)",
    ],
)
def test_text_form_is_kept(text):
    assert str(parse(text)) == text
    assert parse(text.replace(" ", "")) == parse(text) == parse(text.replace("(", " ( "))


def test_operation_names_are_node_names_where_nothing_opens():
    assert parse("Append(Sum-1, Offset_2)").parts[1].name == "Offset_2"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected a node"),
        ("Append(a", "expected \\)"),
        ("Append()", "expected a node"),
        ("Append(a,)", "expected a node"),
        ("a b", "unexpected 'b'"),
        ("Sum", "not the name of a node"),
        ("3", "not the name of a node"),
        ("Offset(a)", "expected ,"),
        ("Offset(a, x)", "expected a number"),
        ("Offset(a, 1.5)", "whole number"),
        ("Offset(a, 1e999)", "whole number"),
        ("Scale(nan, a)", "expected a number"),
        ("ReplaceIndex(a, n, 0)", "expected t or x"),
        ("Round(a, 0)", "Round to multiples of 0"),
        ("Failover(a)", "two expressions"),
        ("Failover(a, b, c)", "two expressions"),
        ("IfDefined(a, b)", "expected \\)"),
        ("Const(1, 0)", "width 0"),
        ("a;b", "not part of a descriptor"),
        ("Sum(" * 80 + "a" + ")" * 80, "64 levels"),
    ],
)
def test_bad_descriptor(text, message):
    with pytest.raises(DataError, match=f"^here: descriptor .*{message}"):
        parse(text)


def test_widths():
    dims = {"a": 2, "b": 3, "c": 3}
    assert parse("Append(a, Offset(b, 1), Const(0, 4))").dim(dims) == 9
    assert parse("Sum(b, Scale(2, c))").dim(dims) == 3
    for text in ("Sum(a, b)", "Failover(a, b)", "Switch(b, c, a)"):
        with pytest.raises(ValueError, match="differ"):
            parse(text).dim(dims)


def test_modulus():
    assert parse("Append(Round(a, 4), Switch(b, Round(c, 3), b))").modulus() == 12
    assert parse("Offset(a, 7)").modulus() == 1


def test_frames_read():
    ts = np.array([-4, -1, 0, 2, 5])
    assert mapped(parse("Offset(a, -2)"), ts).tolist() == [-6, -3, -2, 0, 3]
    assert mapped(parse("Round(a, 3)"), ts).tolist() == [-6, -3, 0, 0, 3]
    assert mapped(parse("ReplaceIndex(a, t, 7)"), ts).tolist() == [7, 7, 7, 7, 7]
    assert mapped(parse("ReplaceIndex(a, x, 0)"), ts).tolist() == ts.tolist()


def test_computable():
    have = {"a": np.arange(0, 5), "b": np.array([7])}
    ts = np.array([-1, 0, 4, 5, 7])

    def ok(text: str) -> list[int]:
        return computable(parse(text), ts, have).astype(int).tolist()

    assert ok("a") == [0, 1, 1, 0, 0]
    assert ok("Offset(a, 1)") == [1, 1, 0, 0, 0]
    assert ok("Append(a, Offset(b, 3))") == [0, 0, 1, 0, 0]
    assert ok("Failover(a, b)") == [0, 1, 1, 0, 1]
    assert ok("IfDefined(b)") == [1, 1, 1, 1, 1]
    assert ok("Sum(b, Const(1, 2))") == [0, 0, 0, 0, 1]
    assert ok("Switch(a, b)") == [0, 1, 1, 0, 1]  # even frames read a, odd ones b; 7 is b's
    assert ok("ReplaceIndex(b, t, 7)") == [1, 1, 1, 1, 1]


NOOP = "component name=n type=NoOpComponent dim=1\n"


def run(descriptor: str, values: list[float], inputs: str = "") -> list:
    """Column 0 of what a descriptor gives for a one-column input."""
    nnet = network(f"input-node name=input dim=1\n{NOOP}{inputs}output-node name=output input={descriptor}")
    return NnetComputer(nnet, "output").compute(np.array(values, np.float32)[:, None])[:, 0].tolist()


def test_values_by_hand():
    ramp = [0, 1, 2, 3, 4, 5]
    assert run("Offset(input, 1)", ramp) == [1, 2, 3, 4, 5, 5]  # the last frame stands for those after it
    assert run("Sum(Offset(input, -1), Scale(10, input))", ramp) == [0, 10, 21, 32, 43, 54]
    assert run("Round(input, 3)", ramp) == [0, 0, 0, 3, 3, 3]
    assert run("Switch(input, Scale(-1, input), Const(9, 1))", ramp) == [0, -1, 9, 3, -4, 9]
    assert run("Offset(Switch(input, Scale(-1, input)), -1)", [5, 6, 7]) == [-5, 5, -6]  # frame -1 is odd
    assert run("Sum(input, IfDefined(Offset(input, -100)))", ramp) == ramp
    assert run("Failover(Offset(input, 200), Scale(2, input))", ramp) == [0, 2, 4, 6, 8, 10]


def test_component_between_descriptors():
    node = "component-node name=n component=n input=Offset(input, 2)\n"
    assert run("Offset(n, -1)", [5, 6, 7, 8], node) == [6, 7, 8, 8]


def test_dim_range_node():
    config = "input-node name=input dim=4\ndim-range-node name=r input-node=input dim-offset=1 dim=2\n"
    nnet = network(config + "output-node name=output input=Append(r, Offset(r, 1))")
    feats = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert NnetComputer(nnet).compute(feats).tolist() == [[1, 2, 5, 6], [5, 6, 5, 6]]


def test_needed_frames_of_a_strided_network():
    """Outputs 0, 3, 6 of two layers of offsets ±3 and ±1: by hand from the output down."""
    tdnn = "component name={0} type=TdnnComponent input-dim=1 output-dim=1 time-offsets={1}\n"
    config = "input-node name=input dim=1\n" + tdnn.format("a", "-1,0,1") + tdnn.format("b", "-3,3")
    config += "component-node name=a component=a input=input\ncomponent-node name=b component=b input=a\n"
    nnet = network(config + "output-node name=output input=b")
    computation = build_computation(nnet, fold=False)
    needed = needed_frames(computation, np.array([0, 3, 6]), {"input": np.arange(-4, 11)})
    assert needed["b"].tolist() == [0, 3, 6]
    assert needed["a"].tolist() == [-3, 0, 3, 6, 9]
    assert needed["input"].tolist() == [*range(-4, 11)]
    assert context(nnet) == (4, 4)
    with pytest.raises(DataError, match="node output: frame 6 cannot be computed .* input -4..9"):
        needed_frames(computation, np.array([0, 3, 6]), {"input": np.arange(-4, 10)})


@pytest.mark.parametrize(
    "descriptor, expected",
    [
        ("Offset(input, 5)", (0, 5)),
        ("Append(Offset(input, -7), Offset(input, 2))", (7, 2)),
        ("Round(input, 4)", (3, 0)),
        ("Switch(Offset(input, -1), Offset(input, 6))", (1, 6)),
        ("Failover(Offset(input, -9), Offset(input, 1))", (0, 0)),  # the last frame of a window has its first choice
        ("ReplaceIndex(ivector, t, 0)", (0, 0)),
        ("Sum(input, IfDefined(Offset(input, 3)))", (0, 0)),
        ("Const(1, 1)", (0, 0)),
        ("Offset(input, -300)", (300, 0)),
    ],
)
def test_context(descriptor, expected):
    inputs = "input-node name=input dim=1\ninput-node name=ivector dim=1\n"
    assert context(network(f"{inputs}output-node name=output input={descriptor}")) == expected


def test_context_out_of_reach():
    nnet = network("input-node name=input dim=1\noutput-node name=output input=Offset(input, 5000)")
    with pytest.raises(DataError, match="no output of node output can be computed from 640 frames"):
        context(nnet)


def test_config_line():
    (line,) = config_lines("# comment\n\n component-node name=a input=Sum(b, Scale(2, c)) # more\n", "x.config")
    assert line.directive == "component-node"
    assert line.text("input") == "Sum(b, Scale(2, c))" and line.text("name") == "a" and line.text("z", "d") == "d"
    with pytest.raises(DataError, match=r"^x.config: line 3: 'component-node name=a .*expected component="):
        line.text("component")


@pytest.mark.parametrize(
    "config, message",
    [
        ("input-node name=i dim=3", "no output-node"),
        ("input-node name=i dim=0\noutput-node name=o input=i", "dim=0"),
        ("input-node name=i dim=x\noutput-node name=o input=i", "expected a whole number"),
        ("input-node name=i dim=3 width=4\noutput-node name=o input=i", "unknown width"),
        ("input-node dim=3\noutput-node name=o input=i", "expected name="),
        ("input-node name=i dim=3\noutput-node name=o input=j", "node o: no node 'j'"),
        ("input-node name=i dim=3\noutput-node name=o input=Sum(i, Const(1, 2))", "widths 3, 2 differ"),
        ("input-node name=i dim=3\noutput-node name=o input=i objective=cubic", "objective=cubic"),
        ("input-node name=i dim=3\ninput-node name=i dim=4\noutput-node name=o input=i", "i is defined twice"),
        ("input-node name=i dim=3\ncomponent-node name=c component=z input=i\noutput-node name=o input=c", "'z'"),
        (
            "dim-range-node name=r input-node=i dim-offset=2 dim=2\ninput-node name=i dim=3\n"
            "output-node name=o input=r",
            "r: columns up to 4 of 3",
        ),
        ("knot name=i", "expected input-node"),
        ("input-node 3 name=i", "expected key=value"),
        (
            NOOP + "component-node name=c component=n input=i\ninput-node name=i dim=3\noutput-node name=o input=c",
            "node c: input width 3, component n expects 1",
        ),
        ("component name=c type=FooComponent dim=3", "type=FooComponent: cannot be built"),
        ("component name=c type=AffineComponent input-dim=3", "expected output-dim="),
        ("component name=c type=TdnnComponent input-dim=3 output-dim=2 time-offsets=0,99999999999", "time-offsets"),
        ("component name=c type=NoOpComponent dim=3 colour=2", "unknown colour"),
    ],
)
def test_bad_configuration(config, message):
    with pytest.raises(DataError, match=message):
        network(config)


def test_later_lines_replace_nodes():
    """A node defined again, of whatever kind, takes the later place; so the recipe cuts a network."""
    nnet = network(
        f"input-node name=input dim=1\n{NOOP}component-node name=c component=n input=input\n"
        "output-node name=output input=c"
    )
    network_lines = nnet.config_lines()
    apply_config(nnet, "output-node name=output input=input objective=quadratic", "later")
    assert nnet.config_lines() == network_lines[:2] + ["output-node name=output input=input objective=quadratic"]
    apply_config(nnet, "dim-range-node name=c input-node=input dim-offset=0 dim=1", "later")
    assert nnet.config_lines()[-1] == "dim-range-node name=c input-node=input dim-offset=0 dim=1"


def test_repeats_only_every_many_frames():
    config = "input-node name=input dim=1\noutput-node name=output input=Append(Round(input, 97), Round(input, 89))"
    with pytest.raises(DataError, match="every 8633 frames"):
        build_computation(network(config))
