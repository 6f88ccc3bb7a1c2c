"""``pysed detect`` on audio of several lengths, rates and formats; its outputs; errors."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed import Decision, Detector
from pysed.cli import main
from pysed.commands.score import main as score_main
from pysed.detect.decide import find_events
from pysed.detect.scoring import Scores
from pysed.events import read_events


def tone(seconds: float, rate_hz: int, bursts: tuple[float, ...] = (), seed: int = 0) -> np.ndarray:
    """Faint noise with a loud second at each of ``bursts`` (seconds)."""
    samples = np.random.default_rng(seed).normal(0, 0.003, round(seconds * rate_hz))
    for start in bursts:
        first = round(start * rate_hz)
        length = min(rate_hz, len(samples) - first)
        samples[first : first + length] *= 100
    return samples.astype(np.float32)


class Loudness:
    """Stands in for the network: a frame's score is high where the features are loud."""

    def __call__(self, features, asr=None):
        level = features.mean(axis=1)
        level = np.append(level, level[-1:]) if len(level) % 2 else level
        return (1 / (1 + np.exp(-(level.reshape(-1, 2).mean(axis=1) - 18)))).astype(np.float32)


@pytest.fixture
def model(tmp_path):
    return str(make_model(tmp_path / "model"))


@pytest.fixture
def loud(monkeypatch):
    """Every detector judges by loudness."""
    from pysed.detector.checkpoint import TrainedNetwork

    monkeypatch.setattr(TrainedNetwork, "scores", lambda self, features, asr=None: Loudness()(features, asr))


def run(capsys, *arguments) -> str:
    assert main(["detect", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "rate_hz", "channels"),
    [("a.wav", 44100, 2), ("b.flac", 16000, 1), ("c.ogg", 22050, 1), ("d.wav", 8000, 1)],
)
def test_any_rate_and_format(tmp_path, capsys, model, loud, name, rate_hz, channels):
    samples = tone(12, rate_hz, (5.0,))
    soundfile.write(tmp_path / name, np.stack([samples] * channels, axis=1), rate_hz)
    run(capsys, "--model", model, "--format", "list", "--out", tmp_path / "out.tsv", tmp_path / name)
    (event,) = read_events(tmp_path / "out.tsv")[name]
    assert event.onset_s == pytest.approx(5.0, abs=0.11) and event.offset_s == pytest.approx(6.0, abs=0.11)
    assert event.label == "cry"


def test_every_event_at_any_length_or_one_by_the_tasks_rule(tmp_path, capsys, model, loud):
    soundfile.write(tmp_path / "short.wav", tone(29, 16000, (3.0, 15.0)), 16000)
    bursts = (3.0, 14.6, 29.7, 33.0, 59.5, 76.0)
    soundfile.write(tmp_path / "long.wav", tone(77, 16000, bursts), 16000)
    arguments = ("--model", model, "--format", "json", tmp_path / "short.wav", tmp_path / "long.wav")
    found = json.loads(run(capsys, *arguments))
    assert [each["filename"] for each in found] == ["short.wav", "long.wav"]
    assert [event["onset_s"] for event in found[0]["events"]] == pytest.approx([3.0, 15.0], abs=0.11)
    assert [event["onset_s"] for event in found[1]["events"]] == pytest.approx(bursts, abs=0.11)
    assert all(0.5 < event["score"] <= 1 and event["model"] == model for event in found[1]["events"])
    assert found[1]["events"][-1]["offset_s"] <= 77
    one = json.loads(run(capsys, "--one-event", *arguments))
    assert [len(each["events"]) for each in one] == [1, 1]


def test_windows_agree_with_one_pass(tmp_path, model, loud):
    # Loudness has no memory, so windows must give what one pass over everything gives.
    detector = Detector.load(model)
    samples = tone(100.33, 16000, (12.0, 44.5))
    windowed = detector.scores(samples, 16000)
    network = dataclasses.replace(detector.network, window_s=200.0)
    whole = dataclasses.replace(detector, network=network).scores(samples, 16000)
    assert len(windowed) == len(whole) == 1004
    np.testing.assert_allclose(windowed, whole, atol=1e-5)


def test_every_run_is_an_event(model):
    network = Detector.load(model).network
    scores = np.zeros(100, np.float32)
    scores[10:15] = scores[20:25] = scores[60:64] = 0.9
    scores[61] = 0.95

    def events(gap_s, **wishes):
        found = Scores(scores, np.zeros(100), np.zeros(100))
        tuned = dataclasses.replace(network, max_gap_s=gap_s)
        return [(each.onset_s, each.offset_s) for each in find_events(found, tuned, Decision(**wishes), 10.0)]

    assert events(0.2) == [(1.0, 1.5), (2.0, 2.5), (6.0, 6.4)]
    assert events(None) == [(1.0, 2.5), (6.0, 6.4)], "no tuned gap: a second"
    assert events(0.2, max_gap_s=5.0) == [(1.0, 6.4)]
    assert events(0.2, min_duration_s=0.5) == [(1.0, 1.5), (2.0, 2.5)]
    assert events(0.2, threshold=0.92) == []
    assert events(0.2, threshold=0.8999) == events(0.2)
    assert events(0.2, top=1) == [(6.0, 6.4)]
    assert events(0.2, one_event=True) == [(1.0, 1.5)]
    assert events(None, one_event=True) == [(1.0, 6.4)], "the task's rule closes every gap"


