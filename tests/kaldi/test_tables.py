"""Kaldi tables against kaldiio, pipes, ranges, hostile archives."""

import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.__main__ import main
from pysed.kaldi.compress import compress, compressed_kind
from pysed.kaldi.holders import KINDS, MatrixBlocks
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.tables import (
    RandomAccess,
    TableWriter,
    int_vectors,
    is_table,
    is_wspecifier,
    matrices,
    open_input,
    open_output,
    parse_rspecifier,
    parse_wspecifier,
    read_kind,
    sequential,
    tokens,
    vectors,
)  # fmt: skip

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden/demo"
RNG = np.random.default_rng(3)
MATRICES = {f"utt{i}": RNG.standard_normal((i + 1, 3)).astype(np.float32) for i in range(5)}
INTS = {"a": np.array([1, -2, 2**31 - 1], np.int32), "b": np.zeros(0, np.int32), "c": np.array([7], np.int32)}


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(wspecifier: str, kind="matrix", values=MATRICES) -> None:
    with TableWriter(wspecifier, kind) as table:
        for key, value in values.items():
            table.write(key, value)


def assert_same(found, expected, rtol=0.0) -> None:
    found = dict(found)
    assert list(found) == list(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=rtol)


def test_specifiers():
    both = parse_wspecifier("ark,scp,t,f:a.ark,b.scp")
    assert (both.archive, both.script, both.options) == ("a.ark", "b.scp", {"t", "f"})
    assert parse_rspecifier("s,cs,ark:-").options == {"s", "cs"}
    assert parse_rspecifier("scp:a b |").script == "a b |"
    for bad in ("a.ark", "ark", "foo:a", "ark,scp:a,b", "scp,ark:a,b", "ark,q:a", "ark:a ", "ark,ark:a", ":a"):
        with pytest.raises(DataError):
            parse_rspecifier(bad)
    for bad in ("scp,ark:a,b", "ark,scp:a", "ark,s:a", "ark,q:a"):
        with pytest.raises(DataError):
            parse_wspecifier(bad)
    assert is_table("ark,s,cs:x") and not is_table("x.ark") and not is_table("ark,scp:a,b") and not is_table("C:x")
    assert is_wspecifier("ark,scp:a,b") and not is_wspecifier("x.ark") and not is_wspecifier("-")


def test_binary_archive_and_script_with_kaldiio():
    write("ark,scp:a.ark,a.scp")
    assert_same(kaldiio.load_ark("a.ark"), MATRICES)
    assert_same(kaldiio.load_scp("a.scp").items(), MATRICES)
    kaldiio.save_ark("k.ark", MATRICES, scp="k.scp")
    assert Path("k.ark").read_bytes() == Path("a.ark").read_bytes()
    assert Path("k.scp").read_text() == Path("a.scp").read_text().replace("a.ark", "k.ark")
    assert_same(matrices("ark:k.ark"), MATRICES)
    assert_same(matrices("scp:k.scp"), MATRICES)


def test_golden_archive_is_written_again_to_the_byte():
    values = dict(matrices(f"ark:{GOLDEN}/mfcc_13.ark"))
    write("ark:a.ark", values=values)
    assert Path("a.ark").read_bytes() == (GOLDEN / "mfcc_13.ark").read_bytes()


def test_text_archives():
    write("ark,t:a.txt")
    text = Path("a.txt").read_text()
    assert text.startswith("utt0  [\n  ")
    assert text.endswith(" ]\n")
    assert_same(matrices("ark:a.txt"), MATRICES, rtol=1e-6)
    assert_same(kaldiio.load_ark("a.txt"), MATRICES, rtol=1e-6)
    Path("h.txt").write_text("a [ 1 2\n 3 4 ]\nb [ ]\n\n  c  [\n 5 ]\n")
    assert_same(matrices("ark:h.txt"), {"a": [[1, 2], [3, 4]], "b": np.zeros((0, 0)), "c": [[5]]})


def test_doubles_are_read_as_floats():
    write("ark:a.ark", values={"a": np.arange(6.0).reshape(2, 3) / 7})
    ((_, value),) = matrices("ark:a.ark")
    assert value.dtype == np.float32
    assert next(iter(kaldiio.load_ark("a.ark")))[1].dtype == np.float64


