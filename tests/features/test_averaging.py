"""Means of neighbouring frames, and the table command around them."""

import kaldiio
import numpy as np
import pytest

from pysed.cli import main
from pysed.features.averaging import average_frames


def test_hand_worked():
    rows = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]], np.float32)
    np.testing.assert_array_equal(average_frames(rows, 2), [[1.5, 15], [3.5, 35], [5, 50]])
    np.testing.assert_allclose(average_frames(rows, 3), [[2, 20], [(4 + 5 + 5) / 3, 140 / 3]])
    np.testing.assert_array_equal(average_frames(rows, 1), rows)
    assert average_frames(rows, 2).dtype == np.float32


def test_thirty_seconds_are_600_frames():
    assert average_frames(np.zeros((3000, 40), np.float32), 5).shape == (600, 40)
    assert average_frames(np.zeros((0, 40), np.float32), 5).shape == (0, 40)
    with pytest.raises(ValueError, match="1 or more"):
        average_frames(np.zeros((3, 1)), 0)


def test_tables(tmp_path):
    rng = np.random.default_rng(0)
    feats = {f"u{i}": rng.normal(size=(11 + i, 4)).astype(np.float32) for i in range(3)}
    kaldiio.save_ark(str(tmp_path / "in.ark"), feats)
    target = f"ark,scp:{tmp_path}/out.ark,{tmp_path}/out.scp"
    assert main(["feats", "average", "--num-frames", "5", f"ark:{tmp_path}/in.ark", target]) == 0
    written = kaldiio.load_scp(str(tmp_path / "out.scp"))
    for key, rows in feats.items():
        np.testing.assert_allclose(written[key], average_frames(rows, 5))


def test_errors_leave_nothing(tmp_path, capsys):
    target = f"ark:{tmp_path}/out.ark"
    (tmp_path / "empty.ark").write_bytes(b"")
    for arguments in (["5", f"ark:{tmp_path}/none.ark"], ["5", f"ark:{tmp_path}/empty.ark"], ["0", "ark:x"]):
        assert main(["feats", "average", "--num-frames", *arguments, target]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out.ark").exists()
    for arguments in ([], ["average"], ["nonsense"]):
        assert main(["feats", *arguments]) == 2
