"""How utterances are cut: chunk sizes, context at the ends, i-vectors, memory."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from nnet3_cases import features, network, tdnnf_network

from pysed.errors import DataError
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.writer import write_nnet
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import TableWriter

BOTH = "input-node name=input dim=1\ninput-node name=ivector dim=1\n"


def rows_used(num_frames: int, num_rows: int, **options) -> list[int]:
    """The row of the i-vectors that each output frame was computed with."""
    nnet = network(f"{BOTH}output-node name=output input=ReplaceIndex(ivector, t, 0)")
    computer = NnetComputer(nnet, "output", ChunkOptions(**options))
    ivectors = np.arange(num_rows, dtype=np.float32)[:, None]
    return computer.compute(np.zeros((num_frames, 1), np.float32), ivectors)[:, 0].astype(int).tolist()


def test_ivector_of_the_middle_of_each_chunk():
    # Outputs 0..19, 20..39, 40..44: middles 0 + 19 // 2 = 9, 29, 42; a row every ten frames.
    assert rows_used(45, 5, frames_per_chunk=20, online_ivector_period=10) == [0] * 20 + [2] * 20 + [4] * 5
    # Subsampled by 3: outputs at 0..18, 21..39, 42, 44 is none; middles 0 + 18 // 2, 21 + 9, 42.
    found = rows_used(45, 5, frames_per_chunk=21, online_ivector_period=10, frame_subsampling_factor=3)
    assert found == [0] * 7 + [3] * 7 + [4]
    assert rows_used(1, 1, frames_per_chunk=20, online_ivector_period=10) == [0]


def test_last_ivector_stands_for_half_a_second_more():
    assert rows_used(60, 1, frames_per_chunk=20, online_ivector_period=10) == [0] * 60  # row 4 wanted, 40 frames more
    with pytest.raises(DataError, match="end at row 0, frame 69 needs row 6; is --online-ivector-period=10 right"):
        rows_used(80, 1, frames_per_chunk=20, online_ivector_period=10)


def test_one_ivector_for_all():
    nnet = network(f"{BOTH}output-node name=output input=ReplaceIndex(ivector, t, 0)")
    result = NnetComputer(nnet).compute(np.zeros((300, 1), np.float32), np.array([7], np.float32))
    assert result[:, 0].tolist() == [7] * 300


def spans(num_frames: int, **options) -> list[float]:
    """For each output frame the sum over the frames its chunk may see beyond its own context of one to each side."""
    nnet = network(
        "input-node name=input dim=1\noutput-node name=output input=Sum(Offset(input, -1), Offset(input, 1), "
        "IfDefined(Offset(input, -3)), IfDefined(Offset(input, 3)))"
    )
    computer = NnetComputer(nnet, "output", ChunkOptions(**options))
    assert (computer.left_context, computer.right_context) == (1, 1)
    powers = (10.0 ** np.arange(num_frames)).astype(np.float32)[:, None]
    return computer.compute(powers)[:, 0].tolist()


def test_context_of_a_chunk_is_limited():
    """Frame t reads t ± 1, and t ± 3 where its chunk has it: chunks of three with one frame more on each side."""
    # Chunks 0..2 over frames -1..3 and 3..5 over 2..6; frames beyond the ends are the first and last ones.
    first = [1 + 10 + 1000, 1 + 100, 10 + 1000 + 1]  # 2 - 3 = -1 is frame 0 repeated
    second = [100 + 10000 + 100000, 1000 + 100000, 10000 + 100000 + 100]  # 3 + 3 = 6 is frame 5 repeated
    assert spans(6, frames_per_chunk=3) == pytest.approx(first + second)
    # Two frames more on the left, but none at the utterance's start.
    left = {"extra_left_context": 2, "extra_left_context_initial": 0}
    second = [100 + 10000 + 1 + 100000, 1000 + 100000 + 10, 10000 + 100000 + 100]
    assert spans(6, frames_per_chunk=3, **left) == pytest.approx(first + second)
    # Two more on the right of all but the last chunk.
    right = {"extra_right_context": 2, "extra_right_context_final": 0}
    first = [1 + 10 + 1000, 1 + 100 + 10000, 10 + 1000 + 100000 + 1]
    second = [100 + 10000 + 100000, 1000 + 100000, 10000 + 100000 + 100]
    assert spans(6, frames_per_chunk=3, **right) == pytest.approx(first + second)


def test_chunk_size_is_rounded_up():
    nnet = network("input-node name=input dim=1\noutput-node name=output input=Round(input, 4)")
    options = ChunkOptions(frames_per_chunk=50, frame_subsampling_factor=3)
    assert NnetComputer(nnet, "output", options).frames_per_chunk == 60
    assert NnetComputer(nnet, "output", replace(options, frames_per_chunk=48)).frames_per_chunk == 48


@pytest.mark.parametrize("num_frames", [1, 149, 150, 151, 3000])
def test_number_of_output_frames(num_frames):
    nnet = tdnnf_network()
    for step in (1, 2, 3):
        options = ChunkOptions(frames_per_chunk=150, frame_subsampling_factor=step, online_ivector_period=10)
        result = NnetComputer(nnet, "output", options).compute(
            features(num_frames, 4), features(num_frames // 10 + 1, 3)
        )
        assert result.shape == (-(-num_frames // step), 6) and np.isfinite(result).all()


def test_chunks_do_not_change_a_network_without_ivectors():
    """One chunk, many chunks, and batches of chunks give the same but for rounding."""
    config = "input-node name=input dim=4\ncomponent name=a type=TdnnComponent input-dim=4 output-dim=6 time-offsets={}"
    config += "\ncomponent-node name=a component=a input=input\noutput-node name=output input=a"
    nnet, feats = network(config.format("-5,0,4")), features(2000, 4)
    whole = NnetComputer(nnet, "output", ChunkOptions(frames_per_chunk=2000)).compute(feats)
    for size in (7, 150):
        cut = NnetComputer(nnet, "output", ChunkOptions(frames_per_chunk=size)).compute(feats)
        np.testing.assert_allclose(cut, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "feats, ivectors, message",
    [
        ((10, 5), (1, 3), r"features of shape \(10, 5\); the network expects \(frames, 4\)"),
        ((10,), (1, 3), "features of shape"),
        ((0, 4), (1, 3), "without a frame"),
        ((10, 4), (1, 2), "i-vectors of width 2; the network expects 3"),
        ((10, 4), None, "i-vectors of width 0; the network expects 3"),
        ((10, 4), (0, 3), "i-vectors of shape"),
    ],
)
def test_input_that_does_not_fit(feats, ivectors, message):
    computer = NnetComputer(tdnnf_network())
    with pytest.raises(DataError, match=message):
        computer.compute(np.zeros(feats, np.float32), None if ivectors is None else np.zeros(ivectors, np.float32))


@pytest.mark.parametrize("name", ["frames_per_chunk", "frame_subsampling_factor", "extra_left_context"])
def test_bad_options(name):
    with pytest.raises(DataError, match=f"--{name.replace('_', '-')}=-1"):
        NnetComputer(tdnnf_network(), "output", ChunkOptions(**{name: -1}))


PEAK = """
import resource, sys
from pysed.kaldi.commands import nnet3_compute
code = nnet3_compute.main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