def test_integer_vectors():
    write("ark,scp:i.ark,i.scp", "int_vector", INTS)
    assert_same(kaldiio.load_ark("i.ark"), INTS)
    assert_same(int_vectors("scp:i.scp"), INTS)
    kaldiio.save_ark("k.ark", INTS)
    assert Path("k.ark").read_bytes() == Path("i.ark").read_bytes()
    write("ark,t:i.txt", "int_vector", INTS)
    assert Path("i.txt").read_text() == "a 1 -2 2147483647 \nb \nc 7 \n"
    assert_same(int_vectors("ark:i.txt"), INTS)
    for bad in ("a 1 2 x\n", "a 99999999999\n", "a 99999999999999999999999\n", "a 1.5\n"):
        Path("bad.txt").write_text(bad)
        with pytest.raises(DataError):
            list(int_vectors("ark:bad.txt"))


def test_vectors_tokens_and_numbers():
    values = {"a": np.float32([1, 2.5]), "b": np.zeros(0, np.float32)}
    write("ark:v.ark", "vector", values)
    assert_same(vectors("ark:v.ark"), values)
    assert_same(kaldiio.load_ark("v.ark"), values)
    write("ark,t:v.txt", "vector", values)
    assert Path("v.txt").read_text() == "a  [ 1 2.5 ]\nb  [ ]\n"
    assert_same(vectors("ark:v.txt"), values)
    Path("spk2utt").write_text("s1 a b\ns2 c\ns3\n")
    assert dict(tokens("ark:spk2utt")) == {"s1": ["a", "b"], "s2": ["c"], "s3": []}
    for kind, value in (("int", -5), ("float", 0.5), ("double", 1e300), ("token", "word"), ("tokens", ["x", "y"])):
        for option in ("", ",t"):
            write(f"ark{option}:n.ark", kind, {"a": value, "b": value})
            assert dict(sequential("ark:n.ark", kind)) == {"a": value, "b": value}
    write("ark,t:n.txt", "int", {"a": 3})
    assert Path("n.txt").read_text() == "a 3 \n"


@pytest.mark.parametrize("method", range(1, 8))
@pytest.mark.parametrize("rows", [1, 2, 4, 5, 8, 9, 100])
def test_compressed_matrices(method, rows):
    scale, shift = {4: (3000, 0), 6: (50, 128), 7: (0.2, 0.5)}.get(method, (5, 10))
    value = (RNG.standard_normal((rows, 4)) * scale + shift).astype(np.float32)
    write("ark:c.ark", compressed_kind(method), {"a": value, "b": value})
    found = dict(matrices("ark:c.ark"))
    low, high = {4: (-32768, 32767), 6: (0, 255), 7: (0, 1)}.get(method, (value.min(), value.max()))
    step = (high - low) / (65535 if method in (3, 4) or (method == 1 and rows <= 8) else 255)
    tolerance = (high - low) * 0.02 if method == 2 or (method == 1 and rows > 8) else 0.51 * step
    assert np.abs(found["b"] - np.clip(value, low, high)).max() <= tolerance + 1e-6
    # An independent reader of the format.
    np.testing.assert_allclose(dict(kaldiio.load_ark("c.ark"))["a"], found["a"], rtol=1e-5, atol=1e-6 * (high - low))


@pytest.mark.parametrize("method", [2, 3, 5])
def test_compression_agrees_with_kaldiio(method):
    value = dict(matrices(f"ark:{GOLDEN}/mfcc_hires.ark"))["espeak_digits"]
    stream = io.BytesIO()
    kaldiio.save_ark(stream, {"a": value}, compression_method=method)
    theirs, ours = stream.getvalue().removeprefix(b"a \0B"), compress(value, method)
    assert len(theirs) == len(ours)
    assert ours[:20] == theirs[:20]
    if method != 2:
        codes = [np.frombuffer(data[20:], np.uint8 if method == 5 else "<u2").astype(int) for data in (ours, theirs)]
        assert np.abs(codes[0] - codes[1]).max() <= 1
    decoded = [KaldiReader(data, binary=True).matrix() for data in (ours, theirs)]
    assert np.abs(decoded[0] - decoded[1]).max() < 0.05 * np.ptp(value)


def test_compressing_what_cannot_be_compressed():
    for value in (np.full((3, 3), np.nan), np.array([[np.inf, 1.0]])):
        with pytest.raises(DataError, match="nan"):
            compress(value.astype(np.float32))
    assert KaldiReader(compress(np.zeros((0, 0))), binary=True).matrix().shape == (0, 0)
    constant = np.full((10, 3), 2.5, np.float32)
    np.testing.assert_allclose(KaldiReader(compress(constant), binary=True).matrix(), constant, atol=1e-3)


