"""A user's clips and backgrounds as a corpus folder, and a detector trained on it."""

import shutil

import numpy as np
import pytest
import soundfile
import yaml
from tiny_recipe import run_in

from pysed.corpus.own import OwnSettings, make_own, segments_by_level
from pysed.corpus.sources import check_mixable, load_sources
from pysed.errors import DataError

RATE_HZ = 16000


def tone(*parts: tuple[float, float]) -> np.ndarray:
    """Parts of (seconds, amplitude), a tone of 1 kHz: a whole number of periods in 10 ms."""
    return np.concatenate([a * np.sin(2 * np.pi * 1000 * np.arange(round(s * RATE_HZ)) / RATE_HZ) for s, a in parts])


def test_cut_by_level():
    samples = tone((0.5, 0.001), (0.4, 0.5), (0.2, 0.001), (0.3, 0.1), (0.6, 0.001), (0.05, 0.5), (0.5, 0), (0.2, 0.05))
    # 0.001, 0.1 and 0.05 are 54, 14 and 20 dB below 0.5; the pause of 0.2 s is bridged, the piece of 0.05 s too short.
    assert segments_by_level(samples, RATE_HZ, OwnSettings()) == [(0.5, 1.4), (2.55, 2.75)]
    assert segments_by_level(samples, RATE_HZ, OwnSettings(level_db=17, gap_s=0.1)) == [(0.5, 0.9), (1.1, 1.4)]
    assert segments_by_level(samples, RATE_HZ, OwnSettings(level_db=60, gap_s=0.1)) == [(0.0, 2.05), (2.55, 2.75)]
    assert segments_by_level(np.zeros(RATE_HZ), RATE_HZ, OwnSettings()) == []


