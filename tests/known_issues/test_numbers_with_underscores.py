"""Python's numbers, 1_0 and digits of other scripts, were taken where Kaldi refuses them."""

import pytest

from pysed.errors import DataError
from pysed.kaldi.__main__ import main
from pysed.kaldi.nnet3.config_lines import ConfigLine
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.tables import sequential

ODD = ["1_0", "\u0661", "1_", "_1"]


def table(tmp_path, text: str) -> str:
    (tmp_path / "x.ark").write_text(text)
    return f"ark:{tmp_path}/x.ark"


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("kind", "text"),
    [("matrix", "[ {} 2 ]"), ("matrix", "[ 1 2\n {} 2 ]"), ("vector", "[ {} 2 ]"), ("int_vector", "{} 2"),
     ("int", "{}"), ("float", "{}"), ("double", "{}")],
)  # fmt: skip
def test_tables(tmp_path, kind, text, odd):
    assert len(list(sequential(table(tmp_path, f"a {text.format('+1')}\n"), kind))) == 1
    with pytest.raises(DataError, match=r"x\.ark"):
        list(sequential(table(tmp_path, f"a {text.format(odd)}\n"), kind))


@pytest.mark.parametrize(("command", "text"), [("copy-feats", "a [ 1_0 2 ]\n"), ("copy-int-vector", "a 1_0 2\n")])
def test_commands(tmp_path, capsys, command, text):
    assert main([command, table(tmp_path, text), f"ark,t:{tmp_path}/out"]) == 255
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"ERROR ({command}): {tmp_path}/x.ark")


@pytest.mark.parametrize("odd", ODD)
def test_objects(odd):
    for read in (KaldiReader.int32, KaldiReader.real, KaldiReader.int_vector):
        with pytest.raises(DataError):
            read(KaldiReader(f"{odd} ".encode(), binary=False))
    line = ConfigLine(f"component name=x a={odd}", "x")
    for of_line in (line.integer, line.real):
        with pytest.raises(DataError, match="expected a"):
            of_line("a")
