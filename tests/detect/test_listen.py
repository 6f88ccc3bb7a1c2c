"""``pysed listen``: raw samples and wav from a pipe, JSON lines, programs that are run."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model
from test_detector import noise

from pysed import Decision, Detector
from pysed.detect.sound_input import SoundInput
from pysed.errors import DataError

ROOT = Path(__file__).parents[2]


class Dripping(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes):
        self._data, self._rng = data, np.random.default_rng(0)

    def read(self, count: int = -1) -> bytes:
        count = min(count, int(self._rng.integers(1, 5000)))
        part, self._data = self._data[:count], self._data[count:]
        return part


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_32", "FLOAT", "DOUBLE"])
def test_wav_from_a_pipe(subtype):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (9000, 2))
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, subtype, format="WAV")
    sound = SoundInput(Dripping(file.getvalue()))
    tolerance = {"PCM_U8": 0.01, "PCM_16": 1e-4}.get(subtype, 1e-6)
    found = np.concatenate(list(sound))[:9000]
    assert sound.rate_hz == 8000 and found == pytest.approx(samples.mean(axis=1), abs=tolerance)


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "ends"), (b"RIFF1234WAVEdata", "ends"), (b"hello, hello, hello", "no wav"),
                        (b"RIFF1234WAVEdata1234", "does not say")]
)  # fmt: skip
def test_what_is_no_wav(data, words):
    with pytest.raises(DataError, match=words):
        SoundInput(io.BytesIO(data))


@pytest.fixture
def sound(tmp_path):
    """A model, raw samples, its threshold, and the events of a stream of them."""
    detector = Detector.load(make_model(tmp_path / "model", window_s=10.0, max_gap_s=0.3))
    samples = np.round(noise(45) * 32768).clip(-32768, 32767).astype("<i2")
    values = samples.astype(np.float32) / 32768
    threshold = round(float(np.quantile(detector.scores(values, 16000), 0.6)), 4)
    stream = detector.stream(16000, Decision(threshold=threshold), 1.0)
    return str(tmp_path / "model"), samples.tobytes(), str(threshold), stream.push(values) + stream.finish()


def listen(model, data, *options):
    command = [sys.executable, "-m", "pysed", "listen", "--model", model, *options]
    done = subprocess.run(command, input=data, capture_output=True, cwd=ROOT, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_lines_when_events_begin_and_end(tmp_path, sound):
    model, data, threshold, events = sound
    out = tmp_path / "log.jsonl"
    program = f"{sys.executable} -c 'import sys; open(sys.argv[1], \"a\").write(sys.argv[2] + chr(10))' {tmp_path}/told"
    lines, err = listen(
        model, data, "--rate", "16000", "--threshold", threshold, "--start", "2024-01-31T05:45:00", "--out", str(out),
        "--run", program,
    )  # fmt: skip
    ended = [line for line in lines if line["change"] == "end"]
    assert [(line["onset_s"], line["offset_s"], line["score"]) for line in ended] == [
        (event.onset_s, event.offset_s, event.score) for event in events
    ]
    assert [line["onset_s"] for line in lines if line["change"] == "begin"] == [event.onset_s for event in events]
    assert ended[0]["onset_time"].startswith("2024-01-31T05:45:") and "judged after" in err
    assert [json.loads(line) for line in out.read_text().splitlines()] == lines
    told, begun = tmp_path / "told", [line for line in lines if line["change"] == "begin"]
    for _ in range(100):
        if told.is_file() and told.read_text().count("\n") == len(begun):
            break
        time.sleep(0.1)
    by_time = sorted((json.loads(line) for line in told.read_text().splitlines()), key=lambda each: each["onset_s"])
    assert by_time == begun


def test_detect_takes_a_wav_from_standard_input(tmp_path, sound):
    model, data, threshold, events = sound
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(data, "<i2"), 16000, "PCM_16", format="WAV")
    command = [sys.executable, "-m", "pysed", "detect", "--model", model, "--threshold", threshold, "-"]
    done = subprocess.run(command, input=file.getvalue(), capture_output=True, cwd=ROOT, check=True)
    ended = [line for line in map(json.loads, done.stdout.splitlines()) if line["change"] == "end"]
    assert [line["onset_s"] for line in ended] == [event.onset_s for event in events]


def test_cool_down(sound):
    model, data, threshold, events = sound
    lines, _ = listen(model, data, "--rate", "16000", "--threshold", threshold, "--cool-down", "1000")
    assert len(events) > 1 and [line["change"] for line in lines] == ["begin", "end"]
