"""Every format against text written by hand, and read back where something reads it."""

import csv
import io
import json
from datetime import datetime

import pytest

from pysed.corpus.label_files import read_labels
from pysed.detect.clock import hourly_counts, start_by_name
from pysed.detect.decide import Detection
from pysed.detect.formats import FORMATS, Columns, Found
from pysed.events import Event, read_events

NAME = 'ü, "x".wav'
CRY, SHOT = Detection(0.5, 1.25, "cry", 0.91234), Detection(3.0, 4.0, 'gun "shot"', 0.5)
FOUND = Found(NAME, 5.5, [[CRY, SHOT]])
NOTHING = Found("b.wav", 2.0, [[]])
PLAIN = Columns(["m"])
EVENTS = [Event(0.5, 1.25, "cry"), Event(3.0, 4.0, 'gun "shot"')]

EXPECTED = {
    "tsv": "filename\tonset\toffset\tevent_label\tscore\n"
    'ü, "x".wav\t0.5\t1.25\tcry\t0.9123\nü, "x".wav\t3.0\t4.0\tgun "shot"\t0.5000\nb.wav\t\t\t\t\n',
    "csv": "filename,onset,offset,event_label,score\n"
    '"ü, ""x"".wav",0.5,1.25,cry,0.9123\n"ü, ""x"".wav",3.0,4.0,"gun ""shot""",0.5000\nb.wav,,,,\n',
    "list": 'ü, "x".wav\t0.5\t1.25\tcry\nü, "x".wav\t3.0\t4.0\tgun "shot"\nb.wav\n',
    "rttm": 'SPEAKER ü,%20"x".wav 1 0.500 0.750 <NA> <NA> cry 0.9123 <NA>\n'
    'SPEAKER ü,%20"x".wav 1 3.000 1.000 <NA> <NA> gun%20"shot" 0.5000 <NA>\n',
}
ONE_FILE = {
    "audacity": '0.500000\t1.250000\tcry\n3.000000\t4.000000\tgun "shot"\n',
    "raven": "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\t"
    "File Offset (s)\tAnnotation\tScore\n"
    '1\tSpectrogram 1\t1\t0.500000\t1.250000\t0.0\t8000.0\tü, "x".wav\t0.500000\tcry\t0.9123\n'
    '2\tSpectrogram 1\t1\t3.000000\t4.000000\t0.0\t8000.0\tü, "x".wav\t3.000000\tgun "shot"\t0.5000\n',
    "textgrid": """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "cry"
        xmin = 0
        xmax = 5.5
        intervals: size = 3
        intervals [1]:
            xmin = 0.0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "cry"
        intervals [3]:
            xmin = 1.25
            xmax = 5.5
            text = ""
    item [2]:
        class = "IntervalTier"
        name = "gun ""shot\"""
        xmin = 0
        xmax = 5.5
        intervals: size = 3
        intervals [1]:
            xmin = 0.0
            xmax = 3.0
            text = ""
        intervals [2]:
            xmin = 3.0
            xmax = 4.0
            text = "gun ""shot\"""
        intervals [3]:
            xmin = 4.0
            xmax = 5.5
            text = ""
""",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_tables_of_many_files(name):
    assert FORMATS[name].whole([FOUND, NOTHING], PLAIN) == EXPECTED[name]


@pytest.mark.parametrize("name", ONE_FILE)
def test_formats_of_one_file(name):
    assert FORMATS[name].whole([FOUND], PLAIN) == ONE_FILE[name]


def test_csv_and_json_as_their_own_readers_see_them():
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].whole([FOUND, NOTHING], PLAIN))))
    assert [(row["filename"], row["event_label"]) for row in rows] == [
        (NAME, "cry"),
        (NAME, 'gun "shot"'),
        ("b.wav", ""),
    ]
    files = json.loads(FORMATS["json"].whole([FOUND, NOTHING], PLAIN))
    assert [each["filename"] for each in files] == [NAME, "b.wav"]
    assert files[0]["events"][1] == {"onset_s": 3.0, "offset_s": 4.0, "label": 'gun "shot"', "score": 0.5, "model": "m"}
    lines = [json.loads(line) for line in FORMATS["jsonl"].whole([FOUND, NOTHING], PLAIN).splitlines()]
    assert lines[0] == {
        "filename": NAME,
        "onset_s": 0.5,
        "offset_s": 1.25,
        "label": "cry",
        "score": 0.91234,
        "model": "m",
    }
    assert len(lines) == 2
    assert json.loads(FORMATS["json"].whole([NOTHING], PLAIN)) == [
        {"filename": "b.wav", "duration_s": 2.0, "events": []}
    ]


