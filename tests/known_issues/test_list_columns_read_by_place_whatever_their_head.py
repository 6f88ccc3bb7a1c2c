"""A header's third and fourth column were offset and label whatever it called them: durations were read as offsets,
channels as classes."""

import pytest

from pysed.cli import main
from pysed.errors import DataError
from pysed.events import Event, read_events


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("filename onset duration event_label", "a.wav 1 2 cry", r"l:1: column 3 is 'duration'; expected offset; put"),
        ("filename onset offset channel label", "a.wav 1 2 1 cry", r"l:1: column 4 is 'channel'; expected label; put"),
        ("File Onset Label", "a.wav 1 2 cry", r"l:1: column 3 is 'Label'; expected offset"),
        ("filename start duration label", "a.wav 1 2 cry", r"l:1: column 3 is 'duration'; expected offset"),
    ],
)
def test_other_columns_are_refused(head, row, said, tmp_path):
    (tmp_path / "l").write_text("\t".join(head.split()) + "\n" + "\t".join(row.split()) + "\n")
    with pytest.raises(DataError, match=said):
        read_events(tmp_path / "l")


def test_a_score_of_durations_is_one_line(tmp_path, capsys):
    (tmp_path / "r").write_text("a.wav\t5\t6\tcry\n")
    (tmp_path / "d").write_text("filename\tonset\tduration\tevent_label\na.wav\t0.5\t1\tcry\n")
    assert main(["score", "--reference", f"{tmp_path}/r", "--detected", f"{tmp_path}/d", "--event", "cry"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{tmp_path}/d:1: column 3" in error


@pytest.mark.parametrize(
    "head",
    [
        "filename", "file,onset", "filename,onset,offset,event_label", "Filename,Onset,Offset,Label,Score",
        "file,onset,end,class", "filename,onset_s,offset_s,tag", "filename,event_onset,event_offset,Event Label",
        "filename,start (s),end (s),event", "filename,onset,offset,event_label,score,model,channel,onset_time",
    ],
)  # fmt: skip
def test_every_name_of_the_same_columns_is_taken(head, tmp_path):
    (tmp_path / "l").write_text(head.replace(",", "\t") + "\na.wav\t1\t2\tcry\nb.wav\n")
    assert read_events(tmp_path / "l") == {"a.wav": [Event(1.0, 2.0, "cry")], "b.wav": []}
