"""``pysed corpus own --test-fraction 0.9`` said that recordings are shared with other classes, where too few were left
for training."""

import pytest

from pysed.corpus.own import OwnSettings, _test_recordings
from pysed.errors import DataError


def test_the_fraction_is_named():
    with pytest.raises(DataError, match=r"dog: --test-fraction 0\.9 leaves 1 of 5 recordings to train on; .*lower it"):
        _test_recordings({"dog": list("abcde")}, OwnSettings(test_fraction=0.9))
    assert len(_test_recordings({"dog": list("abcde")}, OwnSettings(test_fraction=0.6))) == 3


def test_recordings_of_other_classes_are_named():
    settings = OwnSettings(test_fraction=0.5)
    test = _test_recordings({"dog": list("abcdef")}, settings)
    shared = [*sorted(test)[:2], *sorted(set("abcdef") - test)[:1]]
    with pytest.raises(DataError, match="cat: cannot be split: its recordings are shared with other classes"):
        _test_recordings({"dog": list("abcdef"), "cat": shared}, settings)
