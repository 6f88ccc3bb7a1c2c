"""``pysed tune`` on ambience of known alarms, and ``pysed detect --decision`` with what it writes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model
from test_detect_command import loud, tone  # noqa: F401

from pysed.atomic import atomic_open
from pysed.cli import main
from pysed.config import read_mapping
from pysed.datadir.archives import write_archive
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.decision.alarms import THRESHOLDS
from pysed.detect.ambience import AmbienceAnalyser, count_alarms, recall_of
from pysed.detect.decide import Decision, find_events
from pysed.detect.scoring import Scores
from pysed.detector.checkpoint import load_network

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("loud")


@pytest.fixture
def model(tmp_path):
    return make_model(tmp_path / "exp" / "yard" / "cry" / "cbrnn")


@pytest.fixture
def ambience(tmp_path):
    """A minute of silence, and one with two loud seconds and a half-loud one."""
    folder = tmp_path / "yard at night"
    folder.mkdir()
    samples = tone(60, 16000, (10.0, 40.0))
    samples[25 * 16000 : 26 * 16000] *= 12
    soundfile.write(folder / "loud.flac", samples, 16000)
    soundfile.write(folder / "quiet.flac", tone(60, 16000, seed=1), 16000)
    return folder


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_threshold_between_quiet_and_loud_is_written_and_used(tmp_path, capsys, model, ambience):
    before = (model / "final.pt").read_bytes()
    per_day = 5000  # of two minutes' two alarms the bound is 4533, of three 5582
    code, out, err = run(capsys, "tune", "--model", model, "--ambience", ambience, "--per-day", per_day)
    assert (code, err) == (0, "") and "next: pysed detect --model" in out and "not known here" in out
    values = read_mapping(model / "decision.yaml", "a decision")
    assert 0.75 < values["threshold"] < 0.8 and values["alarms"] == 2
    assert values["bound_per_day"] == pytest.approx(6.2958 * 720, 1e-4)  # chi2.ppf(0.95, 6) / 2
    assert values["hours"] == pytest.approx(2 / 60, 1e-2)
    assert (model / "final.pt").read_bytes() == before
    for more, number in (((), 2), (("--threshold", "0.5"), 3), (("--threshold", "0.5", "--top", 1), 1)):
        wishes = ("--decision", model / "decision.yaml", *more, "--format", "json")
        found = json.loads(run(capsys, "detect", "--model", model, *wishes, ambience)[1])
        assert sum(len(each["events"]) for each in found) == number


def test_too_little_ambience_says_how_much_is_needed(tmp_path, capsys, model, ambience):
    arguments = ("tune", "--model", model, "--ambience", ambience / "quiet.flac", "--per-day", 1)
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and not (model / "decision.yaml").exists()
    assert "0.0167 hours are too few for 1 a day: at least 71.9 hours are needed" in err
    assert f"the lowest bound is {-np.log(0.05) * 1440:.3g} a day" in err
    code, out, err = run(capsys, *arguments, "--best-effort", "--out", tmp_path / "mine.yaml")
    assert code == 0 and "taken" in err
    assert read_mapping(tmp_path / "mine.yaml", "a decision")["alarms"] == 0


def test_a_file_that_cannot_be_read_is_named_and_costs_no_more(tmp_path, capsys, model, ambience):
    (ambience / "broken.wav").write_bytes(b"RIFF and no more")
    arguments = ("tune", "--model", model, "--ambience", ambience, "--per-day", 100000)
    code, out, err = run(capsys, *arguments)
    assert code == 3 and "broken.wav" in err and "in 2 files" in out
    code, _, err = run(capsys, *arguments[:4], ambience / "broken.wav", *arguments[5:])
    assert code == 2 and err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("threshold: 0.5\nmodel: sha256-of-another\n", "tuned for another model"),
        ("threshold: 7\nmodel: x\n", "threshold"),
        ("treshold: 0.7\nmodel: x\n", "did you mean 'threshold'?"),
        ("- 1\n", "decision"),
    ],
)
def test_a_decision_that_is_none_or_anothers_is_refused(tmp_path, capsys, model, ambience, content, said):
    with atomic_open(tmp_path / "d.yaml") as stream:
        stream.write(content)
    code, _, err = run(capsys, "detect", "--model", model, "--decision", tmp_path / "d.yaml", ambience)
    assert code == 2 and said in err and err.count("\n") == 1


def test_alarms_are_counted_as_detection_finds_them(model):
    network = load_network(model)
    scores = np.random.default_rng(0).beta(0.3, 1, 1500).astype(np.float32)
    decision = Decision(min_duration_s=0.3, max_gap_s=0.5)
    found = Scores(scores, scores, np.zeros_like(scores))
    counts = count_alarms(found, network, decision, 150.0)
    assert counts.shape == (len(THRESHOLDS), 3) and counts.sum() > 100
    for place in (0, 60, 100, len(THRESHOLDS) - 1):
        wished = Decision(THRESHOLDS[place], 0.3, 0.5)
        onsets = [event.onset_s for event in find_events(found, network, wished, 150.0)]
        assert counts[place].tolist() == np.histogram(onsets, [0, 60, 120, 180])[0].tolist()


def test_recall_is_counted_on_the_scores_of_stage_6(tmp_path, model):
    network = load_network(model)
    data = tmp_path / "data" / "yard" / "cry" / "devtest"
    data.mkdir(parents=True)
    utterances, scores = [], {}
    for number, height in enumerate((0.6, 0.8, 0.95, 0.3)):
        name = f"u{number}"
        utterances.append(Utterance(name, f"{name}.wav", 30.0, ((12.0, 14.0, "cry"),)))
        scores[name] = np.full((300, 1), 0.01, np.float32)
        scores[name][120:140] = height
    scores["u2"][:, 0] = np.roll(scores["u2"][:, 0], 20)  # two seconds late
    write_data_dir(data, utterances)
    write_archive(model / "scores_devtest", scores.items())
    found = recall_of(model, network, Decision(threshold=0.7))
    assert found is not None and (found.subset, found.num_events, found.tuned, found.chosen) == ("devtest", 4, 2, 1)


def _start(arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pysed", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _lines(path):
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def test_a_killed_run_goes_on_and_gives_what_an_undisturbed_one_does(tmp_path, model):
    folder = tmp_path / "nights"
    folder.mkdir()
    for number in range(40):
        soundfile.write(folder / f"{number:02d}.flac", tone(7 + number, 16000, (5.0,), seed=number), 16000)
    (folder / "07.flac").write_bytes(b"fLaC and no more")
    plain = ("tune", "--model", model, "--ambience", folder, "--per-day", 1e6)
    whole = _start([*plain, "--out", tmp_path / "whole.yaml"])
    said, faults = whole.communicate()
    assert whole.returncode == 3 and "07.flac" in faults and not (tmp_path / "whole.yaml.journal").exists()
    out, journal = tmp_path / "killed.yaml", tmp_path / "killed.yaml.journal"
    for mark in (3, 20):  # files that are done
        process = _start([*plain, "--out", out, "--jobs", 1 + mark % 2])
        while _lines(journal) <= mark and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
        assert not out.exists() and _lines(journal) > mark
    done = journal.read_bytes()
    last = _start([*plain, "--out", out])
    assert (last.communicate(), last.returncode) == ((said.replace("whole.yaml", "killed.yaml"), faults), 3)
    kept, wanted = (path.read_text().splitlines()[1:] for path in (out, tmp_path / "whole.yaml"))
    assert kept == wanted and len(kept) > 5
    assert not journal.exists() and done.count(b'"07.flac"') == 1


def test_what_too_few_recordings_gave_is_not_heard_again(tmp_path, capsys, monkeypatch, model, ambience):
    heard = []
    analyse = AmbienceAnalyser.analyse
    monkeypatch.setattr(
        AmbienceAnalyser, "analyse", lambda self, name, path: heard.append(name) or analyse(self, name, path)
    )
    arguments = ("tune", "--model", model, "--ambience", ambience, "--per-day", 100)
    assert run(capsys, *arguments)[0] == 2 and heard == ["loud.flac", "quiet.flac"]
    soundfile.write(ambience / "more.flac", tone(60, 16000, seed=2), 16000)
    assert run(capsys, *arguments, "--best-effort")[0] == 0 and heard[2:] == ["more.flac"]
    assert run(capsys, *arguments, "--min-duration", 0.5, "--best-effort")[0] == 0 and len(heard) == 6
    assert not (model / "decision.yaml.journal").exists()


def test_a_missing_recording_among_others_is_one_failure(tmp_path, capsys, model, ambience):
    arguments = ("tune", "--model", model, "--ambience", tmp_path / "gone", ambience, "--per-day", 100000)
    code, out, err = run(capsys, *arguments)
    assert code == 3 and "gone" in err and "in 2 files" in out
