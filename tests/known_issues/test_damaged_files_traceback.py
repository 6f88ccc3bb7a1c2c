"""Damaged files that ended in tracebacks when they were fuzzed, each as small as it can be."""

import json

import pytest

from pysed.errors import LONGEST, DataError
from pysed.kaldi.graph.grammar import read_numbers
from pysed.kaldi.lattice import best_path
from pysed.kaldi.lattice_tables import lattices
from pysed.kaldi.openfst import FstHeader
from pysed.kaldi.phones import named_ctm
from pysed.report.markdown import to_html
from pysed.score.results_files import read_score


def test_a_lattice_that_starts_without_states(tmp_path):
    path = tmp_path / "x.lat"
    path.write_bytes(b"u1 " + FstHeader("vector", "lattice4", start=0, num_states=0).to_bytes())
    with pytest.raises(DataError, match="0 states, start 0"):
        [best_path(lattice) for _, lattice in lattices(f"ark:{path}")]
    path.write_bytes(b"u1 " + FstHeader("vector", "lattice4", start=-1, num_states=0).to_bytes())
    assert [best_path(lattice) for _, lattice in lattices(f"ark:{path}")] == [None]


def test_an_mp3_that_ends_inside_its_xing_tag(tmp_path):
    from pysed.audio import duration_of

    header = b"\xff\xfb\x90\x00"  # 44.1 kHz, 128 kbit/s: frames of 417 bytes
    frame = header + bytes(413)
    tagged = header + bytes(32) + b"Xing"
    path = tmp_path / "x.mp3"
    path.write_bytes(3 * frame + tagged)
    try:
        assert duration_of(path) > 0
    except DataError as error:
        assert str(path) in str(error)


def test_numbers_with_other_white_space_or_thousands_of_digits(tmp_path):
    path = tmp_path / "x.int"
    path.write_text("1\x1c\n 2 \n")
    assert read_numbers(path) == [1, 2]
    path.write_text("9" * 5000)
    with pytest.raises(DataError, match=r"x\.int:1"):
        read_numbers(path)
    path.write_text(f"a 1 0 0.1 {'9' * 5000}\n")
    with pytest.raises(DataError, match=r"x\.int:1: phone"):
        list(named_ctm(str(path), {1: "SIL"}))


def test_odd_markdown():
    assert to_html("") == "" and to_html("\n\n \n") == ""
    ragged = to_html("| a | b |\n|---|---|\n| x |\n| x | 1 | 2 |\n")
    assert ragged.count("<td") == 2 and ragged.count("<tr") == 3


def test_a_score_with_impossible_values(tmp_path):
    path = tmp_path / "score_x.json"
    good = dict.fromkeys(("error_rate", "f_measure", "precision", "recall"), 0.5)
    good |= dict.fromkeys(("num_reference", "num_detected", "insertions", "deletions"), 3)
    path.write_text(json.dumps(good))
    assert read_score(path) == good
    for key, value in (("seed", "1e-3"), ("error_rate", -1.0), ("f_measure", 97), ("insertions", -1), ("recall", "x")):
        path.write_text(json.dumps({**good, key: value}))
        with pytest.raises(DataError, match=rf"score_x\.json: {key} "):
            read_score(path)


def test_messages_stay_short_and_on_one_line():
    message = str(DataError(f"x.tsv:1: {'x' * 100_000}\u2028\n; expected a name"))
    assert message.startswith("x.tsv:1: ") and message.endswith("; expected a name")
    assert len(message) < LONGEST + 10 and len(message.splitlines()) == 1


@pytest.mark.parametrize("kind", ["ElementwiseProductComponent", "SumBlockComponent", "PnormComponent"])
def test_a_component_without_width(kind):
    from pysed.kaldi.nnet3.components import Component

    with pytest.raises(DataError, match="widths 0 and 6"):
        Component(kind, {"InputDim": 0, "OutputDim": 6, "Scale": 1.0}, "x.mdl: component c").dims()