def test_memory_does_not_grow_with_the_utterance(tmp_path):
    """Twenty minutes need no more than one, besides features and result; the hidden layer alone would take 250 MB."""
    hidden = (
        "component name=a type=AffineComponent input-dim=4 output-dim=512\n"
        "component-node name=a component=a input=input"
    )
    relu = "component name=r type=RectifiedLinearComponent dim=512\ncomponent-node name=r component=r input=a"
    last = "component name=b type=AffineComponent input-dim=512 output-dim=5\ncomponent-node name=b component=b input=r"
    lines = ["input-node name=input dim=4", hidden, relu, last, "output-node name=output input=b"]
    writer = KaldiWriter()
    write_nnet(network("\n".join(lines)), writer)
    (tmp_path / "wide.raw").write_bytes(bytes(writer))
    peaks = []
    for minutes in (1, 20):
        with TableWriter(f"ark:{tmp_path}/feats.ark", "matrix") as table:
            table.write("u", np.zeros((6000 * minutes, 4), np.float32))
        arguments = [f"{tmp_path}/wide.raw", f"ark:{tmp_path}/feats.ark", f"ark:{tmp_path}/out.ark"]
        done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) * 1024)
    in_and_out = 19 * 6000 * (4 + 5) * 4
    assert peaks[1] - peaks[0] < in_and_out + (32 << 20)
