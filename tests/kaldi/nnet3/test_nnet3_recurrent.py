"""Recurrent networks against the definition in float64, chunk by chunk; what form of recurrence is refused."""

import sys

import numpy as np
import pytest
from nnet3_cases import features, network
from nnet3_reference import compute
from recurrent_cases import INPUT, NETWORKS

from pysed.errors import DataError
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.module import NnetModule

OPTIONS = {
    "one chunk": ChunkOptions(),
    "every third": ChunkOptions(frames_per_chunk=60, frame_subsampling_factor=3),
    "chunks": ChunkOptions(frames_per_chunk=9, frame_subsampling_factor=3),
    "earlier frames": ChunkOptions(frames_per_chunk=8, extra_left_context=5, extra_right_context=2),
    "but for the ends": ChunkOptions(11, 1, 6, 4, extra_left_context_initial=0, extra_right_context_final=0),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_against_definition(name, options):
    nnet, feats, context = NETWORKS[name](), features(31, INPUT), (0, 0) if name == "both ways" else (4, 2)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # the definition follows each frame back to the first one
    try:
        expected = compute(nnet, feats, None, OPTIONS[options], context)
    finally:
        sys.setrecursionlimit(limit)
    found = NnetComputer(nnet, "output", OPTIONS[options]).compute(feats)
    assert np.linalg.norm(found - expected) < 2e-6 * np.linalg.norm(expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_state_goes_on_within_a_chunk(name):
    """The first frame tells in the last output of its chunk, and not in the next chunk."""
    computer = NnetComputer(NETWORKS[name](), "output", ChunkOptions(frames_per_chunk=12))
    feats = features(24, INPUT)
    changed = feats.copy()
    changed[0] += 3
    difference = np.abs(computer.compute(changed) - computer.compute(feats)).max(axis=1)
    assert difference[11 if name != "both ways" else 0] > 0
    assert not difference[12 + computer.left_context :].any()


REFUSED = {
    "Sum(input, Offset(c, -1))": "recurrence through Offset(c, -1)",
    "Sum(input, c)": "nodes c and c form a cycle",
    "Sum(input, IfDefined(c))": "recurrence through IfDefined(c)",
    "Failover(Offset(c, -1), input)": "recurrence through Failover",
    "Sum(input, IfDefined(Offset(c, -1)), IfDefined(Offset(c, 2)))": "through past and future",
    "Sum(Const(1.0, 2), IfDefined(Offset(c, -1)))": "without any input that begins and ends",
}


@pytest.mark.parametrize("source", REFUSED)
def test_refused_by_name(source):
    lines = ["input-node name=input dim=2", "component name=n type=NoOpComponent dim=2"]
    lines += [f"component-node name=c component=n input={source}", "output-node name=output input=c"]
    with pytest.raises(DataError, match="c") as error:
        NnetComputer(network("\n".join(lines))).compute(np.zeros((5, 2), np.float32))
    assert REFUSED[source] in str(error.value)


def test_training_is_refused():
    with pytest.raises(DataError, match="is recurrent; it can be computed, but not trained here"):
        NnetModule(NETWORKS["gru"]())


def test_running_sum():
    """c(t) = x(t) + c(t - 2), by hand."""
    lines = ["input-node name=input dim=1", "component name=n type=NoOpComponent dim=1"]
    lines += ["component-node name=c component=n input=Sum(input, IfDefined(Offset(c, -2)))"]
    nnet = network("\n".join([*lines, "output-node name=output input=c"]))
    feats = np.array([1, 10, 2, 20, 3, 30, 4], np.float32)[:, None]
    assert NnetComputer(nnet).compute(feats)[:, 0].tolist() == [1, 10, 3, 30, 6, 60, 10]
    chunked = NnetComputer(nnet, "output", ChunkOptions(frames_per_chunk=4))
    assert chunked.compute(feats)[:, 0].tolist() == [1, 10, 3, 30, 3, 30, 7]
