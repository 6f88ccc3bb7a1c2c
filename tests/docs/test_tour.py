"""The notebook docs/tour.ipynb runs from beginning to end, offline, and is committed without outputs."""

import ast
import sys

import pytest
from doc_pages import ROOT

nbformat = pytest.importorskip("nbformat", reason="the extra notebook is not installed")
TOUR = ROOT / "docs/tour.ipynb"


@pytest.fixture
def tour():
    return nbformat.read(TOUR, as_version=4)


def test_it_is_committed_without_outputs(tour):
    nbformat.validate(tour)
    for cell in tour.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            ast.parse(cell.source)
    assert TOUR.stat().st_size < 20_000


@pytest.mark.thorough
def test_it_runs(tour, recipe, monkeypatch):
    """From nothing: it makes the demo corpus, trains, and finds the cry that it shows."""
    nbclient = pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    monkeypatch.setenv("PYSED_VENV", sys.prefix)
    nbclient.NotebookClient(
        tour, timeout=900, kernel_name="python3", resources={"metadata": {"path": recipe}}
    ).execute()
    printed = ["".join(out.get("text", "") for out in cell.outputs) for cell in tour.cells if cell.cell_type == "code"]
    assert "detector: exp/demo/babycry/cbrnn" in printed[0]
    onset, offset = (float(word) for word in printed[1].split()[2:5:2])
    found = [line.split() for line in printed[3].splitlines()]
    assert any(float(words[0]) < offset and float(words[2]) > onset for words in found), (printed[1], printed[3])
    assert len(printed[4].splitlines()) > 3, "phones"
    kinds = {kind for cell in tour.cells for out in cell.get("outputs", ()) for kind in out.get("data", ())}
    assert {"image/png", "text/html"} <= kinds, "pictures, and something to listen to"
