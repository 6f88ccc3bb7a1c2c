"""The demo corpus: layout, determinism, exact boundaries, disjoint subsets, and sounds of the right nature."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "local"))

from demo import corpus, incidents, scenes, signals, voice  # noqa: E402

CLASSES = {"babycry", "glassbreak", "gunshot"}
TUT_SCENES = {
    "beach", "bus", "cafe/restaurant", "car", "city_center", "forest_path", "grocery_store", "home", "library",
    "metro_station", "office", "park", "residential_area", "train", "tram",
}  # fmt: skip


def _few(piece: corpus.Piece) -> bool:
    """Twelve events a class and subset, one background a scene of devtrain, two of devtest."""
    return piece.index < (12 if piece.is_event else 15 if piece.subset == "devtrain" else 2)


def _fewer(piece: corpus.Piece) -> bool:
    return piece.index < (2 if piece.is_event else 1)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _lists(source_data: Path, kind: str, subset: str):
    return yaml.safe_load((source_data / "cv_setup" / f"{kind}_{subset}.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def source_data(tmp_path_factory) -> Path:
    return corpus.make_corpus(tmp_path_factory.mktemp("demo") / "demo", seed=7, num_jobs=2, selected=_few)


@pytest.fixture(scope="module")
def events(source_data) -> list[tuple[str, np.ndarray, int, int]]:
    """(class, samples, onset, offset) of every event made, boundaries in samples."""
    found = []
    for subset in ("devtrain", "devtest"):
        for name, entries in _lists(source_data, "events", subset).items():
            for entry in entries:
                samples, rate_hz = soundfile.read(source_data / "events" / name / entry["audio_filename"])
                onset, offset = (round(second * rate_hz) for second in entry["segment"])
                found.append((name, samples, onset, offset))
    return found


def _centroid_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(len(samples), 1 / 16000)) / np.sum(power))


def _level_db(samples: np.ndarray) -> float:
    return 20 * np.log10(max(signals.rms(samples), 1e-9))


def test_layout_lists_name_the_files_that_exist(source_data):
    listed = set()
    for subset in ("devtrain", "devtest"):
        found = _lists(source_data, "events", subset)
        assert set(found) == CLASSES
        for name, entries in found.items():
            listed |= {f"events/{name}/{entry['audio_filename']}" for entry in entries}
            assert all(0 <= entry["segment"][0] < entry["segment"][1] for entry in entries)
        listed |= {f"bgs/{entry['filepath']}" for entry in _lists(source_data, "bgs", subset)}
    present = {str(path.relative_to(source_data)) for path in source_data.rglob("*.flac")}
    assert listed == present


def test_full_plan_has_every_scene_and_enough_of_each_kind():
    plan = corpus.pieces(7)
    for subset, events, backgrounds in (("devtrain", 80, 90), ("devtest", 40, 45)):
        part = [piece for piece in plan if piece.subset == subset]
        assert {piece.kind for piece in part if not piece.is_event} == TUT_SCENES == set(scenes.SCENES)
        assert sum(not piece.is_event for piece in part) == backgrounds
        for name in CLASSES:
            assert sum(piece.kind == name for piece in part) == events
    assert len({(piece.folder, piece.filename) for piece in plan}) == len(plan)


def test_subsets_share_no_recording(source_data):
    def identities(subset):
        entries = [entry for part in _lists(source_data, "events", subset).values() for entry in part]
        return {entry["recording_id"] for entry in entries + _lists(source_data, "bgs", subset)}

    assert identities("devtrain").isdisjoint(identities("devtest"))
    drawn = {
        tuple(signals.generator(7, name, subset, "recording", number).random(4))
        for name in CLASSES
        for subset in ("devtrain", "devtest")
        for number in range(30)
    }
    assert len(drawn) == len(CLASSES) * 2 * 30


def test_every_event_differs(events):
    assert len({samples[onset:offset].tobytes() for _, samples, onset, offset in events}) == len(events)


def test_same_seed_same_bytes_whatever_the_number_of_processes(tmp_path, source_data):
    alone = _digests(corpus.make_corpus(tmp_path / "alone", seed=7, num_jobs=1, selected=_fewer))
    pair = _digests(corpus.make_corpus(tmp_path / "pair", seed=7, num_jobs=2, selected=_fewer))
    other = _digests(corpus.make_corpus(tmp_path / "other", seed=8, num_jobs=1, selected=_fewer))
    assert alone == pair
    audio = [name for name in alone if name.endswith(".flac")]
    assert audio and all(alone[name] != other[name] for name in audio)
    # A file does not depend on what else is made.
    more = _digests(source_data)
    assert all(alone[name] == more[name] for name in audio)


def test_segments_are_exact(events):
    for name, samples, onset, offset in events:
        event, peak = samples[onset:offset], np.abs(samples).max()
        loudest_db = 20 * np.log10(signals.moving_rms(event, 0.02).max())
        assert np.abs(event).max() == peak, name
        before, after = samples[max(0, onset - 1600) : onset], samples[offset : offset + 1600]
        assert _level_db(before) < 20 * np.log10(peak) - 50 and _level_db(after) < 20 * np.log10(peak) - 50, name
        assert max(_level_db(before), _level_db(after)) < loudest_db - 30, name
        assert np.abs(event[:80]).max() > 0.0099 * peak, f"{name}: nothing in the first 5 ms"
        assert len(before) >= 10 and len(samples) - offset >= 4800
        ending_db = _level_db(event[-640:])
        assert loudest_db - 52 < ending_db < loudest_db - 28, f"{name}: ends at {ending_db - loudest_db:.1f} dB"


def test_cut_event_finds_a_known_decay():
    """An exponential decay of 60 dB in 0.9 s, at 1 kHz, passes -40 dB after 0.6 s."""
    t = np.arange(16000) / 16000
    decay = np.r_[np.zeros(777), np.cos(2 * np.pi * 1000 * t) * 10 ** (-3 * t / 0.9)]
    event = corpus.cut_event(decay)
    assert event[0] == pytest.approx(1.0)
    assert len(event) % 16 == 0
    assert len(event) / 16000 == pytest.approx(0.6, abs=0.025)


def test_levels_no_clipping_no_dc_no_clicks_at_the_ends(source_data):
    peaks = []
    for path in sorted(source_data.rglob("*.flac")):
        information = soundfile.info(path)
        assert (information.samplerate, information.channels, information.subtype) == (16000, 1, "PCM_16")
        samples, _ = soundfile.read(path)
        peak = np.abs(samples).max()
        peaks.append(peak)
        assert 0.02 < peak < 0.96, path.name
        assert abs(samples.mean()) < 2e-3 * peak, path.name
        assert max(abs(samples[0]), abs(samples[-1])) < 1e-3, path.name
        if "bgs" in path.parts:
            assert information.frames == 480000
            assert -40 < _level_db(samples) < -20, path.name
    assert np.std(peaks) > 0.05


def test_cries_have_a_moving_harmonic_pitch(events):
    """The strongest autocorrelation within the pitch range is high, and where it lies moves between frames."""
    medians, spreads = [], []
    for _, samples, onset, offset in (event for event in events if event[0] == "babycry"):
        frames = [samples[at : at + 1024] * np.hanning(1024) for at in range(onset, offset - 1024, 400)]
        loud = max(map(signals.rms, frames))
        pitches, strengths = [], []
        for frame in (frame for frame in frames if signals.rms(frame) > 0.3 * loud):
            correlation = np.fft.irfft(np.abs(np.fft.rfft(frame, 2048)) ** 2)[:256]
            lag = 26 + int(np.argmax(correlation[26:80]))  # 200-615 Hz
            pitches.append(16000 / lag)
            strengths.append(correlation[lag] / correlation[0])
        medians.append(np.median(pitches))
        spreads.append(np.ptp(np.percentile(pitches, [10, 90])) / medians[-1])
        assert np.median(strengths) > 0.4
    assert 280 < np.median(medians) < 620 and np.ptp(medians) > 80
    assert np.median(spreads) > 0.05


def test_spectral_nature_of_the_classes(events):
    by_class = {name: [event for event in events if event[0] == name] for name in CLASSES}
    centroid_hz = {
        name: np.median([_centroid_hz(samples[onset:offset]) for _, samples, onset, offset in found])
        for name, found in by_class.items()
    }
    assert centroid_hz["glassbreak"] > 2800 and 700 < centroid_hz["babycry"] < 2200 and centroid_hz["gunshot"] < 1800
    for name in ("glassbreak", "gunshot"):  # impulsive: the loudest 20 ms come early
        places = [
            np.argmax(signals.moving_rms(samples[onset:offset], 0.02)) / 16000
            for _, samples, onset, offset in by_class[name]
        ]
        assert np.median(places) < 0.1
    lengths_s = {
        name: np.array([offset - onset for _, _, onset, offset in found]) / 16000 for name, found in by_class.items()
    }
    assert all(values.min() > 0.1 and values.max() < 10 for values in lengths_s.values())
    assert np.median(lengths_s["babycry"]) > np.median(lengths_s["glassbreak"])


def test_shot_tails_lose_their_treble_first(events):
    def balance(part):
        power = np.abs(np.fft.rfft(part)) ** 2
        return 10 * np.log10(power[len(power) // 2 :].sum() / power[: len(power) // 4].sum())

    single = [event for event in events if event[0] == "gunshot"]
    falls = [
        balance(samples[onset : onset + 1600]) - balance(samples[(onset + offset) // 2 : offset])
        for _, samples, onset, offset in single
    ]
    assert np.median(falls) > 3


def test_glottal_pulse_is_a_flow_derivative():
    """The flow returns to where it began: no net area; the steepest fall is -1; the closed phase is silent."""
    phase = np.arange(100000) / 100000
    pulse = voice.glottal_pulse(phase, 0.6, 0.7)
    assert abs(pulse.mean()) < 1e-4
    assert pulse.min() == pytest.approx(-1.0, abs=1e-3)
    assert np.all(pulse[phase >= 0.6] == 0)


def test_phonation_follows_its_pitch():
    rng = np.random.default_rng(0)
    sound = voice.phonate(rng, np.full(16000, 400.0), jitter=0.0, shimmer=0.0, breath=0.0)
    spectrum = np.abs(np.fft.rfft(sound))  # 1 Hz a bin
    harmonics = np.arange(400, 4001, 400)
    assert spectrum[harmonics].min() > 30 * np.median(spectrum[:4000])


def test_formants_stand_where_they_are_asked_for():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(64000)
    sound = voice.formant_filter(noise, np.array([[800.0, 2600.0]] * 2), np.array([80.0, 120.0]))
    spectrum = np.convolve(np.abs(np.fft.rfft(sound)) ** 2, np.ones(200) / 200, "same")
    frequencies = np.fft.rfftfreq(64000, 1 / 16000)
    for low, high, expected in ((400, 1500, 800), (1800, 3600, 2600)):
        inside = (frequencies > low) & (frequencies < high)
        assert frequencies[inside][np.argmax(spectrum[inside])] == pytest.approx(expected, abs=60)


@pytest.mark.parametrize(
    "make", [incidents.dishes, incidents.door, incidents.dog, incidents.laughter, incidents.songbird]
)
def test_distractors_are_finite_and_differ(make):
    first, second = (make(signals.generator(1, "x", index)) for index in range(2))
    assert np.isfinite(first).all() and np.abs(first).max() > 0
    assert len(first) != len(second) or not np.array_equal(first, second)


def test_scenes_have_textures_of_their_own(source_data):
    """Mean log spectra of the fifteen scenes differ from one another by more than a level."""
    shapes = {}
    for entry in _lists(source_data, "bgs", "devtrain"):
        samples, _ = soundfile.read(source_data / "bgs" / entry["filepath"])
        power = (np.abs(np.fft.rfft(samples[: 29 * 16000].reshape(-1, 1000), axis=1)) ** 2).mean(axis=0)
        shape = 10 * np.log10(power[1:] + 1e-12)
        shapes[entry["classname"]] = shape - shape.mean()
    assert set(shapes) == TUT_SCENES
    names = sorted(shapes)
    distances = [np.std(shapes[a] - shapes[b]) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert min(distances) > 0.5 and np.median(distances) > 3


def test_command_refuses_an_existing_corpus_and_leaves_no_temporary(tmp_path):
    (tmp_path / "demo" / "source_data").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, str(ROOT / "local" / "make_demo_corpus.py"), str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "exists already" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fails(piece):
        raise RuntimeError("no sound")

    monkeypatch.setattr(corpus, "make_event", fails)
    with pytest.raises(RuntimeError):
        corpus.make_corpus(tmp_path / "demo", num_jobs=1, selected=lambda piece: piece.is_event and piece.index == 0)
    assert list(tmp_path.iterdir()) == []
