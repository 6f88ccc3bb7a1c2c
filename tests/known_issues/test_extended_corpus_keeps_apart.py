"""An extended corpus had the same audio in training and test where the recording was named from another folder, held an
accepted event in an earlier background, and took detections that the page had left out for no events."""

import json
import re

import numpy as np
import pytest
import soundfile
import yaml

from pysed.cli import main
from pysed.corpus.own import OwnSettings, make_own
from pysed.corpus.reviewed import COLUMNS

RATE_HZ = 8000


def write(path, seconds, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) / 30, RATE_HZ)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        write(tmp_path / f"clips/bell/{index}.wav", 1 + index / 10, index)
        write(tmp_path / f"places/yard/{index}.wav", 31, 10 + index)
    write(tmp_path / "archive/night/long.wav", 100, 20)
    make_own(tmp_path / "clips", tmp_path / "places", tmp_path / "own", settings=OwnSettings(level_db=60))
    return tmp_path


def extend(corpus, out, audio, *rows, options=()):
    lines = [COLUMNS, *((decision, name, a, b, "bell", a, b, 0.9) for decision, name, a, b in rows)]
    with open(f"{out}.tsv", "w") as stream:
        stream.write("".join("\t".join(map(str, line)) + "\n" for line in lines))
    return main(["corpus", "extend", corpus, "--labels", f"{out}.tsv", "--audio", audio, "--out", out, *options])


def listed(corpus, kind, subset):
    with open(f"{corpus}/source_data/cv_setup/{kind}_{subset}.yaml") as stream:
        found = yaml.safe_load(stream)
    return found["bell"] if kind == "events" else found


def test_a_background_of_the_test_set_is_known_by_its_audio(work, capsys):
    test = listed("own", "bgs", "devtest")[0]["recording_id"]
    name = test.rsplit("/")[-1]
    assert extend("own", "new", "places/yard", ("rejected", name, 10, 11)) == 2
    assert "in the corpus already" in capsys.readouterr().err
    assert extend("own", "new", "places/yard", ("accepted", name, 10, 11)) == 0
    assert len(listed("new", "events", "devtest")) == len(listed("own", "events", "devtest")) + 1
    assert "removed: bell was accepted in it" in capsys.readouterr().out
    assert [each["recording_id"] for each in listed("new", "bgs", "devtest")] == []


def test_a_recording_named_from_another_folder(work, capsys):
    assert extend("own", "one", "archive", ("accepted", "night/long.wav", 50, 51)) == 0
    again = ("accepted", "long.wav", 50, 51), ("rejected", "long.wav", 20, 21)
    options = ("--test-fraction", "0.9")
    assert extend("one", "two", "archive/night", *again, options=options) == 0
    assert "in the corpus already (long.wav at 50 s)" in "".join(capsys.readouterr())
    for kind, more in (("events", 0), ("bgs", 1)):
        assert listed("two", kind, "devtest") == listed("one", kind, "devtest")
        assert len(listed("two", kind, "devtrain")) == len(listed("one", kind, "devtrain")) + more


def test_an_event_accepted_later_leaves_no_background(work, capsys):
    assert extend("own", "one", "archive", ("rejected", "night/long.wav", 50, 51)) == 0
    (cut,) = [each for each in listed("one", "bgs", "devtrain") if "rejected" in each["cut_from"]]
    assert (work / "one/source_data/bgs" / cut["filepath"]).is_file()
    both = ("rejected", "night/long.wav", 50, 51), ("accepted", "night/long.wav", 58, 59)
    assert extend("one", "two", "archive", *both) == 0
    assert f"background {cut['filepath']} removed: bell was accepted in it (two.tsv:3)" in capsys.readouterr().out
    (again,) = [each for each in listed("two", "bgs", "devtrain") if "rejected" in each["cut_from"]]
    assert again["cut_from"]["segment"] == [27.5, 57.5] and cut["cut_from"]["segment"] == [35.5, 65.5]
    assert not (work / "two/source_data/bgs" / cut["filepath"]).exists()


def test_what_a_page_leaves_out_is_undecided(work):
    rows = "".join(f"night/long.wav\t{start}\t{start + 1}\tbell\t0.{9 - start // 20}\n" for start in (10, 30, 50))
    (work / "events.tsv").write_text("filename\tonset\toffset\tevent_label\tscore\n" + rows)
    assert main(["review", "events.tsv", "--audio", "archive", "--out", "r.html", "--most", "1"]) == 0
    page = (work / "r.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert [clip["onset"] for clip in data["clips"]] == [10]
    assert [row[:4] for row in data["others"]] == [
        ["undecided", "night/long.wav", str(start), str(start + 1)] for start in (30, 50)
    ]
    assert all(len(row) == len(COLUMNS) for row in data["others"])
