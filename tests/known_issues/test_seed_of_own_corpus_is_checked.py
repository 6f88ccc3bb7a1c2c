"""``pysed corpus own --seed -1``, and a seed beyond 32 bits, ended in numpy's traceback."""

import pytest
from own_corpus import make_own_corpus


@pytest.mark.parametrize("seed", ["-1", "4294967296", "99999999999"])
def test_it_is_refused(tmp_path, capsys, seed):
    for folder in ("clips", "places"):
        (tmp_path / folder).mkdir()
    assert make_own_corpus(tmp_path, "--seed", seed) == 2
    assert f"--seed {seed}; expected 0 to 4294967295" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
