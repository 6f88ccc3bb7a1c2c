"""A folder with ``|`` in its name, as ``--exp`` may have, made features that training then refused to read."""

import numpy as np
import pytest

from pysed.datadir.archives import Archive, write_archive
from pysed.errors import DataError


def test_it_is_read(tmp_path):
    folder = tmp_path / "a|b"
    folder.mkdir()
    write_archive(folder / "feats", [("u1", np.ones((2, 3)))])
    np.testing.assert_array_equal(Archive(folder / "feats.scp")["u1"], np.ones((2, 3)))


@pytest.mark.parametrize("location", ["|touch PWNED:0", "touch PWNED |", "touch PWNED |:0", "|:0", "touch a | b |"])
def test_a_pipe_is_refused_and_not_run(tmp_path, monkeypatch, location):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feats.scp").write_text(f"u1 {location}\n")
    with pytest.raises(DataError, match="expected a place in an archive"):
        Archive("feats.scp")["u1"]
    assert [path.name for path in tmp_path.iterdir()] == ["feats.scp"]