def test_very_short_audio(tmp_path, model):
    detector = Detector.load(model)
    for rate_hz, num_samples in ((16000, 1), (16000, 50), (16000, 1600), (16000, 8000), (48000, 1), (192000, 3)):
        samples = np.full(num_samples, 0.1, np.float32)
        scores = detector.scores(samples, rate_hz)
        assert len(scores) == -(-num_samples * 10 // rate_hz) and np.isfinite(scores).all()
        soundfile.write(tmp_path / "x.wav", samples, rate_hz)
        assert all(each.offset_s <= num_samples / rate_hz + 1e-6 for each in detector.detect_file(tmp_path / "x.wav"))


def test_folder_audacity_and_several_models(tmp_path, capsys, model, loud):
    folder = tmp_path / "in/deep"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", tone(8, 16000, (2.0,)), 16000)
    soundfile.write(tmp_path / "in/b.wav", tone(8, 16000), 16000)
    (tmp_path / "in/notes.txt").write_text("not audio")
    other = str(make_model(tmp_path / "other", event="shot"))
    rows = run(capsys, "--model", model, "--model", other, "--format", "list", tmp_path / "in").splitlines()
    assert rows[0] == "b.wav" and [row.split("\t")[0] for row in rows[1:]] == ["deep/a.wav"] * 2
    assert {row.split("\t")[3] for row in rows[1:]} == {"cry", "shot"}
    run(capsys, "--model", model, "--format", "audacity", "--out", tmp_path / "labels", tmp_path / "in")
    onset, offset, label = (tmp_path / "labels/deep/a.wav.txt").read_text().split()
    assert label == "cry" and float(onset) == pytest.approx(2.0, abs=0.11) and float(offset) > float(onset)
    assert (tmp_path / "labels/b.wav.txt").read_text() == ""
    assert run(capsys, "--model", model, "--format", "audacity", tmp_path / "in/b.wav") == ""


def test_output_can_be_scored(tmp_path, capsys, model, loud):
    soundfile.write(tmp_path / "a.wav", tone(8, 16000, (2.0,)), 16000)
    (tmp_path / "ref.tsv").write_text("a.wav\t2.0\t3.0\tcry\n")
    run(capsys, "--model", model, "--format", "list", "--out", tmp_path / "out.tsv", tmp_path / "a.wav")
    arguments = ["--reference", tmp_path / "ref.tsv", "--detected", tmp_path / "out.tsv", "--event", "cry"]
    assert score_main([str(each) for each in arguments]) == 0
    assert "F 100.0" in capsys.readouterr().out


def test_errors_are_one_line_and_exit_2(tmp_path, capsys, model):
    soundfile.write(tmp_path / "a.wav", tone(2, 16000), 16000)
    soundfile.write(tmp_path / "b.wav", tone(2, 16000), 16000)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "none").mkdir()
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin/a.wav").write_bytes((tmp_path / "b.wav").read_bytes())
    audio = tmp_path / "a.wav"
    cases = [
        ([tmp_path / "missing.wav"], ["missing.wav", "no such file"]),
        ([tmp_path / "none"], ["none", "no audio"]),
        ([tmp_path / "empty.wav"], ["empty.wav", "empty"]),
        ([tmp_path / "text.wav"], ["text.wav", "not readable"]),
        ([audio, tmp_path / "twin/a.wav"], ["a.wav", "second file"]),
        (["--format", "audacity", audio, tmp_path / "b.wav"], ["audacity", "--out"]),
        (["--out", tmp_path / "a.wav/x.tsv", audio], ["x.tsv", "cannot be written"]),
        (["--model", tmp_path / "nomodel", audio], ["nomodel", "no such file"]),
    ]
    for arguments, words in cases:
        assert main(["detect", "--model", model, *map(str, arguments)]) == 2, arguments
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1 and all(word in err for word in words), err
    asr = {"model": "models/nowhere", "layer": "prefinal-l", "dim": 4}
    assert main(["detect", "--model", str(make_model(tmp_path / "g", asr)), str(audio)]) == 2
    assert "models/nowhere" in capsys.readouterr().err
    assert main(["detect", "--format", "xml", "x.wav"]) == 2


def test_plots_show_what_was_found_a_page_a_minute(tmp_path, capsys, model, loud):
    import matplotlib.image

    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "short.wav", tone(12, 16000, (5.0,)), 16000)
    soundfile.write(tmp_path / "in" / "long.wav", tone(150.5, 16000, (70.0,)), 16000)
    run(capsys, "--model", model, "--plot", tmp_path / "plots", tmp_path / "in")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "long.wav_0000.png", "long.wav_0060.png", "long.wav_0120.png", "short.wav.png",
    ]  # fmt: skip
    blue = np.array([0x00, 0x72, 0xB2]) / 255  # of the event's bar

    def widest(name: str) -> int:
        picture = matplotlib.image.imread(tmp_path / "plots" / name)[:, :, :3]
        return int((np.abs(picture - blue).max(axis=2) < 0.02).sum(axis=0).max())

    assert widest("short.wav.png") > 15 and widest("long.wav_0060.png") > 15  # a bar is high, a line is thin
    assert widest("long.wav_0000.png") < 15 and widest("long.wav_0120.png") < 15


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.4, [(0, 0.4)]),
        (30, [(0, 30)]),
        (60.9, [(0, 60.9)]),
        (61, [(0, 60), (60, 1)]),
        (130, [(0, 60), (60, 60), (120, 10)]),
    ],
)
def test_pages(duration_s, expected):
    from pysed.drawing.detections import pages

    assert [(start, pytest.approx(length)) for start, length in pages(duration_s)] == expected
