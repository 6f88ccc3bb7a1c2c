"""An archive read by key from an offset (``ark:FILE:N``) was read from its beginning."""

import numpy as np
import pytest

from pysed.kaldi.tables import RandomAccess, sequential


@pytest.mark.parametrize("binary", [False, True])
def test_what_stands_before_is_not_seen(tmp_path, binary):
    from pysed.kaldi.tables import TableWriter

    form = "ark" if binary else "ark,t"
    for name, value in (("a", 9), ("b", 1)):
        with TableWriter(f"{form}:{tmp_path}/{name}", "vector") as table:
            table.write("u1", np.full(3, value, np.float32))
            table.write(f"of-{name}", np.full(3, value + 1, np.float32))
    first, second = (tmp_path / name for name in ("a", "b"))
    offset = first.stat().st_size
    (tmp_path / "both").write_bytes(first.read_bytes() + second.read_bytes())
    specifier = f"ark:{tmp_path}/both:{offset}"
    with RandomAccess(specifier, "vector") as table:
        for key, value in sequential(specifier, "vector"):
            np.testing.assert_array_equal(table[key], value)
        assert table["u1"][0] == 1 and table["of-b"][0] == 2 and "of-a" not in table
