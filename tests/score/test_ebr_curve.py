"""F over the event-to-background ratio: where a curve reaches a value, worked by hand; means over seeds; the files."""

import json
import sys

import pytest


@pytest.fixture
def script(root, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(root / "local"), *sys.path])
    import plot_ebr_curve

    return plot_ebr_curve


def leave(folder, f, error_rate):
    folder.mkdir(parents=True)
    (folder / "score_devtest.json").write_text(json.dumps({"f_measure": f, "error_rate": error_rate}))


def test_where_a_curve_reaches_a_value(script):
    assert script.crossing([-6, 0, 6], [20, 50, 80], 65) == pytest.approx(3)
    assert script.crossing([-6, 0, 6], [20, 50, 80], 90) is None
    assert script.crossing([-6, 0, 6], [40, 30, 60], 35) == pytest.approx(1), "from below"


def test_table_figure_and_equal_difficulty(script, tmp_path, capsys):
    for shift, mlp, cbrnn in ((-6, 0.52, (0.5, 0.6)), (0, 0.62, (0.7, 0.9)), (6, 0.82, (None, 0.9))):
        leave(tmp_path / str(shift) / "mlp", mlp, 1 - mlp)
        leave(tmp_path / str(shift) / "cbrnn", cbrnn[0], 1.0)
        leave(tmp_path / str(shift) / "cbrnn/seed2", cbrnn[1], 0.5)
    assert script.main([str(tmp_path), "babycry"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0] == "mlp reaches the 72.0 % of TUT at +3.0 dB; there:"
    assert "cbrnn: error rate 0.75, F 62.5 %" in told, "half way between 80 and 45 %"
    rows = (tmp_path / "curve.csv").read_text().splitlines()
    assert (
        rows[0] == "system,shift_db,f_percent,error_rate" and "cbrnn,-6,55.0,0.75" in rows and "mlp,6,82.0,0.18" in rows
    )
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_baseline_that_never_gets_there(script, tmp_path, capsys):
    for shift, f in ((0, 0.4), (6, 0.6)):
        leave(tmp_path / str(shift) / "mlp", f, 1 - f)
    assert script.main([str(tmp_path), "babycry"]) == 0
    assert capsys.readouterr().out == "mlp does not reach the 72.0 % of TUT at these shifts\n"


def test_no_scores(script, tmp_path, capsys):
    assert script.main([str(tmp_path), "babycry"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
