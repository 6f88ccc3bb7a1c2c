"""Kaldi's object format: round trips, what the text form allows, hostile data."""

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.compress import compress
from pysed.kaldi.stream import KaldiReader, KaldiWriter, unpack_symmetric

RNG = np.random.default_rng(11)
MATRIX = RNG.standard_normal((4, 3)).astype(np.float32)
VECTOR = RNG.standard_normal(5)
INTS = np.array([3, -1, 2**31 - 1, -(2**31)], np.int32)


def sample(binary: bool) -> bytes:
    writer = KaldiWriter(binary)
    writer.token("<Nnet>", "<Dim>")
    writer.int32(-7)
    writer.real(0.1)
    writer.real(1 / 3, double=True)
    writer.boolean(True)
    writer.boolean(False)
    writer.vector(VECTOR)
    writer.matrix(MATRIX)
    writer.int_vector(INTS)
    writer.token("</Nnet>")
    return bytes(writer)


def read_sample(data: bytes) -> list:
    reader = KaldiReader(data, "x.mdl")
    reader.expect("<Nnet>")
    reader.expect("<Dim>", "<Size>")
    found = [reader.int32(), reader.real(), reader.real(), reader.boolean(), reader.boolean()]
    found += [reader.vector(), reader.matrix(), reader.int_vector()]
    reader.expect("</Nnet>")
    if not reader.at_end():
        raise reader.fail("more")
    return found


@pytest.mark.parametrize("binary", [True, False])
def test_round_trip(binary):
    found = read_sample(sample(binary))
    assert found[0] == -7
    assert found[1] == pytest.approx(np.float32(0.1), rel=1e-7)
    assert found[2] == pytest.approx(1 / 3, rel=1e-15)
    assert found[3:5] == [True, False]
    np.testing.assert_allclose(found[5], VECTOR, rtol=0 if binary else 1e-6)
    np.testing.assert_allclose(found[6], MATRIX, rtol=0 if binary else 1e-6)
    assert np.array_equal(found[7], INTS)


@pytest.mark.parametrize("binary", [True, False])
def test_truncation_at_every_byte(binary):
    data = sample(binary).rstrip()
    for end in range(len(data)):
        with pytest.raises(DataError):
            read_sample(data[:end])


@pytest.mark.parametrize("binary", [True, False])
def test_flipped_bits(binary):
    data = sample(binary)
    rng = np.random.default_rng(binary)
    refused = 0
    for _ in range(1500):
        mutated = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            mutated[place] ^= 1 << rng.integers(0, 8)
        try:
            read_sample(bytes(mutated))
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 200


def test_symmetric_matrices():
    packed = np.arange(6, dtype=np.float32)
    full = unpack_symmetric(packed, 3)
    assert np.array_equal(full, [[0, 1, 3], [1, 2, 4], [3, 4, 5]])
    binary = b"\0BFP \4\3\0\0\0" + packed.tobytes()
    assert np.array_equal(KaldiReader(binary).symmetric_matrix(), full)
    assert np.array_equal(KaldiReader(b" [ 0\n1 2\n3 4 5 ]\n").symmetric_matrix(), full)
    for bad in (b"\0BFP \4\xff\xff\xff\x7f", b"\0BFP \4\3\0\0\0abc", b"[ 1 2 ]"):
        with pytest.raises(DataError):
            KaldiReader(bad).symmetric_matrix()


def test_empty_and_damaged_matrices():
    for binary in (True, False):
        writer = KaldiWriter(binary)
        writer.matrix(np.zeros((0, 0), np.float32))
        assert KaldiReader(bytes(writer)).matrix().size == 0
    for bad in (
        b"\0BFM \4\xff\xff\xff\x7f\4\0\0\0\0", b"\0BFM \4\xff\xff\xff\xff\4\1\0\0\0", b"\0BFM \4\2\0\0\0\3\2\0\0\0",
        b"\0BXM \4\1\0\0\0", b"\0BCM4 " + bytes(16), b" [ 1 2\n 3 ]", b" [ 1 x ]", b" [ 1 2 ", b"1 2 ]",
    ):  # fmt: skip
        with pytest.raises(DataError):
            KaldiReader(bad).matrix()


def test_compressed_matrix_codes_by_the_formula():
    data = compress(RNG.standard_normal((20, 3)), 2)
    found = KaldiReader(data, binary=True).matrix()
    low, span = np.frombuffer(data, "<f4", 2, 3)
    rows = 20
    for column in range(3):
        levels = np.frombuffer(data, "<u2", 4, 19 + 8 * column)
        p0, p25, p75, p100 = low + span / 65535 * levels.astype(float)
        codes = np.frombuffer(data, np.uint8, rows, 19 + 24 + rows * column)
        for row, code in enumerate(codes.astype(int)):
            if code <= 64:
                expected = p0 + (p25 - p0) * code / 64
            elif code <= 192:
                expected = p25 + (p75 - p25) * (code - 64) / 128
            else:
                expected = p75 + (p100 - p75) * (code - 192) / 63
            assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_integers_of_32_bits_only():
    for text in (b"2147483648 ", b"-2147483649 ", b"1.5 ", b"x ", b""):
        with pytest.raises(DataError):
            KaldiReader(text).int32()
    assert KaldiReader(b"-2147483648").int32() == -(2**31)
    with pytest.raises(DataError):
        KaldiReader(b"[ 1 4294967296 ]").int_vector()
