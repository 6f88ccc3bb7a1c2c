"""A cell in quotes that holds a comma made ``pysed score --check`` count one cell too many."""

import pytest

from pysed.errors import DataError
from pysed.score.claims import read_claims


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_it_is_one_cell(tmp_path, mark):
    rows = (("system", "ER", "F"), (f'"CRNN{mark} ""big"""', "0.13", "93.1"), ("plain", '"0.2"', "90"))
    (tmp_path / "t.csv").write_text("".join(f"{mark.join(row)}\n" for row in rows))
    assert [claim.name for claim in read_claims(tmp_path / "t.csv")] == [f'CRNN{mark} "big"', "plain"]


def test_other_rows_stay_as_they_were(tmp_path):
    (tmp_path / "t.md").write_text('| system | ER | F |\n|---|---|---|\n| "a, b" | 0.1 | 90 |\n')
    assert [claim.name for claim in read_claims(tmp_path / "t.md")] == ['"a, b"']
    (tmp_path / "t.csv").write_text(f"system,ER,F\n{'x' * 200_000},0.1,90\n")
    with pytest.raises(DataError, match=r"t\.csv:2: 1 cells; expected 3"):
        read_claims(tmp_path / "t.csv")
