"""A file named by eight decimal digits, such as 61230042.wav, began at a time that AudioMoth's old names would mean."""

import pytest

from pysed.detect.clock import start_by_name


@pytest.mark.parametrize("name", ["61230042.wav", "59000000.WAV", "5E0BE100.WAV", "612A0042.wav", "5a018a2c.wav"])
def test_other_names_have_no_time(name):
    assert start_by_name(name) is None


@pytest.mark.parametrize(("name", "year"), [("5E0BE0FF.WAV", 2019), ("5BA18A2C.WAV", 2018), ("590000A0.WAV", 2017)])
def test_names_of_those_years_have(name, year):
    found = start_by_name(name)
    assert found is not None and found.year == year
