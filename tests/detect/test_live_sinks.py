"""Where live sound comes from and where its events go: a microphone, an MQTT broker, both by stand-ins."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_detector import make_model
from test_detector import noise

from pysed import Decision, Detector
from pysed.cli import main
from pysed.detect.decide import Detection
from pysed.detect.live import Change
from pysed.detect.microphone import Microphone
from pysed.detect.mqtt import Broker, Publisher, parse_broker
from pysed.detect.sinks import Teller
from pysed.errors import DataError

SAMPLES = noise(25).astype(np.float32)


def fake_sounddevice(samples: np.ndarray, then) -> Any:
    """A module like sounddevice: one device of 16 kHz, which gives the samples and then does as it is told."""
    module: Any = types.ModuleType("sounddevice")

    class Overflow:
        input_overflow = False

    class InputStream:
        def __init__(self, samplerate, blocksize, device, channels, dtype, callback, finished_callback):
            if device == 7:
                raise ValueError("Invalid device")
            assert dtype == "float32" and samplerate == 16000
            self._size, self._channels, self._callback, self._end = blocksize, channels, callback, finished_callback

        def start(self):
            threading.Thread(target=self._play, daemon=True).start()

        def _play(self):
            buffer = np.empty((self._size, self._channels), np.float32)  # used again for each block, as PortAudio does
            for first in range(0, len(samples) - self._size + 1, self._size):
                buffer[:] = samples[first : first + self._size, None]
                self._callback(buffer, self._size, None, Overflow)
            then(self._end)

        def close(self):
            self._callback = None

    device = {"name": "Mike, 1st", "max_input_channels": 2, "default_samplerate": 16000.0}
    speaker = {"name": "Speaker", "max_input_channels": 0, "default_samplerate": 48000.0}
    module.PortAudioError = type("PortAudioError", (Exception,), {})
    module.InputStream, module.default = InputStream, types.SimpleNamespace(device=(1, 0))
    module.query_devices = lambda device_=None, kind=None: device if kind else [speaker, device]
    return module


@pytest.fixture
def model(tmp_path):
    """A model's folder, a threshold that finds events in SAMPLES, and the events of the whole stream."""
    folder = make_model(tmp_path / "model", window_s=5.0, max_gap_s=0.3)
    detector = Detector.load(folder)
    threshold = round(float(np.quantile(detector.scores(SAMPLES, 16000), 0.6)), 4)
    stream = detector.stream(16000, Decision(threshold=threshold), 1.0)
    events = stream.push(SAMPLES) + stream.finish()
    assert len(events) > 1
    return str(folder), str(threshold), events


def test_a_microphone_is_heard_until_it_is_stopped(model, monkeypatch, capsys):
    folder, threshold, events = model
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(SAMPLES, lambda end: signal.raise_signal(2)))
    before = signal.getsignal(signal.SIGINT)
    assert main(["listen", "--model", folder, "--threshold", threshold, "--microphone", "Mike"]) == 0
    assert signal.getsignal(signal.SIGINT) is before
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ended = [(line["onset_s"], line["offset_s"], line["score"]) for line in lines if line["change"] == "end"]
    assert ended == [(event.onset_s, event.offset_s, event.score) for event in events]


def test_a_microphone_that_is_too_fast_is_stopped_all_the_same(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(SAMPLES, lambda end: end()))
    microphone, block = Microphone(), SAMPLES[:1600, None]
    status = types.SimpleNamespace(input_overflow=False)
    for _ in range(700):
        microphone._take(block, 1600, None, status)
    monkeypatch.setattr("pysed.detect.microphone._WAIT_S", 0.1)
    microphone.stop()
    heard = [microphone._take(block, 1600, None, status) for _ in microphone]
    assert len(heard) == 600 and "sound is lost" in capsys.readouterr().err


def test_a_microphone_that_goes_away_is_one_line_after_what_was_heard(model, monkeypatch, capsys):
    folder, threshold, events = model
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(SAMPLES, lambda end: end()))
    assert main(["listen", "--model", folder, "--threshold", threshold, "--microphone"]) == 2
    out, err = capsys.readouterr()
    assert f'"offset_s": {events[0].offset_s}' in out and err.splitlines()[-1].endswith("connect it, and start again")