@pytest.mark.parametrize("name", ["tsv", "list"])
def test_event_lists_read_what_was_written(tmp_path, name):
    (tmp_path / "x").write_text(FORMATS[name].whole([FOUND, NOTHING], PLAIN))
    assert read_events(tmp_path / "x") == {NAME: EVENTS, "b.wav": []}


@pytest.mark.parametrize("name", ONE_FILE)
def test_labels_read_what_was_written(tmp_path, name):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / NAME).touch()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / f"{NAME}{FORMATS[name].suffix}").write_text(FORMATS[name].whole([FOUND], PLAIN))
    assert read_labels(tmp_path / "labels", tmp_path / "audio") == {NAME: EVENTS}


def test_columns_of_models_channels_and_times():
    start = datetime(2024, 1, 31, 23, 59, 59)
    found = Found("a.wav", 9.0, [[Detection(0.5, 1.5, "cry", 0.9, 1)], [Detection(2.0, 3.0, "cry", 0.8, 2)]], start)
    text = FORMATS["tsv"].whole([found], Columns(["m1", "m2"], channels=True, times=True))
    assert text.splitlines() == [
        "filename\tonset\toffset\tevent_label\tscore\tmodel\tchannel\tonset_time\toffset_time",
        "a.wav\t0.5\t1.5\tcry\t0.9000\tm1\t1\t2024-01-31T23:59:59.500\t2024-02-01T00:00:00.500",
        "a.wav\t2.0\t3.0\tcry\t0.8000\tm2\t2\t2024-02-01T00:00:01.000\t2024-02-01T00:00:02.000",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240131_054500.WAV", "2024-01-31T05:45:00"),
        ("site/S4A0123_20190531_093000.wav", "2019-05-31T09:30:00"),
        ("20180523T120000+1000_REC.flac", "2018-05-23T12:00:00+10:00"),
        ("2024-01-31 05-45-00.mp3", "2024-01-31T05:45:00"),
        ("2024-01-31T05:45:00Z.wav", "2024-01-31T05:45:00+00:00"),
        ("5BA18A2C.WAV", "2018-09-18T23:28:44+00:00"),
        ("12345678.wav", None),
        ("DEADBEEF.WAV", None),
        ("20241331_054500.wav", None),
        ("120240131_054500.wav", None),
        ("recording 7.wav", None),
    ],
)
def test_times_in_names(name, expected):
    found = start_by_name(name)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    "table",
    [
        "hour\tcry\tshot\n2024-01-31T05:00\t2\t1\n2024-01-31T09:00\t0\t3\n",
        "hour\tcry\n000\t1\n2024-01-31T09:00+01:00\t2\n2024-02-01T09:00\t2\n", "hour\n",
    ],
)  # fmt: skip
def test_counts_are_drawn(tmp_path, monkeypatch, table):
    from matplotlib.axes import Axes

    from pysed.drawing.hourly import draw_hourly

    drawn = []
    bar = Axes.bar
    monkeypatch.setattr(Axes, "bar", lambda self, *at, **more: drawn.append(at) or bar(self, *at, **more))
    draw_hourly(table, tmp_path / "hours.v1.PNG")
    (path,) = tmp_path.iterdir()
    assert path.name == "hours.v1.PNG" and path.read_bytes().startswith(b"\x89PNG")
    if "shot" in table:
        assert [(list(places), list(counts)) for places, counts in drawn] == [([0, 4], [2, 0]), ([0, 4], [1, 3])]


def test_counts_by_hour():
    start = datetime(2024, 1, 31, 22, 30)
    events = [
        Detection(each, each + 1, label, 0.9) for each, label in ((10.0, "cry"), (1790.0, "cry"), (1810.0, "shot"))
    ]
    assert hourly_counts([Found("a.wav", 7200.0, [events], start)]) == (
        "hour\tcry\tshot\n2024-01-31T22:00\t2\t0\n2024-01-31T23:00\t0\t1\n2024-02-01T00:00\t0\t0\n"
    )
    assert hourly_counts([Found("a.wav", 3601.0, [events])]) == "hour\tcry\tshot\n000\t2\t1\n001\t0\t0\n"
    assert hourly_counts([]) == "hour\n"
