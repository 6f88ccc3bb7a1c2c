"""Kaldi's text matrices may have ``;`` between rows (Matrix::Read of kaldi-matrix.cc); they were refused."""

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.tables import matrices


def test_rows_end_with_semicolons_or_lines(tmp_path):
    path = tmp_path / "x.txt"
    for text in ("a [ 1 2; 3 4 ]\n", "a [ 1 2 ; 3 4; ]\n", "a  [\n  1 2;\n 3 4 ]\n", "a [ 1 2\n 3 4 ]\n"):
        path.write_text(text)
        ((key, matrix),) = matrices(f"ark,t:{path}")
        assert key == "a"
        np.testing.assert_array_equal(matrix, [[1, 2], [3, 4]])


def test_vectors_have_no_rows():
    with pytest.raises(DataError):
        KaldiReader(b"[ 1 2; 3 4 ]\n", "v").vector()