def test_microphones_are_listed_and_wrong_ones_refused(model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(SAMPLES, lambda end: end()))
    with pytest.raises(SystemExit) as ended:
        main(["listen", "--list-microphones"])
    assert ended.value.code == 0 and capsys.readouterr().out == "*   1  Mike, 1st, 2 channels, 16000 Hz\n"
    assert main(["listen", "--model", model[0], "--microphone", "7"]) == 2
    assert "--list-microphones" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("name", "options"), [("sounddevice", ["--microphone"]), ("paho", ["--mqtt", "mqtt://h/t"])])
def test_a_package_that_is_missing_is_named_with_the_remedy(model, monkeypatch, capsys, name, options):
    for each in (name, "paho.mqtt"):
        monkeypatch.setitem(sys.modules, each, None)
    assert main(["listen", "--model", model[0], *options]) == 2
    assert "pip install 'rare-sed[live]'" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://host/home/sounds", Broker("host", 1883, "home/sounds")),
        ("mqtt://me@host:99/t", Broker("host", 99, "t", "me")),
        ("mqtts://a%40b@[::1]/x%20y", Broker("::1", 8883, "x y", "a@b", True)),
    ],
)
def test_addresses(url, broker):
    assert parse_broker(url) == broker


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mqtt://me:secret@host/t", "seen by everybody"), ("host/t", "no address"), ("http://host/t", "no address"),
        ("mqtt://host", "no topic"), ("mqtt://host/a/+/b", "no topic"), ("mqtt://host/a#", "no topic"),
        ("mqtt://host:x/t", "--mqtt"), ("mqtt://host:99999/t", "--mqtt"), ("mqtt:///t", "no address"),
    ],
)  # fmt: skip
def test_addresses_that_are_none(url, words):
    with pytest.raises(DataError, match=words) as raised:
        parse_broker(url)
    assert "secret" not in str(raised.value)


class FakeClient:
    """As much of paho's client as is used; the broker takes a message when ``is_there``."""

    made: list["FakeClient"] = []
    refuses = False

    def __init__(self, version):
        self.calls: list[tuple] = []
        self.taken: list[tuple] = []
        self.waiting: list[tuple] = []
        self.is_there = True
        FakeClient.made.append(self)

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))

    def loop_start(self):
        reason = type("Reason", (), {"is_failure": self.refuses, "__str__": lambda self: "Not authorized"})()
        self.on_connect(self, None, None, reason, None)

    def publish(self, topic, payload, qos):
        if len(self.waiting) >= 3:
            return types.SimpleNamespace(rc=15)
        self.waiting.append((topic, json.loads(payload), qos))
        self.serve()
        return types.SimpleNamespace(rc=0)

    def serve(self):
        while self.is_there and self.waiting:
            self.taken.append(self.waiting.pop(0))
            self.on_publish(self, None, 1, None, None)


@pytest.fixture
def client(monkeypatch):
    mqtt = pytest.importorskip("paho.mqtt.client")
    monkeypatch.setattr(mqtt, "Client", FakeClient)
    monkeypatch.setattr(FakeClient, "made", [])
    monkeypatch.setattr("pysed.detect.mqtt._WAIT_S", 0.1)
    return FakeClient


def test_events_are_published(model, client, monkeypatch, capsys, tmp_path):
    folder, threshold, _ = model
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(SAMPLES, lambda end: end()))
    (tmp_path / "secret").write_text("pass word\n")
    options = ["--mqtt", "mqtt://me@host/home/cry", "--mqtt-password-file", str(tmp_path / "secret")]
    main(["listen", "--model", folder, "--threshold", threshold, "--microphone", *options])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (made,) = client.made
    assert made.taken == [("home/cry", line, 1) for line in lines] and lines
    assert ("username_pw_set", "me", "pass word") in made.calls and ("connect", "host", 1883) in made.calls
    assert made.calls[-1] == ("loop_stop",)


