"""The report's parts against hand-made cases, and the page in a real browser."""

import colorsys
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import PROGRAM, Browser
from experiment import NAMES, VERDICTS, write_experiment

from pysed.cli import main
from pysed.drawing.spectrogram import grey_levels
from pysed.events import Event
from pysed.report import media
from pysed.report.content import Model, Recording, read_models, read_test_files
from pysed.report.curves import reliability_curve, threshold_curves
from pysed.report.markdown import to_html
from pysed.report.page import write_report
from pysed.report.speed import with_speeds
from pysed.score.results_files import read_score

ERRORS = {system: [one not in ("hit", "correct rejection") for one in some] for system, some in VERDICTS.items()}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return write_experiment(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def page(experiment, tmp_path_factory):
    data, results = experiment
    return write_report(data, results, tmp_path_factory.mktemp("report"))[0]


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine: the page was not opened")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    browser.seconds = browser.open(page.as_uri())
    yield browser
    browser.close()


def test_verdicts_are_those_of_the_files(experiment):
    data, results = experiment
    recordings = read_test_files(data, read_models(results))
    assert [one.name for one in recordings] == NAMES
    for system, verdicts in VERDICTS.items():
        assert [one.verdict(system) for one in recordings] == verdicts
    assert [one.is_right for one in recordings] == [True, True, False, False, False, False, True, True]


def test_curves_pass_through_what_sed_eval_says(experiment):
    data, results = experiment
    models = read_models(results)
    recordings = read_test_files(data, models)
    for model in models:
        curve = threshold_curves(model, recordings)
        score = read_score(model.folder / "score_devtest.json")
        for mine, its in (("precision", "precision"), ("recall", "recall"), ("f", "f_measure")):
            assert curve[mine][curve["chosen"]] == pytest.approx(score[its])
        assert curve["t_base"][curve["chosen"]] == 0.5
        assert np.isnan(curve["f"][-1]) or curve["f"][-1] == 0  # above every score


def test_a_grey_picture_is_what_was_given():
    import matplotlib.image

    pixels = np.random.default_rng(0).integers(0, 256, (7, 13), dtype=np.uint8)
    read = matplotlib.image.imread(io.BytesIO(media.grey_png(pixels)), format="png")
    np.testing.assert_array_equal(np.rint(255 * read), pixels)


def test_a_spectrogram_has_low_frequencies_at_the_bottom_and_time_from_left_to_right():
    import matplotlib.image

    features = np.zeros((20, 10))
    features[15:, 1] = 5  # late and low
    read = matplotlib.image.imread(io.BytesIO(media.grey_png(grey_levels(features))), format="png")
    assert read.shape == (10, 20)
    np.testing.assert_array_equal(np.argwhere(read > 0.5), [[8, column] for column in range(15, 20)])


def test_audio_is_the_recording(experiment):
    data, results = experiment
    recording = read_test_files(data, read_models(results))[0]
    samples, rate_hz = soundfile.read(io.BytesIO(media.encode_audio(recording)))
    wanted, _ = soundfile.read(recording.wav)
    assert rate_hz == media.AUDIO_HZ and abs(len(samples) - len(wanted)) < 2500  # a codec's frames at the ends
    spectrum = np.abs(np.fft.rfft(samples[8000:16000]))
    assert 2 * np.argmax(spectrum) == pytest.approx(900, abs=4)  # bins of 2 Hz
    assert np.sqrt(np.mean(samples[8000:16000] ** 2)) == pytest.approx(
        np.sqrt(np.mean(wanted[8000:16000] ** 2)), rel=0.1
    )


def test_wrong_files_come_first_and_others_spread(experiment):
    data, results = experiment
    recordings = read_test_files(data, read_models(results))
    assert media.by_need(recordings) == [2, 3, 4, 5, 0, 6, 1, 7]


@pytest.mark.parametrize(
    "text, page",
    [
        ("# Title\n\n## A & b", "<h3>A &amp; b</h3>"),
        ("one `a<b` **two** *three*\nfour \\* [five](x.md)",
         "<p>one <code>a&lt;b</code> <strong>two</strong> <em>three</em> four * five</p>"),
        ("- a\n- b\n  c", "<ul><li>a</li><li>b\n  c</li></ul>"),
        ("![a picture](x.png)", ""),
        ("### One\n\nand\n\n## Two", '<div class="part">\n<h4>One</h4>\n<p>and</p>\n</div>\n<h3>Two</h3>'),
        ("| a | b |\n|---|---|\n| c | d |",
         '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col" class="word">b</th></tr></thead>'
         '<tbody><tr><th scope="row">c</th><td class="word">d</td></tr></tbody></table></div>'),
        ("| a | b |\n|---|---|\n| c | " + 41 * "d" + " |\n|  | e |",
         '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col" class="text">b</th></tr></thead>'
         '<tbody>'
         f'<tr><th scope="row">c</th><td class="text">{41 * "d"}</td></tr>'
         '<tr class="more"><th scope="row"></th><td class="text">e</td></tr></tbody></table></div>'),
        ("| a | b |\n|---|---|\n| paper: x | 1* |",
         '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody>'
         '<tr class="paper"><th scope="row">paper: x</th><td>1*</td></tr></tbody></table></div>'),
    ],
)  # fmt: skip
def test_markdown(text, page):
    assert to_html(text) == page


def content_of(path):
    """What the page's script reads."""
    text = path.read_text(encoding="utf-8")
    return text, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_what_the_page_cannot_hold_lies_beside(experiment, tmp_path):
    data, results = experiment
    path, about, _ = write_report(data, results, tmp_path / "report", page_bytes=0)
    beside = sorted(one.relative_to(path.parent).as_posix() for one in path.parent.glob("index_files/**/*.*"))
    assert beside == sorted(f"index_files/cry/devtest/{name}{kind}" for name in NAMES for kind in (".js", ".mp3"))
    text, content = content_of(path)
    said = "the picture, scores and phones of 8 of 8 files and the audio of 8 of 8 files; keep them together"
    assert said in text and "the audio of 8 of 8 files" in about
    assert content["files"][0]["audio"] == "index_files/cry/devtest/file_0.mp3"
    script = (path.parent / content["files"][3]["beside"]).read_text(encoding="utf-8")
    assert script.startswith('detail(3,{"scene":"park","reference":[[0.8,1.3]]')


def test_the_page_is_as_large_as_it_may_be_with_errors_first(experiment, page, tmp_path):
    data, results = experiment
    files = content_of(page)[1]["files"]
    limit = page.stat().st_size - sum(len(json.dumps(one)) for one in files) // 2
    path, _, _ = write_report(data, results, tmp_path / "half", page_bytes=limit)
    files = content_of(path)[1]["files"]
    size = path.stat().st_size
    assert limit - 10_000 < size < limit + 1000  # up to a file's audio less; what it says and phones' names more
    inside = [index for index, one in enumerate(files) if one["audio"].startswith("data:")]
    assert 2 <= len(inside) < 8 and set(inside) <= set(media.by_need(read_test_files(data, read_models(results)))[:6])
    for one in files:
        assert ("detail" in one) != ("beside" in one)


def test_figures_of_stage_7_lie_beside_the_page(experiment, tmp_path):
    import shutil

    from matplotlib.figure import Figure

    from pysed.drawing.figure_files import save_figure

    data, results = experiment
    results = shutil.copytree(results, tmp_path / "exp")
    for folder, page, names in (
        ("phones", "phones.md", ("figure2", "figure2_mixtures")),
        ("phones/patterns", "patterns.md", ("streams", "evidence")),
    ):
        for name in names:
            save_figure(Figure(figsize=(1, 1)), results / folder / name)
        (results / folder / page).write_text("# Title\n\nA text.\n", encoding="utf-8")
    path, _, _ = write_report(data, results, tmp_path / "report")
    text, _ = content_of(path)
    for name in ("figure2", "figure2_mixtures", "streams", "evidence"):
        for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
            assert (path.parent / f"{name}.{kind}").read_bytes().startswith(start)
            assert f'<a href="{name}.{kind}">{kind.upper()}</a>' in text


def test_panels_stand_alone_for_narrow_pages(tmp_path):
    """Of the page's classes; a figure without them, as earlier versions drew it, is shown whole."""
    from matplotlib.figure import Figure

    from pysed.drawing.figure_files import save_panels
    from pysed.report.page import _figures

    drawn = []

    def draw(panels):
        drawn.append(list(panels))
        return Figure(figsize=(3 * len(panels), 1))

    save_panels(draw, ["old", "cry", "knock"], tmp_path / "figure2")
    save_panels(draw, ["cry", "knock"], tmp_path / "figure2")
    assert drawn[4:] == [["cry", "knock"], ["cry"], ["knock"]]
    assert {path.name for path in tmp_path.glob("*.svg")} == {"figure2.svg", "figure2-cry.svg", "figure2-knock.svg"}
    shown = _figures(tmp_path, {"figure2": "A caption."}, ["cry", "knock", "unheard"])
    assert shown.count("<img ") == 2 and shown.count('class="panels"') == 1
    assert shown.count("<a ") == 3 and '<a href="figure2.pdf">' in shown

    save_panels(draw, ["cry"], tmp_path / "figure2")
    assert [path.name for path in tmp_path.glob("*.svg")] == ["figure2.svg"]
    shown = _figures(tmp_path, {"figure2": "A caption."}, ["cry", "knock"])
    assert shown.count("<img ") == 1 and 'class="panels"' not in shown


def test_command_and_its_errors(experiment, tmp_path, capsys):
    data, results = experiment
    assert main(["report", "--data", str(data), "--results", str(results), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    figures = ("precision_recall_devtest", "threshold_devtest", "reliability_devtest", "training")
    assert names == {"index.html", *(f"{name}.{suffix}" for name in figures for suffix in ("svg", "png", "pdf"))}
    for arguments in (
        ["--data", "nowhere", "--results", str(results)],
        ["--data", str(data), "--results", "nowhere"],
        ["--data", str(data)],
    ):
        assert main(["report", *arguments, "--out", str(tmp_path / "none")]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "none" / "index.html").exists()


def choose(browser, **values):
    """Set filters and return the names in the list."""
    for name, value in values.items():
        select = f"byId('{name}')"
        browser.evaluate(f"{select}.value = {json.dumps(value)}; {select}.dispatchEvent(new Event('change'))")
    return browser.evaluate("[...document.querySelectorAll('#list button')].map(one => one.firstChild.textContent)")


def test_page_opens_without_a_word_and_without_the_network(opened, page):
    assert opened.seconds < 20  # of a machine with other work; two on an idle one
    said = [one for one in opened.events if one["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
    assert said == [] and [one for one in opened.events if one["method"] == "Log.entryAdded"] == []
    asked = [one["params"]["request"]["url"] for one in opened.events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]


def test_filters(opened):
    def wanted(system, keep):
        return [name for name, verdict in zip(NAMES, VERDICTS[system], strict=True) if keep(verdict)]

    everything = {"event": "", "system": "", "outcome": ""}
    assert choose(opened, **everything) == NAMES
    assert choose(opened, event="cry") == NAMES
    for system in VERDICTS:
        for outcome in ("hit", "miss", "false alarm", "onset off", "correct rejection"):
            assert choose(opened, system=system, outcome=outcome) == wanted(system, outcome.__eq__)
        assert choose(opened, system=system, outcome="error") == [
            name for name, wrong in zip(NAMES, ERRORS[system], strict=True) if wrong
        ]
    assert choose(opened, system="gradual", outcome="onset off") == []
    assert "No file" in opened.evaluate("byId('file').textContent")
    assert choose(opened, **everything) == NAMES


def test_pictures_are_not_blank(opened):
    sizes = opened.evaluate(
        "Promise.all([...document.images].map(one => one.decode().then(() => [one.naturalWidth, one.naturalHeight])))"
    )
    assert len(sizes) == 5 and all(min(size) > 30 for size in sizes)
    grey = opened.evaluate("""(() => {
        const picture = document.querySelector('.lanes img'), canvas = document.createElement('canvas');
        canvas.width = picture.naturalWidth; canvas.height = picture.naturalHeight;
        const pen = canvas.getContext('2d'); pen.drawImage(picture, 0, 0);
        return [...pen.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, index) => index % 4 === 0);
    })()""")
    assert np.std(grey) > 20
    drawn = opened.evaluate("""(() => { const one = document.querySelector('.lanes canvas');
        const bytes = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;
        return new Set(new Uint32Array(bytes.buffer)).size; })()""")
    assert drawn > 3


def test_keys_and_bars(opened):
    choose(opened, event="", system="", outcome="")
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))".replace(
        "document.dis", "document.body.dis"
    )
    opened.evaluate("show(shown[0])")
    assert opened.evaluate("document.querySelector('#file h3').textContent") == NAMES[0]
    opened.evaluate(press % "j")
    assert opened.evaluate("document.querySelector('#file h3').textContent") == NAMES[1]
    left = opened.evaluate("[...document.querySelectorAll('.lane i')].map(one => parseFloat(one.style.left))")
    assert left == pytest.approx([100 / 3] * 3, abs=0.1)  # reference and two systems at 1 of 3 s
    opened.evaluate(press % "k")
    assert opened.evaluate("document.querySelector('#file h3').textContent") == NAMES[0]


def test_a_file_can_be_read_without_a_mouse(opened):
    choose(opened, event="", system="", outcome="")
    press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
    opened.evaluate("show(shown[0]); document.querySelector('#list [tabindex=\"0\"]').focus()")
    opened.evaluate(press % "ArrowDown")
    assert opened.evaluate("document.activeElement.firstChild.textContent") == NAMES[1]
    for _ in range(3):
        opened.evaluate(press % "ArrowRight")
    assert opened.evaluate("view.readout.textContent") == "1.5 s · gradual 0.10 · cbrnn 0.10"
    opened.evaluate(press % "ArrowLeft")
    assert opened.evaluate("view.readout.textContent") == "1.0 s · SIL · gradual 0.80 · cbrnn 0.80"
    width = opened.evaluate("view.lanes.clientWidth")
    opened.evaluate(press % "+")
    assert opened.evaluate("view.lanes.clientWidth") == 2 * width
    opened.evaluate(press % "-")
    assert opened.evaluate("view.lanes.clientWidth") == width


def test_names_of_phones_are_shown_where_they_fit(opened):
    opened.evaluate("show(shown[0])")
    names = "[...document.querySelectorAll('.lanes .phones span')].map(one => one.textContent)"
    assert opened.evaluate(names) == ["SIL", "EH1"]
    opened.evaluate("document.querySelector('.browser').style.width = '500px'; layOut()")
    assert opened.evaluate(names) == ["SIL", ""]
    opened.evaluate("document.querySelector('.browser').style.width = ''; layOut()")


def test_audio_plays(opened):
    opened.evaluate("show(shown[0])")
    reached = opened.evaluate(
        "player.play().then(() => new Promise(done => setTimeout(() => done(player.currentTime), 700)))"
    )
    assert reached > 0.1
    assert opened.evaluate("player.error") is None


def test_narrow_page_does_not_scroll_sideways(opened):
    opened.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    opened.call("Emulation.clearDeviceMetricsOverride")


PRESS = (
    "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true, cancelable: true}))"
)
NAME = "document.querySelector('#file h3').textContent"


def test_the_page_begins_with_the_verdict_and_the_files_follow(opened, page):
    order = opened.evaluate("[...document.querySelectorAll('main > section')].map(one => one.id)")
    assert order == ["verdict", "files", "curves", "phones"]
    assert opened.evaluate("document.querySelector('.verdict').textContent").startswith(
        "gradual is best on cry, with an"
    )
    rows = opened.evaluate(
        "[...document.querySelectorAll('#verdict table tr th:first-child')].map(one => one.textContent)"
    )
    assert rows[:4] == ["system", "gradual", "cbrnn", "(silence)"]


def test_e_goes_to_the_detection_of_a_false_alarm(opened):
    assert choose(opened, event="", system="gradual", outcome="false alarm") == [NAMES[4]]
    opened.evaluate("document.activeElement.blur(); seek(0)")
    opened.evaluate(PRESS % "e")
    assert opened.evaluate("view.focus") == pytest.approx(1.0)  # of cbrnn or gradual, both at 1 s
    opened.evaluate("player.pause(); seek(2.9)")
    opened.evaluate(PRESS % "e")
    assert opened.evaluate("view.at") < 0.5
    opened.evaluate("player.pause()")


def test_keys_work_after_a_filter_was_chosen(opened):
    choose(opened, event="", system="", outcome="")
    opened.evaluate("show(shown[0]); byId('outcome').focus()")
    opened.evaluate(PRESS % "j")
    assert opened.evaluate(NAME) == NAMES[1] and opened.evaluate("document.activeElement.id") == "outcome"
    opened.evaluate(PRESS % "k")
    assert opened.evaluate(NAME) == NAMES[0]
    opened.evaluate(PRESS % "e")  # which a choice takes as a letter
    assert opened.evaluate("player.paused")
    opened.evaluate("document.activeElement.blur()")


def test_thresholds_are_drawn(opened):
    choose(opened, event="", system="", outcome="")
    assert opened.evaluate("show(shown[0]); view.thresholds") == {"gradual": 0.5, "cbrnn": 0.5}
    coloured = """(level => { const one = view.canvas, pen = one.getContext('2d');
        const row = Math.round(one.height * (1 - level)), bytes = pen.getImageData(0, row - 2, one.width, 5).data;
        const isColoured = (value, index) => index % 4 === 0 && Math.abs(value - bytes[index + 2]) > 60;
        return [...bytes].filter(isColoured).length; })"""
    assert opened.evaluate(coloured + "(0.5)") > 3 * opened.evaluate(coloured + "(0.3)"), "a dashed line"


def test_a_zoomed_spectrogram_is_sharp(opened):
    opened.evaluate("show(shown[0]); zoomBy(1)")
    rendering = "getComputedStyle(document.querySelector('.lanes img')).imageRendering"
    assert opened.evaluate(rendering) == "pixelated"
    opened.evaluate("zoomBy(-1)")
    assert opened.evaluate(rendering) == "auto"


def test_the_address_leads_to_what_was_seen(opened, page, tmp_path):
    choose(opened, event="cry", system="cbrnn", outcome="false alarm")
    opened.evaluate("show(shown[1]); zoomBy(1)")
    address = opened.evaluate("location.hash")
    state = "[location.hash, byId('event').value, byId('system').value, byId('outcome').value, current.name, zoom]"
    wanted = [address, "cry", "cbrnn", "false alarm", NAMES[5], 2]
    assert opened.evaluate(state) == wanted
    opened.evaluate("zoomBy(-1)")
    choose(opened, event="", system="", outcome="")
    assert opened.evaluate(state) != wanted
    opened.evaluate(f"location.hash = {json.dumps(address)}; new Promise(done => setTimeout(done, 200))")
    assert opened.evaluate(state) == wanted
    other = Browser(tmp_path / "profile")
    try:
        other.open(page.as_uri() + address)
        assert other.evaluate(state) == wanted
        other.evaluate("location.hash = '#system=nobody&file=nothing'; new Promise(done => setTimeout(done, 200))")
        assert other.evaluate("[byId('system').value, shown.length]") == ["", len(NAMES)]
    finally:
        other.close()
    opened.evaluate("zoomBy(-1)")
    choose(opened, event="", system="", outcome="")


def test_colours_keep_their_meaning_in_the_dark(opened):
    choose(opened, event="", system="", outcome="")
    opened.evaluate("show(shown[0])")
    bars = "[...document.querySelectorAll('.lane i')].map(one => getComputedStyle(one).backgroundColor)"
    light = opened.evaluate(bars)
    opened.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = opened.evaluate("new Promise(done => setTimeout(done, 200)).then(() => " + bars + ")")
    opened.call("Emulation.setEmulatedMedia", features=[])

    def hue(colour):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)]
        return colorsys.rgb_to_hls(*parts[:3])

    assert len(light) == len(dark) == 3
    for before, after in zip(map(hue, light), map(hue, dark), strict=True):
        assert abs(before[0] - after[0]) < 0.07 and after[1] > before[1]


