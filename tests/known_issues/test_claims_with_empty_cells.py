"""A table whose last or first cell between tabs is empty was refused for too few cells."""

from pysed.score.claims import read_claims


def test_outer_tabs_stand_beside_empty_cells(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("system\tER\tF\tN\nA\t0.06\t95.4\t\n\t0.06\t95.4\t100\n")
    first, second = read_claims(path)
    assert (first.name, first.num_events, second.num_events) == ("A", None, 100)
    path.write_text("| system | ER | F | N |\n|---|---|---|---|\n| A | 0.06 | 95.4 | |\n")
    assert len(read_claims(path)) == 1