def test_pipes_in_and_out():
    write("ark:| gzip -c > a.gz")
    assert_same(matrices("ark:gunzip -c a.gz |"), MATRICES)
    write("ark,scp:a.ark,a.scp")
    assert_same(matrices("scp:head -n 2 a.scp |"), dict(list(MATRICES.items())[:2]))
    for bad in ("ark:cat a.ark; false |", "ark:head -c 100 a.ark; exit 3 |", "scp:false |"):
        with pytest.raises(DataError, match="command failed"):
            list(matrices(bad))
    with pytest.raises(DataError, match="command failed"):
        write("ark:| cat > /dev/null; false")
    first = matrices("ark:cat a.ark; exit 5 |")
    assert next(first)[0] == "utt0"
    first.close()


def test_ranges():
    write("ark,scp:a.ark,a.scp")
    place = dict(line.split() for line in Path("a.scp").read_text().splitlines())["utt4"]
    value = MATRICES["utt4"]
    spans = {
        "0:1": value[0:2], "2:4": value[2:5], "1:1,0:1": value[1:2, 0:2], ":,2:2": value[:, 2:], "2:6": value[2:],
        "0:4,:": value,
    }  # fmt: skip
    lines = [f"{i} {place}[{span}]\n" for i, span in enumerate(spans)]
    Path("r.scp").write_text("".join(lines))
    assert_same(matrices("scp:r.scp"), {str(i): value for i, value in enumerate(spans.values())})
    table = RandomAccess("scp:r.scp", "matrix")
    assert np.array_equal(table["3"], spans[":,2:2"])
    for bad in ("5:6", "0:9", "2:1", "x", "0:1,0:3", "", "0:1,0:1,0:1", "-1:2"):
        Path("r.scp").write_text(f"a {place}[{bad}]\n")
        with pytest.raises(DataError):
            list(matrices("scp:r.scp"))
    write("ark,scp:v.ark,v.scp", "vector", {"v": np.arange(5, dtype=np.float32)})
    Path("v.scp").write_text(Path("v.scp").read_text().strip() + "[1:3]\n")
    assert_same(vectors("scp:v.scp"), {"v": [1, 2, 3]})


@pytest.mark.parametrize("specifier", ["ark:a.ark", "scp:a.scp", "ark:cat a.ark |", "ark,t:a.txt"])
def test_random_access(specifier):
    write("ark,scp:a.ark,a.scp")
    write("ark,t:a.txt")
    with RandomAccess(specifier, "matrix") as table:
        for key in ("utt3", "utt1", "utt3", "utt0", "utt4"):
            assert key in table
            np.testing.assert_allclose(table[key], MATRICES[key], rtol=1e-6)
        assert "none" not in table
        with pytest.raises(DataError, match="none"):
            table["none"]


def test_random_access_options_drop_what_was_used():
    write("ark:a.ark")
    with RandomAccess("ark,s,cs:cat a.ark |", "matrix") as table:
        for key in MATRICES:
            assert np.array_equal(table[key], MATRICES[key])
            assert len(table._known) <= 2
        assert "utt9" not in table
    with RandomAccess("ark,o:cat a.ark |", "matrix") as table:
        assert np.array_equal(table["utt2"], MATRICES["utt2"])


def test_permissive_script_and_archive(capsys):
    write("ark,scp:a.ark,a.scp")
    Path("b.scp").write_text("x none.ark:5\n" + Path("a.scp").read_text())
    with pytest.raises(DataError, match="x: none.ark"):
        list(matrices("scp:b.scp"))
    assert_same(matrices("scp,p:b.scp"), MATRICES)
    table = RandomAccess("scp,p:b.scp", "matrix")
    assert "x" not in table and "utt0" in table
    Path("cut.ark").write_bytes(Path("a.ark").read_bytes()[:-3])
    assert len(list(matrices("ark,p:cut.ark"))) == 4
    assert "WARNING" in capsys.readouterr().err


def test_script_alone_writes_one_file_each():
    Path("t.scp").write_text("a x.mat\nb y.mat\n")
    write("scp:t.scp", values={"a": MATRICES["utt1"], "b": MATRICES["utt2"]})
    assert np.array_equal(read_kind("x.mat", "matrix"), MATRICES["utt1"])
    assert_same(matrices("scp:t.scp"), {"a": MATRICES["utt1"], "b": MATRICES["utt2"]})
    with pytest.raises(DataError, match="no line for key"):
        write("scp:t.scp", values={"c": MATRICES["utt1"]})


