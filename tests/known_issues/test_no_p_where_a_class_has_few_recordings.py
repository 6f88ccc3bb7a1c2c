"""The average had a p though one class had few recordings of events, where the counts of another named none; and
a class of three files that name none had one."""

import numpy as np
import pytest

from pysed.score.comparison import records
from pysed.score.counts import FileCounts
from pysed.score.results_files import Row


def rows(event: str, num_files: int, names: list[str | None]) -> list[Row]:
    """gradual finds all events, cbrnn none."""
    found = []
    for system, counts in (("gradual", [1, 0, 0]), ("cbrnn", [0, 1, 1])):
        score = dict.fromkeys(("error_rate", "f_measure", "precision", "recall"), 0.5)
        files = FileCounts([f"{event}{i}" for i in range(num_files)], np.array([counts] * num_files), names, names)
        found.append(Row(None, None, event, system, "devtest", 1, score, num_files, None, files, {}, None))
    return found


def p_of(found: list[dict], event: str) -> float | None:
    (record,) = [each for each in found if (each["event"], each["system"]) == (event, "cbrnn")]
    return record["against"]["error_rate"]["p"]


@pytest.mark.parametrize("num_unnamed,known", [(40, True), (3, False)])
def test_unnamed_files_are_recordings_of_their_own(num_unnamed, known):
    cry = rows("cry", num_unnamed, [None] * num_unnamed)
    shot = rows("shot", 12, [f"shot {i % 3}" for i in range(12)])
    found = records(cry + shot)
    assert (p_of(found, "cry") is not None) == known
    assert p_of(found, "shot") is None and p_of(found, "average") is None
