"""A mistyped PYSED_MIRROR, such as ``http://[x``, ended in urllib's traceback."""

import pytest

from pysed.errors import DataError
from pysed.fetch.collect import mirrors_from


@pytest.mark.parametrize("mirror", ["http://[x", "http://", "http:///x", "http://a:b/", "http://é/", "http://a:99999/"])
def test_it_is_refused(mirror):
    with pytest.raises(DataError, match="PYSED_MIRROR: .*expected addresses"):
        mirrors_from({"PYSED_MIRROR": f"http://good/ {mirror}"})


def test_addresses_stay():
    good = ("http://[::1]:8000/x", "https://user:word@host/a%20b", "http://127.0.0.1:9/x")
    assert mirrors_from({"PYSED_MIRROR": " ".join(good)}) == good