def test_files_appear_complete_or_not_at_all():
    Path("a.ark").write_text("old")
    with pytest.raises(RuntimeError), TableWriter("ark,scp:a.ark,a.scp", "matrix") as table:
        table.write("a", MATRICES["utt0"])
        raise RuntimeError
    assert Path("a.ark").read_text() == "old"
    assert os.listdir(".") == ["a.ark"]
    with TableWriter("ark:/dev/null", "matrix") as table:
        table.write("a", MATRICES["utt0"])
    assert Path("/dev/null").is_char_device()
    for bad in ("ark:none/a.ark", "ark,scp:-,a.scp", "ark,scp:a.ark,none/a.scp", "ark:."):
        with pytest.raises(DataError):
            TableWriter(bad, "matrix")
    assert os.listdir(".") == ["a.ark"]
    for key in ("", "a b", "a\n"):
        with pytest.raises(DataError, match="key"), TableWriter("ark:b.ark", "matrix") as table:
            table.write(key, MATRICES["utt0"])


@pytest.mark.parametrize("name", [" a", "a ", "| cat", "ark:a", "scp,p:a", "none", "a\0b", "a.ark:99999", "."])
def test_bad_names_for_reading(name):
    Path("a.ark").write_bytes(b"x")
    with pytest.raises(DataError):
        open_input(name)


@pytest.mark.parametrize("name", [" a", "a ", "cat |", "ark:a", "a\0b", "."])
def test_bad_names_for_writing(name):
    with pytest.raises(DataError):
        open_output(name)


@pytest.mark.parametrize("text", ["\n", "a\n", "a b\n\n", "\xff \xfe\n"])
def test_bad_scripts_name_the_line(text):
    Path("a.scp").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="a.scp:"):
        list(matrices("scp:a.scp"))


def small_archives() -> dict[str, tuple[str, bytes]]:
    """Kind and bytes of a small archive of each form."""
    archives = {}
    value = MATRICES["utt4"]
    for kind, values in (
        ("matrix", {"a": value, "b": value[:2]}), ("vector", {"a": value[0], "b": value[1]}), ("int_vector", INTS),
        ("int", {"a": 1, "b": 2}), ("double", {"a": 1.5}),
    ):  # fmt: skip
        for option in ("b", "t"):
            stream = io.BytesIO()
            for key, item in values.items():
                head = key.encode() + (b" \0B" if option == "b" else b" ")
                stream.write(head + b"".join(map(bytes, KINDS[kind].write(item, option == "b"))))
            archives[f"{kind},{option}"] = kind, stream.getvalue()
    for method in (2, 3, 5):
        data = b"".join(key + b" \0B" + compress(value, method) for key in (b"a", b"b"))
        archives[f"compressed {method}"] = "matrix", data
    return archives


ARCHIVES = small_archives()


def read_or_refuse(data: bytes, kind: str, name: str = "x.ark") -> int | None:
    """How many objects there are; None where a DataError of one line says what is wrong."""
    Path(name).write_bytes(data)
    try:
        return len(list(sequential(f"ark:{name}", kind)))
    except DataError as error:
        assert name in str(error) and "\n" not in str(error)
        return None


@pytest.mark.parametrize("form", ARCHIVES)
def test_truncation_at_every_byte(form):
    kind, data = ARCHIVES[form]
    whole = read_or_refuse(data, kind)
    assert whole
    for end in range(len(data)):
        found = read_or_refuse(data[:end], kind)
        assert found is None or found < whole or form.endswith(",t")


@pytest.mark.parametrize("form", ARCHIVES)
def test_flipped_bits(form):
    kind, data = ARCHIVES[form]
    rng = np.random.default_rng(len(data))
    for _ in range(300):
        mutated = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            mutated[place] ^= 1 << rng.integers(0, 8)
        read_or_refuse(bytes(mutated), kind)


HUGE = [
    b"a \0BFM \4\xff\xff\xff\x7f\4\xff\xff\xff\x7f", b"a \0BFM \4\xff\xff\xff\x7f\4\1\0\0\0abc",
    b"a \0BCM " + bytes(8) + b"\xff\xff\xff\x7f\xff\xff\xff\x7f", b"a \0BCM2 " + bytes(8) + b"\xff\xff\xff\x7f\1\0\0\0",
    b"a \0BFM \4\xff\xff\xff\x7f\4\0\0\0\0",
]  # fmt: skip