@pytest.fixture
def clips(tmp_path):
    """Two classes, whistle (of 3 recordings, two clips of one) and knock (4); backgrounds of 65 s and 30 s."""
    random = np.random.default_rng(3)
    events, backgrounds = tmp_path / "events", tmp_path / "backgrounds"
    for index, name in enumerate(("whistle/a_1", "whistle/a_2", "whistle/b_1", "whistle/deep/c_1")):
        (events / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(events / f"{name}.flac", tone((0.2, 0), (1.0, 0.4 + 0.1 * index), (0.3, 0)), RATE_HZ)
    (events / "knock").mkdir()
    for index in range(4):
        burst = random.standard_normal(6000) * np.exp(-np.arange(6000) / 2500) / 5
        samples = np.concatenate([np.zeros(3000), burst, np.zeros(9000), burst, np.zeros(100)])
        soundfile.write(events / f"knock/{index}.wav", samples, RATE_HZ)
    for name, seconds in (("street/x", 65), ("street/y", 30), ("home/z", 30), ("w", 30)):
        (backgrounds / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(backgrounds / f"{name}.wav", random.standard_normal(seconds * RATE_HZ) / 30, RATE_HZ)
    return events, backgrounds


def test_folders_of_clips_become_a_corpus(clips, tmp_path):
    lines = make_own(*clips, tmp_path / "own", settings=OwnSettings(recording="(.*)_"))
    subsets = {name: load_sources(tmp_path / "own", name) for name in ("devtrain", "devtest")}
    recordings = {n: {e.recording for e in s.events["whistle"]} for n, s in subsets.items()}
    assert len(recordings["devtrain"]) == 2 and len(recordings["devtest"]) == 1
    assert recordings["devtrain"] | recordings["devtest"] == {"a", "b", "c"}
    assert sum(len(s.events["knock"]) for s in subsets.values()) == 8, "two in each of four clips"
    for sources in subsets.values():
        for label in ("whistle", "knock"):
            check_mixable(sources, label, 30.0)
        assert all((event.onset_s, event.offset_s) == (0.2, 1.2) for event in sources.events["whistle"])
    backgrounds = [background for sources in subsets.values() for background in sources.backgrounds]
    assert sorted(b.path.name for b in backgrounds) == [
        "home__z.wav_001.wav", "street__x.wav_001.wav", "street__x.wav_002.wav", "street__y.wav_001.wav",
        "w.wav_001.wav",
    ]  # fmt: skip
    assert {b.scene for b in backgrounds} == {"street", "home", "background"}
    places = [{b.recording for b in sources.backgrounds} for sources in subsets.values()]
    assert not places[0] & places[1]
    second = next(b.path for b in backgrounds if b.path.name == "street__x.wav_002.wav")
    whole, _ = soundfile.read(clips[1] / "street/x.wav", dtype="int16")
    assert np.array_equal(soundfile.read(second, dtype="int16")[0], whole[30 * RATE_HZ : 60 * RATE_HZ])
    assert len(lines) == 6 and any("whistle: 2 events in 2 recordings, 1.00 to 1.00 s" in line for line in lines)


def test_a_label_file_cuts_recordings_of_several_classes(clips, tmp_path):
    recordings = tmp_path / "long"
    recordings.mkdir()
    rows = []
    for index, name in enumerate("abcd"):
        soundfile.write(recordings / f"{name}.wav", tone((8, 0.1 + 0.1 * index)), RATE_HZ)
        rows += [f"{name}.wav\t1.0\t2.5\tsiren", f"{name}.wav\t4.0\t4.25\tbell", f"{name}.wav\t6\t7\tbell"]
    labels = tmp_path / "labels.tsv"
    labels.write_text("\n".join([*rows, "e.wav"]) + "\n")
    soundfile.write(recordings / "e.wav", tone((1, 0.1)), RATE_HZ)
    make_own(recordings, clips[1], tmp_path / "own", labels)
    split = []
    for subset in ("devtrain", "devtest"):
        events = load_sources(tmp_path / "own", subset).events
        assert {e.recording for e in events["bell"]} == {e.recording for e in events["siren"]}
        assert {(e.onset_s, e.offset_s) for e in events["bell"]} == {(4.0, 4.25), (6.0, 7.0)}
        split.append({e.recording for e in events["bell"]})
    assert len(split[0]) == 3 and len(split[1]) == 1 and not split[0] & split[1]
    with pytest.raises(DataError, match=r"labels\.tsv: a\.wav: event ends at 9 s, the file at 8\.000 s"):
        labels.write_text("a.wav\t1\t9\tsiren\n")
        make_own(recordings, clips[1], tmp_path / "other", labels)
    with pytest.raises(DataError, match="leads outside"):
        labels.write_text("../events/knock/0.wav\t0\t1\tsiren\n")
        make_own(recordings, clips[1], tmp_path / "other", labels)


def test_faults_leave_nothing(clips, tmp_path, recipe):
    events, backgrounds = clips
    soundfile.write(backgrounds / "short.wav", np.zeros(RATE_HZ), RATE_HZ)
    command = ["pysed", "corpus", "own", "--events", events, "--backgrounds", backgrounds, "--out", tmp_path / "own"]
    done = run_in(recipe, *command)
    assert done.returncode == 2 and "short.wav: 1.0 s; a background needs at least 30 s" in done.stderr
    (backgrounds / "short.wav").unlink()
    with pytest.raises(DataError, match="whistle: 2 recordings; expected at least 3"):
        shutil.rmtree(events / "whistle/deep")
        make_own(*clips, tmp_path / "own", settings=OwnSettings(recording="(.*)_"))
    soundfile.write(events / "knock/silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    with pytest.raises(DataError, match=r"silent\.wav: no event of at least 0\.1 s"):
        make_own(*clips, tmp_path / "own")
    with pytest.raises(DataError, match="not a pattern"):
        make_own(*clips, tmp_path / "own", settings=OwnSettings(recording="("))
    assert not [path for path in tmp_path.iterdir() if "own" in path.name]
    (tmp_path / "own").mkdir()
    done = run_in(recipe, *command)
    assert done.returncode == 2 and "exists" in done.stderr and len(done.stderr.splitlines()) == 1


def test_from_clips_to_training_and_detection(clips, tmp_path, recipe):
    events, backgrounds = clips
    command = ["pysed", "corpus", "own", "--events", events, "--backgrounds", backgrounds, "--recording", "(.*)_"]
    run_in(recipe, *command, "--out", tmp_path / "mysounds", check=True)
    settings = yaml.safe_load((recipe / "conf/corpora/default.yaml").read_text())
    settings |= {"mixtures": {"devtrain": 10, "devtest": 4}, "duration_s": 10.0}
    (tmp_path / "mysounds/corpus.yaml").write_text(yaml.safe_dump(settings))
    line = ["./run.sh", "--corpus", tmp_path / "mysounds", "--event", "whistle", "--system", "mlp", "--epochs", "1"]
    line += ["--nj", "1"]
    for first, last in ((0, 2), (5, 6)):
        done = run_in(recipe, *line, "--exp", tmp_path / "exp", "--stage", first, "--stop-stage", last, check=True)
    assert "whistle" in done.stdout
    model = tmp_path / "exp/mysounds/whistle/mlp"
    done = run_in(
        recipe, "pysed", "detect", "--format", "list", "--model", model, events / "whistle/b_1.flac", check=True
    )
    rows = [row.split("\t") for row in done.stdout.splitlines()]
    assert all(row[0] == "b_1.flac" and row[3:] in (["whistle"], []) for row in rows) and rows
