"""The command in an exported detector's card was not one for names with spaces or a leading dash, and a path of this
machine stayed in it where an option was written with ``=``."""

import shlex

import pytest
from small_detector import make_model

from pysed.cli import main


@pytest.mark.parametrize("name", ["my cries", "-x", "cries"])
def test_the_card_says_what_can_be_typed(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "m")
    (tmp_path / "notes.md").write_text("Of my own.\n")
    assert main(["export", f"--notes={tmp_path}/notes.md", "--", "m", name]) == 0
    card = (tmp_path / name / "MODEL_CARD.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("pysed detect"))
    model = shlex.split(line)[3]
    assert not model.startswith("-") and (tmp_path / model / "final.pt").is_file()
    assert str(tmp_path) not in card and "--notes=notes.md" in card