def test_messages_wait_for_a_broker_that_is_away(client, capsys):
    with Publisher(parse_broker("mqtt://host/t")) as publisher:
        made = client.made[0]
        made.is_there = False
        for number in range(5):
            publisher.publish(f"{number}")
        made.is_there = True
        made.serve()
    assert [value for _, value, _ in made.taken] == [0, 1, 2]
    assert "are not published" in capsys.readouterr().err
    with Publisher(parse_broker("mqtt://host/t")) as publisher:
        client.made[1].is_there = False
        publisher.publish("1")
    assert "1 events could not be published" in capsys.readouterr().err


def test_a_broker_that_refuses_is_one_line(client, monkeypatch):
    monkeypatch.setattr(FakeClient, "refuses", True)
    with pytest.raises(DataError, match="Not authorized; expected .*PYSED_MQTT_PASSWORD"):
        Publisher(parse_broker("mqtt://me@host/t")).__enter__()


def test_no_broker_there_is_one_line(model, capsys):
    pytest.importorskip("paho.mqtt.client")
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{place.getsockname()[1]}/t"
        assert main(["listen", "--model", model[0], "--mqtt", url]) == 2
    assert "Connection refused; expected an MQTT broker" in capsys.readouterr().err


def test_a_cool_down_silences_events_in_every_sink():
    told: list[tuple[str, float]] = []
    teller = Teller([lambda kind, line: told.append((kind, json.loads(line)["onset_s"]))], 5.0, datetime(2024, 1, 1))
    for onset_s in (1.0, 4.0, 6.5):
        event = Detection(onset_s, onset_s + 1, "cry", 0.5)
        teller.tell([Change("begin", event), Change("end", event)])
    assert told == [("begin", 1.0), ("end", 1.0), ("begin", 6.5), ("end", 6.5)]


class Mosquitto:
    """A broker of its own on a free port of this computer, which takes one user."""

    def __init__(self, folder: Path):
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            self.port = place.getsockname()[1]
        (folder / "passwords").write_text("me:pass\n")
        subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True)
        (folder / "passwords").chmod(0o644)
        (folder / "conf").write_text(
            f"listener {self.port} 127.0.0.1\npassword_file {folder}/passwords\nallow_anonymous false\nuser root\n"
        )
        self._command = ["mosquitto", "-c", str(folder / "conf")]
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as place:
                if not place.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.1)
        raise AssertionError("the broker does not start")

    def stop(self):
        self._process.kill()
        self._process.wait()


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("mosquitto"), reason="no mosquitto (Debian: apt install mosquitto)")
def test_a_real_broker_that_breaks_down_in_between(tmp_path, model, monkeypatch):
    paho = pytest.importorskip("paho.mqtt.client")
    broker = Mosquitto(tmp_path)
    received: list[int] = []
    hears = threading.Event()

    def listener():
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        client.username_pw_set("me", "pass")
        client.on_connect = lambda client, *_: client.subscribe("home/cry", 1)
        client.on_subscribe = lambda *_: hears.set()
        client.on_message = lambda client, data, message: received.append(json.loads(message.payload)["number"])
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        assert hears.wait(10)
        return client

    try:
        url = f"mqtt://me@127.0.0.1:{broker.port}/home/cry"
        with pytest.raises(DataError, match="Not authorized"):
            Publisher(parse_broker(url), "wrong").__enter__()
        client = listener()
        with Publisher(parse_broker(url), "pass") as publisher:
            publisher.publish('{"number": 0}')
            time.sleep(1)
            broker.stop()
            for number in range(1, 50):
                publisher.publish(json.dumps({"number": number}))
            hears.clear()
            broker.start()
            assert hears.wait(30)
        for _ in range(100):
            if len(set(received)) == 50:
                break
            time.sleep(0.1)
        client.disconnect()
        client.loop_stop()
        assert list(dict.fromkeys(received)) == list(range(50)), "all, in order; a message may come twice"
    finally:
        broker.stop()
