"""A class called background passed stage 1 and ended stage 7; a class called RESULTS.md would have ended stage 6."""

import pytest

from pysed.cli import main
from pysed.corpus.sources import corpus_classes
from pysed.errors import DataError


@pytest.mark.parametrize("name", ["background", "RESULTS.md", "comparison.json"])
def test_it_is_refused_with_the_lists(tmp_path, name):
    lists = tmp_path / "source_data/cv_setup"
    lists.mkdir(parents=True)
    (lists / "events_devtrain.yaml").write_text(f"cat: []\n{name}: []\n")
    (lists / "bgs_devtrain.yaml").write_text("[]\n")
    with pytest.raises(DataError, match=f"events_devtrain.yaml: class '{name}': a name that the recipe uses itself"):
        corpus_classes(tmp_path)


def test_pysed_phones_says_so(tmp_path, capsys):
    options = ["phones", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--events"]
    assert main([*options, "cat,background"]) == 2
    assert "class 'background': a name that the recipe uses itself; rename the class" in capsys.readouterr().err
    assert main([*options, "cat,cat"]) == 2
    assert "expected different names, joined by commas" in capsys.readouterr().err
