"""``pysed score --check TABLE`` took options of a scoring and did nothing with them: --out wrote no file."""

import pytest

from pysed.commands.score import main
from pysed.errors import DataError


@pytest.mark.parametrize("option", ["reference", "detected", "event", "out", "plot", "audio"])
def test_they_are_refused(tmp_path, option):
    (tmp_path / "table.csv").write_text("system,ER,F\na,0.06,95.4\n")
    with pytest.raises(DataError, match=f"--{option}: of no use with --check"):
        main(["--check", str(tmp_path / "table.csv"), f"--{option}", "x"])
