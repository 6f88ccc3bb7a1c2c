"""A test set without events: silence had an error rate there, systems "had not been scored", and the last of the sets
chose the model to use, by name."""

from pysed.score.results_files import Row
from pysed.score.summary import best_model, small_table, verdict

UNDEFINED = {"mean": None, "std": None, "interval": None, "values": [None]}


def record(system: str, rate: float | None) -> dict:
    figure = UNDEFINED if rate is None else {"mean": rate, "std": None, "interval": None, "values": [rate]}
    return {"event": "cry", "system": system, "seeds": [1], "error_rate": figure, "f_measure": figure, "against": None}


def test_no_figures_are_made_up():
    found = [record("cbrnn", None), record("mlp", None)]
    assert small_table(found, [])[-1] == ["(silence)", "n/a / n/a"]
    assert verdict(found) == "No test file holds an event of cry, so there is no error rate to compare."


def test_the_best_of_the_set_with_events_is_used():
    found = {
        "devtest": [record("cbrnn", 0.9), record("mlp", 0.4)],
        "evaltest": [record("cbrnn", None), record("mlp", None)],
    }
    rows = [
        Row(None, None, "cry", system, subset, 1, {}, 1, None, None, {}, None)
        for subset in found for system in ("cbrnn", "mlp")
    ]  # fmt: skip
    assert best_model({"subsets": found}, rows).system == "mlp"
