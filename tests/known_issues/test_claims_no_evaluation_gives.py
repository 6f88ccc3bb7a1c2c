"""The claim checker read an error rate in percent as a plain number, tried too few insertions, took minutes for many
events, and ended in a traceback where a row has no figures."""

import itertools

import numpy as np
import pytest

from pysed.score.claims import check_table, possible


def by_trying(figures, num_events, most):
    """Every number of hits and insertions."""
    for hits, extra in itertools.product(range(num_events + 1), range(most)):
        rates = {
            "error_rate": (num_events - hits + extra) / num_events,
            "f_measure": 2 * hits / (num_events + hits + extra),
            "precision": hits / (hits + extra) if hits + extra else np.nan,
            "recall": hits / num_events,
        }
        if all(low - 1e-9 <= rates[name] <= high + 1e-9 for name, (low, high) in figures.items()):
            return True
    return False


@pytest.mark.parametrize("seed", range(4))
def test_against_trying_every_count(seed):
    random = np.random.default_rng(seed)
    answers = []
    for _ in range(100):
        num_events = int(random.integers(1, 8))
        hits, extra = random.integers(0, num_events + 1), random.integers(0, 12)
        true = {
            "error_rate": (num_events - hits + extra) / num_events,
            "f_measure": 2 * hits / (num_events + hits + extra),
            "precision": hits / max(hits + extra, 1),
            "recall": hits / num_events,
        }
        half = random.choice([0.0005, 0.005, 0.05])
        chosen = random.choice(list(true), size=random.integers(1, 5), replace=False)
        shift = {name: random.choice([0, 0, 0.01, -0.03]) for name in chosen}
        printed = {name: max(0.0, true[name] + shift[name]) for name in chosen}
        figures = {name: (max(0.0, value - half), value + half) for name, value in printed.items()}
        answers.append(possible(figures, num_events))
        assert answers[-1] == by_trying(figures, num_events, 400), (figures, num_events)
    assert {True, False} == set(answers)


@pytest.mark.parametrize(
    ("row", "can_be"),
    [
        ("6%,97%,", True),  # 0.06 and 0.97: 100 events, 97 found, 3 false alarms
        ("6%,95.4%,", False),
        ("199.00,1.0 %,5", True),  # 5 hits, 995 insertions
        ("-,-,", True),
        ("50,5,10000", False),
        ("0.5,0.9 %,", False),
    ],
)
def test_rows(tmp_path, row, can_be):
    (tmp_path / "t.csv").write_text(f"system,ER,F,N\na,{row}\n")
    ((_, answer),) = check_table(tmp_path / "t.csv")
    assert answer is can_be