def test_figures_are_as_wide_as_the_text_and_stack_on_a_phone(opened):
    """Those of one class stand side by side, not one of them as wide as the page, and need no scrolling on a phone."""
    wide = "[...document.querySelectorAll('figure')].map(one => one.clientWidth + 2)"
    opened.call("Emulation.setDeviceMetricsOverride", width=1300, height=800, deviceScaleFactor=1, mobile=False)
    text = opened.evaluate("document.querySelector('#files p').clientWidth")
    assert len(found := opened.evaluate(wide)) == 4 and min(found) >= text and max(found) < 640
    opened.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert min(found := opened.evaluate(wide.replace("figure", "figure img"))) >= 0.85 * 360 and max(found) <= 360
    opened.call("Emulation.clearDeviceMetricsOverride")


def test_a_figure_has_colours_for_light_and_dark():
    drawn = media.themed_svg('<svg width="1"><g style="fill: #ff0000; stroke: #000000"/><use href="#abcdef"/></svg>')
    assert 'style="fill: var(--cff0000); stroke: var(--c000000)"' in drawn and 'href="#abcdef"' in drawn
    assert "--cff0000:#ff0000;" in drawn.split("@media")[0] and "--c000000:#ebebeb;" in drawn.split("@media")[1]


def test_speeds_are_from_recording_to_events_and_take_the_networks_place():
    table = [["system", "parameters", "times real time"], ["a", "10", "900"], ["b", "10", "800"]]
    assert with_speeds(table, {"a": 81.4}) == [
        ["system", "parameters", "wav → events, times real time"], ["a", "10", "81"], ["b", "10", "-"]
    ]  # fmt: skip


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine: the page was not opened")
def test_a_page_with_everything_beside_it(experiment, tmp_path):
    data, results = experiment
    path, _, _ = write_report(data, results, tmp_path / "report", page_bytes=0)
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(path.as_uri())
        until = "new Promise(done => { const wait = () => %s ? done(true) : setTimeout(wait, 20); wait(); })"
        assert browser.evaluate(until % "view && document.querySelector('.lanes img').complete")
        assert browser.evaluate("document.querySelector('.lanes img').naturalWidth") == 60
        assert browser.evaluate("player.play().then(() => player.duration)") == pytest.approx(3, abs=0.3)
        (path.parent / "index_files/cry/devtest/file_1.js").unlink()
        browser.evaluate("show(shown[1])")
        assert browser.evaluate(until % "byId('file').textContent.includes('is missing')")
        asked = [
            one["params"]["request"]["url"] for one in browser.events if one["method"] == "Network.requestWillBeSent"
        ]
        assert all(url.startswith(("data:", path.parent.as_uri())) for url in asked)
    finally:
        browser.close()


def test_reliability_is_the_share_of_frames_in_events_at_each_tenth():
    """Ten seconds that score 0.75, of which the event holds six; a clip without an event scores 0.05."""
    model = Model("x", "cbrnn", "devtest", Path(), {"a": np.full(100, 0.75), "b": np.full(50, 0.05)}, {}, 0.5, 0.0)
    a, b = (
        Recording("x", "devtest", name, f"{name}.wav", "", events, {"cbrnn": model}, [])
        for name, events in (("a", [Event(1.0, 7.0, "x")]), ("b", []))
    )
    curve = reliability_curve(model, [a, b])
    known = ~np.isnan(curve["score"])
    assert np.flatnonzero(known).tolist() == [0, 7]
    assert curve["score"][known] == pytest.approx([0.05, 0.75]) and curve["share"][known] == pytest.approx([0, 0.6])
