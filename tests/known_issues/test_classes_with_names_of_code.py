"""A class called ``none`` ended scoring in a traceback, one called ``average`` the table of results."""

import pytest

from pysed.errors import DataError
from pysed.events import Event
from pysed.names import check_class_name
from pysed.score.event_based import evaluate


@pytest.mark.parametrize("name", ["none", "None", "nan", "null", "cry"])
def test_a_class_is_scored_whatever_its_name(name):
    found = evaluate({"a.wav": [Event(1.0, 2.0, name)], "b.wav": []}, {"a.wav": [Event(1.2, 2.0, name)]}, name)
    assert (found["error_rate"], found["f_measure"], found["num_reference"]) == (0.0, 1.0, 1)


def test_average_is_the_tables_own_name():
    with pytest.raises(DataError, match="the recipe uses itself"):
        check_class_name("average", "events.yaml")
