"""The review page: what it shows of an archive's detections, its keys and its label files, in a real browser."""

import io
import json
import re
import time

import numpy as np
import pytest
import soundfile
from browser import PROGRAM, Browser

from pysed.cli import main
from pysed.corpus.reviewed import read_reviewed
from pysed.detect.clock import start_by_name
from pysed.detect.decide import Detection
from pysed.detect.formats import FORMATS, Columns, Found
from pysed.detect.tables import Listed, read_detections

RATE_HZ = 16000
HEAD = "filename\tonset\toffset\tevent_label\tscore\n"
NAME = "a <b>&'\" é,x.wav"
FOUND = [
    Found("day/one.wav", 20.0, [[Detection(4.0, 6.0, "bell", 0.9), Detection(15.5, 16.0, "bell", 0.4)]]),
    Found(NAME, 12.0, [[Detection(0.5, 1.25, "bell", 0.7)]]),
    Found("silent.wav", 5.0, [[]]),
]
LISTED = [Listed(each.name, e.onset_s, e.offset_s, e.label, e.score) for each in FOUND for e in each.events[0]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Recordings of noise, a tone of 1 kHz in each detection; and their table."""
    folder = tmp_path_factory.mktemp("archive")
    random = np.random.default_rng(1)
    for each in FOUND:
        samples = random.standard_normal(round(each.duration_s * RATE_HZ)) / 100
        for event in each.events[0]:
            span = slice(round(event.onset_s * RATE_HZ), round(event.offset_s * RATE_HZ))
            samples[span] += 0.5 * np.sin(2 * np.pi * 1000 * np.arange(span.stop - span.start) / RATE_HZ)
        (folder / each.name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / each.name, samples, RATE_HZ)
    write(folder / "events.tsv", "tsv")
    return folder


def write(path, kind, found=FOUND, columns=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FORMATS[kind].whole(found, columns or Columns()), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["tsv", "csv", "json", "jsonl", "rttm"])
def test_every_table_is_read_as_it_was_written(kind, tmp_path):
    assert read_detections(write(tmp_path / f"table{FORMATS[kind].suffix}", kind)) == LISTED


def test_tables_with_more_columns_and_of_several_models(tmp_path):
    name = "20240131_054500.wav"
    dated = Found(name, 9.0, [[Detection(1, 2, "bell", 0.5)]] * 2, start_by_name(name))
    path = write(tmp_path / "t.tsv", "tsv", [dated], Columns(["m1", "m2"], True, True))
    assert read_detections(path) == [Listed(name, 1.0, 2.0, "bell", 0.5)]


def test_a_folder_of_tables_one_for_each_recording(tmp_path):
    for each in FOUND:
        for kind in ("raven",):
            write(tmp_path / f"{each.name}{FORMATS[kind].suffix}", kind, [each])
    (tmp_path / ".pysed-detect.journal").write_text("no table")
    assert sorted(read_detections(tmp_path)) == sorted(LISTED)


def test_an_event_list_has_no_scores(tmp_path):
    found = read_detections(write(tmp_path / "t.tsv", "list"))
    assert [(each.name, each.onset_s, each.score) for each in found] == [
        (each.name, each.onset_s, None) for each in LISTED
    ]


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("t.tsv", HEAD + "a.wav\t1\tx\tbell\t0.5\n", "t.tsv:2: time 'x'"),
        ("t.tsv", HEAD + "a.wav\t2\t1\tbell\t0.5\n", "t.tsv:2: event from 2 to 1"),
        ("t.tsv", HEAD + "a.wav\t1\t2\tbell\tnan\n", "t.tsv:2: score 'nan'"),
        ("t.csv", "a,b\n1,2\n", "t.csv:1: no column filename"),
        ("t.json", '{"a": 1}', "expected a list of files"),
        ("t.json", '[{"events": [{"onset_s": 1}]}]', "expected filename, onset_s"),
        ("t.jsonl", '{"filename": "a"}\n', "t.jsonl:1: expected filename, onset_s"),
        ("t.jsonl", "{\n", "t.jsonl:1:1: not JSON"),
        ("t.rttm", "SPEAKER a 1\n", "t.rttm:1: 3 fields"),
        ("t.tsv", "", "no detections"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_one_line(name, text, said, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert main(["review", str(tmp_path / name), "--out", str(tmp_path / "x.html")]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1 and not (tmp_path / "x.html").exists()


def content_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


@pytest.fixture(scope="module")
def page(archive, tmp_path_factory):
    path = tmp_path_factory.mktemp("review") / "review.html"
    assert main(["review", str(archive / "events.tsv"), "--audio", str(archive), "--out", str(path)]) == 0
    return path


def test_clips_are_the_sound_around_each_detection_highest_scores_first(page):
    clips = content_of(page)["clips"]
    assert [(one["name"], one["onset"], one["score"]) for one in clips] == [
        ("day/one.wav", 4.0, "0.9000"), (NAME, 0.5, "0.7000"), ("day/one.wav", 15.5, "0.4000"),
    ]  # fmt: skip
    assert [(one["start"], one["length"]) for one in clips] == [(1.0, 8.0), (0.0, 4.25), (12.5, 6.5)]
    import base64

    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(clips[0]["audio"].partition(",")[2])))
    loud = np.flatnonzero(np.abs(samples) > 0.2) / rate_hz
    assert loud[0] == pytest.approx(3.0, abs=0.08) and loud[-1] == pytest.approx(5.0, abs=0.08)  # a codec's delay


def test_names_cannot_become_markup(page):
    text = page.read_text(encoding="utf-8")
    assert "a \\u003cb>&" in text and NAME not in text


def test_most_reviewed_and_what_cannot_be_read(archive, tmp_path, capsys):
    call = ["review", str(archive / "events.tsv"), "--audio", str(archive), "--out", str(tmp_path / "x.html")]
    assert main([*call, "--most", "1"]) == 0
    assert "2 with lower scores are left out" in capsys.readouterr().out
    labels = tmp_path / "labels.tsv"
    head = "decision\tfilename\tonset\toffset\tevent_label\tdetected_onset\tdetected_offset\tscore\n"
    labels.write_text(head + "rejected\tday/one.wav\t4.0\t6.0\tbell\t4.1\t6.0\t0.9\nundecided\tx\t1\t2\tbell\t1\t2\t\n")
    assert main([*call, "--reviewed", str(labels)]) == 0
    assert "1 were decided before" in capsys.readouterr().out
    assert [one["onset"] for one in content_of(tmp_path / "x.html")["clips"]] == [0.5, 15.5]
    table = tmp_path / "t.tsv"
    table.write_text((archive / "events.tsv").read_text() + "gone.wav\t1\t2\tbell\t0.5\nsilent.wav\t9\t10\tbell\t0.5\n")
    assert main(["review", str(table), *call[2:]]) == 3
    said = capsys.readouterr()
    assert "gone.wav: no such recording" in said.err and "detection at 9 s, the file ends at 5.000 s" in said.err
    assert "3 of 5 detections" in said.out
    assert main(["review", str(table), "--audio", str(tmp_path), *call[4:]]) == 2
    assert main(["review", str(archive / "events.tsv"), "--audio", "nowhere", *call[4:]]) == 2


def test_a_table_leads_to_no_file_outside_the_archive(archive, tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    soundfile.write(tmp_path / "secret.wav", np.zeros(RATE_HZ), RATE_HZ)
    table = tmp_path / "t.tsv"
    table.write_text(f"{HEAD}../secret.wav\t0.1\t0.5\tbell\t0.5\n{tmp_path}/secret.wav\t0.1\t0.5\tbell\t0.5\n")
    call = ["review", str(table), "--audio", str(tmp_path / "inner"), "--out", str(tmp_path / "x.html")]
    assert main(call) == 2 and "no such recording" in capsys.readouterr().err
    table.write_text(f"{HEAD}{tmp_path}/secret.wav\t0.1\t0.5\tbell\t0.5\n")
    assert main(["review", str(table), "--out", str(tmp_path / "x.html")]) == 0, "without --audio names are paths"


def test_scores_of_a_detector(archive, tmp_path):
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "detect"))
    from small_detector import make_model

    from pysed import Detector

    model = make_model(tmp_path / "model", event="bell")
    call = ["review", str(archive / "events.tsv"), "--audio", str(archive), "--out", str(tmp_path / "x.html")]
    assert main([*call, "--model", str(model)]) == 0
    clip = content_of(tmp_path / "x.html")["clips"][0]
    import base64

    drawn = np.frombuffer(base64.b64decode(clip["scores"]), np.uint8) / 255
    samples, _ = soundfile.read(archive / "day/one.wav")
    np.testing.assert_allclose(drawn, Detector.load(model).scores(samples, RATE_HZ)[10:90], atol=0.01)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine: the page was not opened")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def opened(browser, page):
    browser.events.clear()
    browser.open(page.as_uri())
    browser.evaluate("localStorage.clear(); true")
    browser.events.clear()
    browser.open(page.as_uri())
    return browser


def press(browser, *keys):
    for key in keys:
        browser.evaluate(
            f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}, bubbles: true}}))"
        )


def rows_of(browser):
    return [row.split("\t") for row in browser.evaluate("tableText()").strip().split("\n")[1:]]


def test_the_page_opens_without_a_word_and_without_the_network(opened, page):
    said = [one for one in opened.events if one["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
    assert said == [] and [one for one in opened.events if one["method"] == "Log.entryAdded"] == []
    asked = [one["params"]["request"]["url"] for one in opened.events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert opened.evaluate("document.querySelectorAll('main b:not(.gutter b):not(.lanes b)').length") == 0


def test_deciding_by_keys(opened):
    assert opened.evaluate("byId('counts').textContent") == "0 of 3 decided: 0 accepted, 0 rejected"
    press(opened, "a")
    assert opened.evaluate("document.querySelector('#file h3').textContent") == NAME
    press(opened, "r")
    assert opened.evaluate("byId('counts').textContent").startswith("2 of 3 decided: 1 accepted, 1 rejected; 2 changes")
    assert opened.evaluate("byId('list').children.length") == 1, "of those undecided"
    press(opened, "a")
    assert "All is decided" in opened.evaluate("byId('file').textContent")
    press(opened, "u")
    assert opened.evaluate("byId('list').children.length") == 1 and opened.evaluate("current.onset") == 15.5
    assert [row[0] for row in rows_of(opened)] == ["accepted", "rejected", "undecided"]


def test_times_by_keys_and_by_dragging(opened):
    press(opened, "]", "]", "{")
    assert opened.evaluate("[current.from, current.to]") == pytest.approx([4.2, 5.9])
    opened.evaluate("seek(2.5)")
    press(opened, "o")
    assert opened.evaluate("current.from") == pytest.approx(3.5)
    opened.evaluate("view.handles.to.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = opened.evaluate(
        "(() => { const a = view.handles.to.getBoundingClientRect(), b = view.lanes.getBoundingClientRect();"
        "return [a.left + a.width / 2, a.top + a.height / 2, b.width / view.length]; })()"
    )
    mouse = {"button": "left", "buttons": 1, "clickCount": 1}
    opened.call("Input.dispatchMouseEvent", type="mousePressed", x=box[0], y=box[1], **mouse)
    for part in (0.5, 1.0):
        opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + part * box[2], y=box[1], **mouse)
    opened.call("Input.dispatchMouseEvent", type="mouseReleased", x=box[0] + box[2], y=box[1], **mouse)
    assert opened.evaluate("current.to") == pytest.approx(6.9, abs=0.03)
    assert opened.evaluate("player.paused"), "letting a handle go does not play"
    for _ in range(3):
        press(opened, "}")
    for _ in range(60):
        press(opened, "]")
    start, end = opened.evaluate("[current.from, current.to]")
    assert end == pytest.approx(7.2, abs=0.03) and start == pytest.approx(end - 0.05), "an event keeps some length"
    press(opened, "u")
    assert opened.evaluate("[current.from, current.to]") == [4.0, 6.0]


def test_labels_are_kept_saved_and_loaded(opened, page, tmp_path):
    press(opened, "]", "a", "r")
    before = opened.evaluate("tableText()")
    opened.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    opened.evaluate("byId('save').click()")
    saved = tmp_path / "labels.tsv"
    for _ in range(100):
        if saved.exists() and saved.stat().st_size:
            break
        opened.evaluate("new Promise(done => setTimeout(done, 50))")
        time.sleep(0.01)
    assert saved.read_text(encoding="utf-8") == before
    assert "not saved" not in opened.evaluate("byId('counts').textContent")
    rows = read_reviewed([saved])
    assert [(row.decision, row.name, row.onset_s, row.detected_s) for row in rows] == [
        ("accepted", "day/one.wav", 4.1, (4.0, 6.0)), ("rejected", NAME, 0.5, (0.5, 1.25)),
        ("undecided", "day/one.wav", 15.5, (15.5, 16.0)),
    ]  # fmt: skip
    opened.events.clear()
    opened.open(page.as_uri())
    assert opened.evaluate("tableText()") == before, "kept by the browser"
    other = "accepted\tother.wav\t1\t2\tbell\t1\t2\t0.5\n"
    opened.evaluate("localStorage.clear(); data.clips.forEach(reset); filter(); true")
    opened.evaluate(f"readTable({json.dumps(before + other)})")
    assert opened.evaluate("tableText()") == before + other, "labels of other pages are not lost"
    for bad in ("x\n", before + "accepted\tother.wav\t2\t1\tbell\t1\t2\t0.5\n"):
        call = f"readTable({json.dumps(bad)})"
        failed = f"(() => {{ try {{ {call}; return ''; }} catch (error) {{ return error.message; }} }})()"
        assert opened.evaluate(failed) != "" and opened.evaluate("tableText()") == before + other


def test_filters_and_audio(opened):
    press(opened, "a")
    for value, number in (("", 3), ("accepted", 1), ("rejected", 0), ("undecided", 2)):
        opened.evaluate(f"byId('which').value = {json.dumps(value)}; byId('which').dispatchEvent(new Event('change'))")
        assert opened.evaluate("byId('list').querySelectorAll('button').length") == number
    reached = opened.evaluate(
        "player.play().then(() => new Promise(done => setTimeout(() => done(player.currentTime), 700)))"
    )
    assert reached > 0.1 and opened.evaluate("player.error") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phones_and_the_dark(opened, scheme):
    opened.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    opened.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    ground, ink = opened.evaluate(
        "(style => [style.backgroundColor, style.color].map("
        "one => one.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)))(getComputedStyle(document.body))"
    )
    assert (ground > ink) == (scheme == "light") and abs(ground - ink) > 400
    opened.call("Emulation.clearDeviceMetricsOverride")
    opened.call("Emulation.setEmulatedMedia", features=[])
