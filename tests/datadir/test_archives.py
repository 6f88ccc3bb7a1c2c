"""Archives against kaldiio's own writer and the project's Kaldi tables; and what kaldiio alone would run or trust."""

import pickle

import kaldiio
import numpy as np
import pytest

from pysed.datadir.archives import Archive, write_archive
from pysed.errors import DataError
from pysed.kaldi.tables import TableWriter, matrices


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def some(count: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {f"utt{i}": random.standard_normal((5 + i, 4)).astype(np.float32) for i in range(count)}


@pytest.mark.parametrize("method", [None, 1, 2, 3, 5])
def test_what_kaldiio_writes_is_read(tmp_path, method):
    written = some()
    options = {} if method is None else {"compression_method": method}
    kaldiio.save_ark(str(tmp_path / "a.ark"), written, scp=str(tmp_path / "a.scp"), **options)
    archive = Archive(tmp_path / "a.scp")
    assert list(archive) == list(written) and "utt1" in archive and "other" not in archive and len(archive) == 3
    by_kaldiio = kaldiio.load_scp(str(tmp_path / "a.scp"))
    for name, matrix in archive.items():
        np.testing.assert_array_equal(matrix, by_kaldiio[name])
        np.testing.assert_allclose(matrix, written[name], atol=0.03 if method else 0)
    archive.close()


def test_both_ways_between_kaldi_tables_and_archives(tmp_path):
    written = some()
    write_archive(tmp_path / "a", written.items())
    for name, matrix in matrices(f"scp:{tmp_path}/a.scp"):
        np.testing.assert_array_equal(matrix, written[name])
    with TableWriter(f"ark,scp:{tmp_path}/b.ark,{tmp_path}/b.scp", "matrix") as table:
        for name, matrix in written.items():
            table.write(name, matrix)
    assert (tmp_path / "a.ark").read_bytes() == (tmp_path / "b.ark").read_bytes()
    for name, matrix in Archive(tmp_path / "b.scp").items():
        np.testing.assert_array_equal(matrix, written[name])


@pytest.mark.parametrize("location", ["touch PWNED |", "| touch PWNED", "touch PWNED |:0", "-", "a.ark", "a.ark:x"])
def test_no_command_is_run(tmp_path, monkeypatch, location):
    monkeypatch.chdir(tmp_path)
    write_archive("a", some(1).items())
    (tmp_path / "b.scp").write_text(f"utt0 {location}\n")
    with pytest.raises(DataError, match="b.scp: utt0: .* expected a place in an archive"):
        Archive("b.scp")["utt0"]
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("magic", [b"PKL", b"NPY", b"AUDIO\x04", b"\0BFV \x04\x03\0\0\0", b" [ 1 2 ]", b""])
def test_nothing_but_binary_matrices_is_read(tmp_path, magic):
    (tmp_path / "a.ark").write_bytes(b"utt0 " + magic + pickle.dumps(Bomb(tmp_path / "PWNED")))
    (tmp_path / "a.scp").write_text(f"utt0 {tmp_path}/a.ark:5\n")
    with pytest.raises(DataError, match="a.scp: utt0: no binary matrix"):
        Archive(tmp_path / "a.scp")["utt0"]
    assert not (tmp_path / "PWNED").exists()


def test_damaged_matrices_are_named(tmp_path):
    write_archive(tmp_path / "a", some(1).items())
    whole = (tmp_path / "a.ark").read_bytes()
    for size in range(5, len(whole)):
        (tmp_path / "a.ark").write_bytes(whole[:size])
        with pytest.raises(DataError, match="a.scp: utt0: "):
            Archive(tmp_path / "a.scp")["utt0"]
    for position in range(5, 20):
        for value in (0x7F, 0xFF, 0):
            damaged = bytearray(whole)
            damaged[position] = value
            (tmp_path / "a.ark").write_bytes(damaged)
            try:
                assert Archive(tmp_path / "a.scp")["utt0"].ndim == 2
            except DataError as error:
                assert "a.scp: utt0: " in str(error)
    (tmp_path / "a.ark").unlink()
    with pytest.raises(DataError, match="a.scp: utt0: .*a.ark: cannot be read"):
        Archive(tmp_path / "a.scp")["utt0"]
