"""``pysed corpus extend`` did not know the events that ``own`` had labelled: hard negatives held them, and an accepted
detection of one made it an event twice."""

import shutil

import numpy as np
import pytest
import soundfile
import yaml
from own_corpus import make_own_corpus

from pysed.cli import main
from pysed.corpus.reviewed import COLUMNS

RATE_HZ = 8000


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Four recordings of 90 s with a bell at 30 to 31 s, and the corpus ``o`` of them."""
    monkeypatch.chdir(tmp_path)
    for folder in ("clips", "places", "labels"):
        (tmp_path / folder).mkdir()
    for index in range(4):
        random = np.random.default_rng(index)
        soundfile.write(f"clips/m{index}.wav", random.standard_normal(90 * RATE_HZ) / 30, RATE_HZ)
        soundfile.write(f"places/p{index}.wav", random.standard_normal(31 * RATE_HZ) / 30, RATE_HZ)
        (tmp_path / f"labels/m{index}.txt").write_text("30\t31\tbell\n")
    assert make_own_corpus(tmp_path, "--labels", f"{tmp_path}/labels") == 0
    return tmp_path


def extend(decision, name, onset_s, offset_s):
    with open("l.tsv", "w") as stream:
        rows = COLUMNS, (decision, name, onset_s, offset_s, "bell", onset_s, offset_s, 0.9)
        stream.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    shutil.rmtree("new", ignore_errors=True)
    return main(["corpus", "extend", "o", "--labels", "l.tsv", "--audio", "clips", "--out", "new"])


def listed(kind):
    found = []
    for subset in ("devtrain", "devtest"):
        with open(f"new/source_data/cv_setup/{kind}_{subset}.yaml") as stream:
            content = yaml.safe_load(stream)
        found += content["bell"] if kind == "events" else content
    return found


@pytest.mark.parametrize("name", ["m0.wav", "copy.flac"])
def test_a_hard_negative_keeps_clear_of_them(work, name):
    soundfile.write("clips/copy.flac", soundfile.read("clips/m0.wav", dtype="int16")[0], RATE_HZ)
    assert extend("rejected", name, 36, 37) == 0
    (cut,) = [each for each in listed("bgs") if "rejected" in each["cut_from"]]
    assert cut["cut_from"]["segment"] == [31.5, 61.5]
    assert extend("rejected", name, 30.8, 31.2) == 2


def test_an_event_comes_once(work, capsys):
    assert extend("accepted", "m0.wav", 30.1, 31.1) == 2
    assert "nothing to add; 1 left out: in the corpus already (m0.wav at 30.1 s)" in capsys.readouterr().err
    assert extend("accepted", "m0.wav", 31.1, 32.1) == 0
    segments = sorted(each["segment"] for each in listed("events") if each["recording_id"] == "m0.wav")
    assert segments == [[0.5, 1.5], [30.0, 31.0]], "the other event of the recording is new, and in its subset"


def test_another_recording_of_the_same_name_is_another(work):
    soundfile.write("clips/m0.wav", np.random.default_rng(9).standard_normal(90 * RATE_HZ) / 30, RATE_HZ)
    assert extend("accepted", "m0.wav", 30.1, 31.1) == 0