@pytest.mark.parametrize("data", HUGE)
@pytest.mark.parametrize("source", ["ark:x.ark", "ark:cat x.ark |", "ark:-"])
def test_sizes_beyond_the_data_claim_no_memory(data, source):
    Path("x.ark").write_bytes(data)
    limit = 1 << 30
    with open("x.ark", "rb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "pysed.kaldi", "copy-feats", "--print-args=false", source, "ark:y.ark"],
            stdin=stream, capture_output=True, text=True, timeout=60,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )  # fmt: skip
    assert done.returncode == 255, done.stderr
    assert done.stderr.count("\n") == 1
    assert "out of memory" not in done.stderr


def test_an_archive_longer_than_memory_is_streamed():
    value = np.zeros((1 << 16, 64), np.float32)
    limit = 1 << 30
    write("ark:one.ark", values={"a": value})
    command = f"for i in $(seq 80); do cat one.ark; done | {sys.executable} -m pysed.kaldi feat-to-len ark:-"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert done.stdout.strip() == str(80 << 16), done.stderr


@pytest.mark.parametrize("wspecifier", ["ark:a.ark", "ark,t:a.ark"])
def test_a_matrix_written_in_blocks_is_the_same_matrix(wspecifier):
    whole = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    write(wspecifier, values={"a": whole})
    expected = Path("a.ark").read_bytes()
    write(wspecifier, values={"a": MatrixBlocks(whole.shape, iter(np.split(whole, [1, 6])))})
    assert Path("a.ark").read_bytes() == expected


def test_commands(capfd):
    write("ark,scp:a.ark,a.scp")
    assert main(["feat-to-dim", "scp:a.scp", "-"]) == 0
    assert main(["feat-to-len", "scp:a.scp"]) == 0
    assert main(["feat-to-len", "scp:a.scp", "ark,t:-"]) == 0
    assert main(["feat-to-dim", "ark:cat a.ark |", "ark,t:-"]) == 0
    dims = "".join(f"{key} 3 \n" for key in MATRICES)
    lengths = "".join(f"{key} {len(value)} \n" for key, value in MATRICES.items())
    assert capfd.readouterr().out == f"3\n15\n{lengths}{dims}"
    assert main(["copy-feats", "--write-num-frames=ark,t:n", "scp:a.scp", "ark,t:b.txt"]) == 0
    assert Path("n").read_text() == lengths
    assert main(["copy-feats", "--compress=true", "--compression-method=3", "ark:a.ark", "ark:c.ark"]) == 0
    assert main(["copy-feats", "ark:c.ark", "ark,t:-"]) == 0
    Path("empty.ark").write_bytes(b"")
    assert main(["copy-feats", "ark:empty.ark", "ark:d.ark"]) == 1
    assert main(["feat-to-dim", "ark:empty.ark", "-"]) == 255
    assert main(["copy-feats", "--compress=true", "--compression-method=9", "ark:a.ark", "ark:d.ark"]) == 255
    assert main(["copy-feats", "--htk-in=true", "ark:a.ark", "ark:d.ark"]) == 255
    place = Path("a.scp").read_text().split()[-1]
    assert main(["copy-feats", "--binary=false", place, "m.txt"]) == 0
    np.testing.assert_allclose(read_kind("m.txt", "matrix"), MATRICES["utt4"], rtol=1e-6)
    write("ark:i.ark", "int_vector", INTS)
    capfd.readouterr()
    assert main(["copy-int-vector", "ark:i.ark", "ark,t:-"]) == 0
    assert capfd.readouterr().out == "a 1 -2 2147483647 \nb \nc 7 \n"
    Path("v.txt").write_text("[ 4 5 ]\n")
    assert main(["copy-int-vector", "v.txt", "v.bin"]) == 0
    assert Path("v.bin").read_bytes() == b"\0B\4\2\0\0\0\4\0\0\0\5\0\0\0"
    assert main(["copy-int-vector", "--binary=false", "v.bin", "-"]) == 0
    assert capfd.readouterr().out == "[ 4 5 ]\n"
    assert main(["copy-int-vector", "ark:i.ark", "plain"]) == 255
