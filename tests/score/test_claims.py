"""Published figures that no evaluation can give: by enumeration, by the closed form, on the paper's table."""

from itertools import product

import pytest

from pysed.cli import main
from pysed.errors import DataError
from pysed.score.claims import possible, read_claims
from pysed.score.consistency import check
from pysed.score.paper_table1 import AVERAGE, TABLE_1


def rounded(value: float, digits: int) -> tuple[float, float]:
    half = 0.5 * 10.0**-digits
    return round(value, digits) - half, round(value, digits) + half


def evaluation(num_events: int, hits: int, insertions: int) -> dict[str, float]:
    return {
        "error_rate": (num_events - hits + insertions) / num_events,
        "f_measure": 2 * hits / (num_events + hits + insertions),
        "precision": hits / max(hits + insertions, 1),
        "recall": hits / num_events,
    }


def test_every_evaluation_is_possible_and_few_others_are():
    """Of five events, figures to three digits: what is possible is just what an evaluation gives."""
    given = set()
    for hits, insertions in product(range(6), range(8)):
        rates = evaluation(5, hits, insertions)
        if hits + insertions:
            printed = {rate: rounded(value, 3) for rate, value in rates.items()}
            assert possible(printed, 5) and possible(printed), rates
        given.add((round(rates["error_rate"], 3), round(rates["f_measure"], 3)))
    for error_rate, f_measure in product((0.2, 0.4, 0.8, 1.2), (0.1, 0.25, 0.5, 0.667, 0.857, 0.889, 0.909)):
        figures = {"error_rate": rounded(error_rate, 3), "f_measure": rounded(f_measure, 3)}
        assert possible(figures, 5) == ((error_rate, f_measure) in given), figures


def test_without_the_number_of_events_it_is_the_closed_form():
    for error_rate, f_measure in product((0.0, 0.06, 0.3, 0.9, 1.0, 1.4), (0.05, 0.3, 0.59, 0.7, 0.954, 0.97, 1.0)):
        figures = {"error_rate": rounded(error_rate, 2), "f_measure": rounded(f_measure, 3)}
        assert possible(figures) == check(error_rate, f_measure).consistent, figures


def test_precision_and_recall_bind_too():
    figures = {"error_rate": (0.495, 0.505), "f_measure": (0.745, 0.755)}
    assert possible({**figures, "recall": (0.745, 0.755), "precision": (0.745, 0.755)})
    assert not possible({**figures, "recall": (0.895, 0.905), "precision": (0.745, 0.755)})


def test_the_papers_table(tmp_path, capsys):
    """Of Table 1's single classes, the gradual net's gunshots alone cannot be."""
    table = tmp_path / "table1.csv"
    rows = [
        f"{system} {event},{cell.error_rate:.2f},{100 * cell.f_measure:.1f}"
        for system, (_, cells) in TABLE_1.items()
        for event, cell in cells.items()
        if event != AVERAGE
    ]
    table.write_text("\n".join(["system,ER,F", *rows]) + "\n")
    assert main(["score", "--check", str(table)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if "no evaluation gives" in line] == [
        f"{table}:{2 + rows.index('gradual gunshot,0.06,95.4')}: gradual gunshot: no evaluation gives these figures"
    ]
    assert told[-1].startswith("1 of 18 rows")


def test_a_markdown_table_with_numbers_of_events(tmp_path):
    table = tmp_path / "table.md"
    table.write_text(
        "| system | ER | F % | N |\n|---|---|---|---|\n| one | 0.20 | 88.9 | 5 |\n| two | 0.20 | 90.0 | ? |\n"
    )
    one, two = read_claims(table)
    assert (one.line, one.name, one.num_events, two.num_events) == (3, "one", 5, None)
    assert one.figures["f_measure"] == pytest.approx((0.8885, 0.8895))


@pytest.mark.parametrize(
    "text,message",
    [
        ("system,ER\na,0.1\n", "t.csv:1: no column f_measure"),
        ("ER,F\n", "no rows"),
        ("ER,F\n0.1\n", "t.csv:2: 1 cells"),
        ("ER,F\nx,90\n", "t.csv:2: error_rate 'x'"),
        ("ER,F,N\n0.1,90,0\n", "t.csv:2: '0' events"),
    ],
)
def test_what_is_no_such_table(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_claims(tmp_path / "t.csv")
