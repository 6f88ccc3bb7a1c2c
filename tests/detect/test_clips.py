"""``pysed detect --clips``: the sound of every detection, under names that are safe and differ."""

import re

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.clips import HEAD, clip_name
from pysed.detect.decide import Detection
from pysed.detect.tables import read_detections

RATE_HZ = 22050


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two channels each; names that no disk should have to take."""
    folder = tmp_path_factory.mktemp("archive")
    random = np.random.default_rng(2)
    for name in ("a/x.wav", "b/x.wav", "-rf é; $(ls) 'q'.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        samples = random.standard_normal((7 * RATE_HZ, 2)) / 20
        samples[3 * RATE_HZ : 4 * RATE_HZ] *= 5
        soundfile.write(folder / name, samples, RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "cry")


def rows_of(folder):
    head, *rows = [line.split("\t") for line in (folder / "clips.tsv").read_text(encoding="utf-8").splitlines()]
    assert tuple(head) == HEAD
    return [dict(zip(head, row, strict=True)) for row in rows]


def detect(model, archive, folder, *options, code=0):
    call = ["detect", "--model", str(model), "--threshold", "0.45", "--max-gap", "0", "--clips", str(folder / "clips"),
            "--out", str(folder / "events.tsv"), *options, str(archive)]  # fmt: skip
    assert main(call) == code
    return folder / "clips"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_clips_are_the_sound_of_the_detections(model, archive, tmp_path, jobs):
    folder = detect(model, archive, tmp_path, "--clip-margin", "0.5", "--jobs", jobs)
    rows = rows_of(folder)
    listed = read_detections(tmp_path / "events.tsv")
    assert listed and [(row["filename"], float(row["onset"]), float(row["score"])) for row in rows] == [
        (each.name, each.onset_s, each.score) for each in listed
    ]
    assert read_detections(folder / "clips.tsv") == listed, "pysed review reads the table, too"
    assert {path.name for path in folder.iterdir()} == {row["clip"] for row in rows} | {"clips.tsv"}
    assert len({row["clip"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[\w-]+(\.\d\d_[\w-]+)\.wav", row["clip"]) and not row["clip"].startswith("-")
        whole, _ = soundfile.read(archive / row["filename"])
        clip, rate_hz = soundfile.read(folder / row["clip"])
        start, onset, offset = (float(row[key]) for key in ("clip_start", "onset", "offset"))
        assert rate_hz == RATE_HZ and start == pytest.approx(max(0, onset - 0.5))
        first = round(start * RATE_HZ)
        wanted = whole.mean(axis=1)[first : first + len(clip)]
        np.testing.assert_allclose(clip, wanted, atol=1 / 32000)
        assert len(clip) / RATE_HZ == pytest.approx(min(7, offset + 0.5) - start, abs=1e-3)


def test_each_channel_has_clips_of_its_own(model, archive, tmp_path):
    folder = detect(model, archive, tmp_path, "--channels", "each")
    rows = rows_of(folder)
    assert {row["channel"] for row in rows} == {"1", "2"} and len({row["clip"] for row in rows}) == len(rows)
    for row in rows:
        whole, _ = soundfile.read(archive / row["filename"])
        clip, _ = soundfile.read(folder / row["clip"])
        first = round(float(row["clip_start"]) * RATE_HZ)
        np.testing.assert_allclose(clip, whole[first : first + len(clip), int(row["channel"]) - 1], atol=1 / 32000)


def test_a_run_that_goes_on_has_the_same_table(model, archive, tmp_path, monkeypatch):
    from pysed.detect import archive as inner

    folder = detect(model, archive, tmp_path / "whole")
    (tmp_path / "cut").mkdir()
    analyse = inner.Analyser.analyse

    def stop(self, name, path):
        if name.startswith("b"):
            raise KeyboardInterrupt
        return analyse(self, name, path)

    monkeypatch.setattr(inner.Analyser, "analyse", stop)
    detect(model, archive, tmp_path / "cut", code=130)
    assert not (tmp_path / "cut/clips/clips.tsv").exists()
    monkeypatch.setattr(inner.Analyser, "analyse", analyse)
    again = detect(model, archive, tmp_path / "cut")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_bad_use(model, archive, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    call = ["detect", "--model", str(model), str(archive), "--clips"]
    assert main([*call, str(tmp_path / "file")]) == 2
    assert main([*call, str(tmp_path / "clips"), "--clip-margin", "-1"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_names():
    event = Detection(12.3, 13.0, "cry", 0.5)
    names = [clip_name(name, event, 0) for name in ("a/b.wav", "a__b.wav", "../b.wav", "", "x" * 300, "é" * 300)]
    assert len(set(names)) == 6 and all(len(name.encode()) < 200 for name in names)
    assert names[0].startswith("b_") and names[0].endswith("_000012.30_cry.wav")
    assert clip_name("a.wav", event, 1).endswith("_cry_model2.wav")
