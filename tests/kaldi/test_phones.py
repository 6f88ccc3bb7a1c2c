"""ali-to-phones against Kaldi's output and hand-made alignments; phone names."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_models import chain_model, left_to_right_model

from pysed.errors import DataError
from pysed.kaldi import phones
from pysed.kaldi.commands import ali_to_phones
from pysed.kaldi.tables import int_vectors
from pysed.kaldi.transitions import read_transition_model

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
MODEL = ROOT / "models/demo/final.mdl"


def test_golden_ctm(tmp_path):
    out = tmp_path / "phones.ctm"
    arguments = ["--ctm-output", "--frame-shift=0.03", str(MODEL), f"ark:{GOLDEN}/ali.txt", str(out)]
    assert ali_to_phones.main(arguments) == 0
    assert out.read_text() == (GOLDEN / "phones.ctm").read_text()


def test_the_forms_agree(tmp_path):
    run = {"frames": ["--per-frame"], "phones": [], "lengths": ["--write-lengths"]}
    for name, options in run.items():
        target = f"ark,t:{tmp_path}/{name}"
        assert ali_to_phones.main([*options, str(MODEL), f"ark:{GOLDEN}/ali.txt", target]) == 0
    transitions = read_transition_model(str(MODEL))
    per_frame, sequences = (dict(int_vectors(f"ark:{tmp_path}/{name}")) for name in ("frames", "phones"))
    lengths = dict(line.split(" ", 1) for line in (tmp_path / "lengths").read_text().splitlines())
    for key, alignment in int_vectors(f"ark:{GOLDEN}/ali.txt"):
        assert np.array_equal(per_frame[key], transitions.phone[alignment])
        pairs = [tuple(map(int, pair.split())) for pair in lengths[key].split(";")]
        assert [phone for phone, _ in pairs] == sequences[key].tolist()
        assert [phone for phone, length in pairs for _ in range(length)] == per_frame[key].tolist()


def test_binary_lengths(tmp_path):
    (tmp_path / "ali").write_text("u 2 1 1 12 2 \nempty \n")
    assert ali_to_phones.main(["--write-lengths", str(MODEL), f"ark:{tmp_path}/ali", f"ark:{tmp_path}/out"]) == 0
    pairs = struct.pack("<bi" + "bi" * 6, 4, 3, 4, 1, 4, 3, 4, 6, 4, 1, 4, 1, 4, 1)
    empty = b"empty \0B" + struct.pack("<bi", 4, 0)
    assert (tmp_path / "out").read_bytes() == b"u \0B" + pairs + empty


@pytest.mark.parametrize(
    ("alignment", "expected"),
    [
        ([1, 1, 2, 3, 4, 5, 6], [(1, 7)]),  # loops first
        ([2, 1, 1, 4, 3, 6, 5, 5], [(1, 8)]),  # reordered: loops last
        ([2, 4, 6, 2, 4, 6], [(1, 3), (1, 3)]),  # no loops, the same phone twice
        ([2, 4, 6, 5, 2, 4, 6, 5, 5, 8, 7, 10, 12, 11], [(1, 4), (1, 5), (2, 5)]),
        ([1, 2, 4, 6, 2, 4, 5, 6, 8, 10, 11, 12], [(1, 4), (1, 4), (2, 4)]),
        ([2, 4, 8, 10, 12], [(1, 2), (2, 3)]),  # broken off within a phone
        ([2, 4], [(1, 2)]),
        ([1], [(1, 1)]),
        ([], []),
    ],
)
def test_phones_of_three_states(alignment, expected):
    assert phones.split_to_phones(left_to_right_model(3), np.array(alignment, np.int32)) == expected


@pytest.mark.parametrize(
    ("alignment", "expected"),
    [
        ([2, 1, 1, 4, 3, 2, 4], [(1, 3), (2, 2), (1, 1), (2, 1)]),
        ([1, 1, 2, 3, 4, 2, 4], [(1, 3), (2, 2), (1, 1), (2, 1)]),
        ([2, 2, 2], [(1, 1), (1, 1), (1, 1)]),
        ([2, 1, 1], [(1, 3)]),
        ([1, 1, 2], [(1, 3)]),
    ],
)
def test_phones_of_one_state(alignment, expected):
    assert phones.split_to_phones(chain_model(3), np.array(alignment, np.int32)) == expected


@pytest.mark.parametrize(
    ("alignment", "message"),
    [
        ([2, 99], "transition-id 99; the model has 1 to 6"),
        ([0, 2], "transition-id 0"),
        ([-3], "transition-id -3"),
        ([1, 3], "frame 1: a self-loop"),
        ([2, 1, 4, 1], "frame 3: a self-loop of another state"),
    ],
)
def test_impossible_alignments(alignment, message):
    with pytest.raises(DataError, match=message):
        phones.split_to_phones(chain_model(3), np.array(alignment, np.int32))


def test_error_names_the_utterance(tmp_path):
    (tmp_path / "ali").write_text("good 2 1\nbad 2 99999\n")
    with pytest.raises(DataError, match="utterance bad: transition-id 99999"):
        ali_to_phones.main(["--ctm-output", str(MODEL), f"ark:{tmp_path}/ali", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_times_as_kaldi_writes_them():
    """Sums in single precision; 0.01 as a float is below 0.01, so that its times have three decimals."""
    assert ali_to_phones.ctm("u", [(5, 2), (7, 1)], 0.01) == "u 1 0.000 0.020 5\nu 1 0.020 0.010 7\n"
    assert ali_to_phones.ctm("u", [(5, 2), (7, 1)], 0.03) == "u 1 0.00 0.06 5\nu 1 0.06 0.03 7\n"
    last = ali_to_phones.ctm("u", [(1, 1)] * 200_001, 0.03).splitlines()[-1]
    assert float(last.split()[2]) == pytest.approx(float(np.cumsum(np.full(200_000, 0.03, np.float32))[-1]), abs=0.01)
    assert abs(float(last.split()[2]) - 6000) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--per-frame", "--write-lengths"], "exclude each other"),
        (["--frame-shift=0"], "--frame-shift=0"),
        (["--frame-shfit=0.03"], "frame-shfit"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(DataError, match=message):
        ali_to_phones.main([*options, str(MODEL), f"ark:{GOLDEN}/ali.txt", "ark:/dev/null"])


@pytest.fixture
def files(tmp_path) -> list[str]:
    """An integer ctm, phones and the name of the result."""
    (tmp_path / "int.ctm").write_text("a 1 0.00 0.15 3\na 1 0.15 0.03 1\nb 1 0.00 0.30 2\n")
    (tmp_path / "phones.txt").write_text("<eps> 0\nSIL 1\nAH0_B 2\nNG_E 3\n")
    return [str(tmp_path / name) for name in ("int.ctm", "phones.txt", "out.ctm")]


def test_names(files):
    assert phones.main(files) == 0
    assert Path(files[2]).read_text() == "a 1 0.00 0.15 NG_E\na 1 0.15 0.03 SIL\nb 1 0.00 0.30 AH0_B\n"
    assert phones.main(["--no-position", *files]) == 0
    assert [line.split()[-1] for line in Path(files[2]).read_text().splitlines()] == ["NG", "SIL", "AH0"]


@pytest.mark.parametrize(
    ("name", "position_free"), [("SIL", "SIL"), ("SPN_S", "SPN"), ("AH0_I", "AH0"), ("_B", ""), ("A_BX", "A_BX")]
)
def test_word_position(name, position_free):
    assert phones.without_position(name) == position_free


@pytest.mark.parametrize(
    ("which", "content", "message"),
    [
        (0, "a 1 0.00 0.15 3\na 1 0.15 0.03 9\n", ":2: phone 9 is not in the symbol table"),
        (0, "a 1 0.00 0.15 3\na 1 0.15\n", ":2: 3 columns"),
        (0, "a 1 0.00 0.15 AH\n", ":1: phone 'AH'; expected its number"),
        (1, "SIL 1\nAH\n", ":2: 'AH'; expected 'symbol number'"),
        (1, "SIL 1\nAH 1\n", ":2: number 1 stands for SIL already"),
        (1, "", ": no symbols"),
    ],
)
def test_bad_files_are_named_with_their_line(files, which, content, message, capsys):
    Path(files[which]).write_text(content)
    assert phones.main(files) == 2
    said = capsys.readouterr().err
    assert said.startswith(files[which] + message) and len(said.splitlines()) == 1
    assert not Path(files[2]).exists()


def test_bad_use(files, capsys):
    assert phones.main(files[:2]) == 2
    assert phones.main(["--nonsense", *files]) == 2
    assert phones.main([files[0], "/nowhere/phones.txt", files[2]]) == 2
    assert "/nowhere/phones.txt" in capsys.readouterr().err
    assert phones.main(["--help"]) == 0


@pytest.mark.parametrize(
    "command", ["ali-to-phones MODEL ark:GOLDEN/ali.txt ark:/dev/null", "lattice-best-path ark:/dev/null"]
)
def test_light_imports(command):
    arguments = command.replace("MODEL", str(MODEL)).replace("GOLDEN", str(GOLDEN)).split()
    script = "import sys; from pysed.kaldi.__main__ import main; main(sys.argv[1:]); "
    script += "sys.exit(bool({'torch', 'scipy', 'kaldifst', 'kaldi_decoder'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
