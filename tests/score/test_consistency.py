"""The bound on single-class figures, by enumeration and on the paper's table."""

import pytest

from pysed.score.consistency import check, f_range
from pysed.score.paper_table1 import AVERAGE, TABLE_1, figure, title


def test_every_possible_evaluation_is_within_and_the_ends_are_reached():
    for deletions in range(11):
        for insertions in range(15):
            hits = 10 - deletions
            error_rate = (deletions + insertions) / 10
            f_measure = 2 * hits / (2 * hits + deletions + insertions) if hits or insertions or deletions else 1.0
            lowest, highest = f_range(error_rate)
            assert lowest - 1e-12 <= f_measure <= highest + 1e-12
            assert check(error_rate, f_measure, 0, 0).consistent
            if insertions == 0:
                assert f_measure == pytest.approx(lowest)
            if deletions == 0:
                assert f_measure == pytest.approx(highest)


def test_the_papers_table_only_gunshot_gradual_violates_it():
    inconsistent = [
        (system, event)
        for system, (_, cells) in TABLE_1.items()
        for event, cell in cells.items()
        if event != AVERAGE and not check(*cell).consistent
    ]
    assert inconsistent == [("gradual", "gunshot")]
    bound = check(*figure("gradual", "gunshot"))
    assert round(bound.lowest, 3) == 0.966 and round(bound.highest, 3) == 0.973


def test_the_papers_averages_are_plain_means_but_for_one():
    off = []
    for system, (_, cells) in TABLE_1.items():
        values = [cell.f_measure for event, cell in cells.items() if event != AVERAGE]
        if abs(sum(values) / 3 - cells[AVERAGE].f_measure) > 0.001:
            off.append(system)
    assert off == ["cnn1d_rnn"]


def test_error_rates_above_one():
    assert f_range(1.5) == (0.0, pytest.approx(2 / 3.5))
    assert not check(1.5, 0.7).consistent
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="error rate"):
            f_range(wrong)


def test_a_system_as_printed_stands_beside_the_same_figures():
    assert figure("gradual_paper", "babycry") == figure("gradual", "babycry") == (0.04, 0.98)
    assert title("finetune_paper") == title("finetune") == "Finetuning Net"
    assert figure("cbrnn_paper", "babycry") is None and figure("gradual.epochs-3", "babycry") is None
