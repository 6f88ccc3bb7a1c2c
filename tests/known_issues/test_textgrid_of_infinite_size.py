"""A TextGrid with ``size = 1e400``, a number beyond what a computer holds, ended in a traceback."""

import pytest

from pysed.corpus.label_files import read_labels
from pysed.errors import DataError

GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = {tiers}
item []:
    item [1]:
        class = "IntervalTier"
        name = "calls"
        xmin = 0
        xmax = 3
        intervals: size = {intervals}
"""


@pytest.mark.parametrize("sizes", [{"tiers": "1e400", "intervals": 1}, {"tiers": 1, "intervals": "-1e400"}])
def test_it_is_refused(tmp_path, sizes):
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "a.TextGrid").write_text(GRID.format(**sizes))
    with pytest.raises(DataError, match=r"a\.TextGrid: -?1e400; expected a finite number"):
        read_labels(tmp_path / "a.TextGrid", tmp_path)
