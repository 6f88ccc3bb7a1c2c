"""``pysed corpus own --test-fraction 5`` said that recordings are shared between classes."""

import pytest
from own_corpus import make_own_corpus


@pytest.mark.parametrize("fraction", ["5", "1", "0", "-0.5", "nan"])
def test_any_other_number_is_refused(tmp_path, capsys, fraction):
    assert make_own_corpus(tmp_path, "--test-fraction", fraction) == 2
    assert f"argument --test-fraction: {fraction}: expected a share" in capsys.readouterr().err
