"""``pysed score`` counted the events of several models, or channels, of one table as one system's."""

import pytest

from pysed.cli import main
from pysed.detect.decide import Detection
from pysed.detect.formats import FORMATS, Columns, Found


def scored(folder, columns: Columns, events: list[list[Detection]], label: str = "cry") -> int:
    (folder / "r").write_text("a.wav\t1\t2\tcry\na.wav\t6\t7\tbell\nb.wav\n")
    table = FORMATS["tsv"].whole([Found("a.wav", 9.0, events), Found("b.wav", 9.0, [[]] * len(events))], columns)
    (folder / "d").write_text(table)
    return main(["score", "--reference", f"{folder}/r", "--detected", f"{folder}/d", "--event", label])


def test_several_models_are_refused(tmp_path, capsys):
    events = [[Detection(1.0, 2.0, "cry", 0.5)], [Detection(4.0, 5.0, "cry", 0.5)], []]
    assert scored(tmp_path, Columns(["m/one", "m/two", "m/three"]), events) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/d: events cry of 2 models (m/one, m/two) in one table; expected one; "
        "score the rows of each by themselves\n"
    )


def test_several_channels_are_refused_also_where_both_have_the_same_event(tmp_path, capsys):
    events = [[Detection(1.0, 2.0, "cry", 0.5, number) for number in (1, 2, 3, 4)]]
    assert scored(tmp_path, Columns(channels=True), events) == 2
    assert "events cry of 4 channels (1, 2, 3, …) in one table" in capsys.readouterr().err


@pytest.mark.parametrize("label", ["cry", "bell"])
def test_models_of_different_classes_are_scored(label, tmp_path, capsys):
    events = [[Detection(1.0, 2.0, "cry", 0.5, 1)], [Detection(6.0, 7.0, "bell", 0.5, 1)]]
    assert scored(tmp_path, Columns(["m/cry", "m/bell"], channels=True), events, label) == 0
    assert "ER 0.00" in capsys.readouterr().out
