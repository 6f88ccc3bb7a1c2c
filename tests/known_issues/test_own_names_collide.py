"""``pysed corpus own``: ``a/x.wav`` and ``a__x.wav`` became one file, and files of one name in different folders one
recording; copies of one audio could stand in training and test."""

import numpy as np
import pytest
import soundfile
import yaml

from pysed.corpus.own import OwnSettings, make_own
from pysed.corpus.own_recordings import flat_names, recording_of, recording_pattern
from pysed.corpus.sources import load_sources
from pysed.errors import DataError

RATE_HZ = 8000


def clip(number: int) -> np.ndarray:
    """A tone told from others by its pitch."""
    return 0.5 * np.sin(2 * np.pi * (300 + 50 * number) * np.arange(RATE_HZ // 2) / RATE_HZ)


@pytest.fixture
def write(tmp_path):
    """Write clip ``number`` under a path."""

    def write(name: str, number: int) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.rint(32767 * clip(number)).astype(np.int16), RATE_HZ)

    random = np.random.default_rng(0)
    for index in range(3):
        (tmp_path / f"places/p{index}").mkdir(parents=True)
        soundfile.write(tmp_path / f"places/p{index}/001.wav", random.normal(0, 0.01, 3 * RATE_HZ), RATE_HZ)
    return write


def make(tmp_path, labels=None, **settings) -> tuple[dict[str, list], list[str]]:
    """(subset → events of the corpus, lines for people)."""
    settings = OwnSettings(segment_s=3.0, **settings)
    lines = make_own(tmp_path / "clips", tmp_path / "places", tmp_path / "own", labels, settings)
    return {subset: load_sources(tmp_path / "own", subset) for subset in ("devtrain", "devtest")}, lines


def test_every_clip_keeps_its_own_audio(tmp_path, write):
    names = ("a/x.wav", "a__x.wav", "a__x-2.wav", "a/b/x.wav", "a/b__x.wav", "a__b/x.wav", "y.wav")
    for number, name in enumerate(names):
        write(f"clips/bell/{name}", number)
    subsets, _ = make(tmp_path)
    events = [event for sources in subsets.values() for event in sources.events["bell"]]
    assert len(events) == len({event.path for event in events}) == len({event.recording for event in events}) == 7
    assert len(list((tmp_path / "own/source_data/events/bell").iterdir())) == 7
    for event in events:
        number = names.index(event.recording.removeprefix("bell/"))
        np.testing.assert_allclose(soundfile.read(event.path)[0], clip(number), atol=1e-4)


def test_backgrounds_of_one_name_are_recordings_of_their_own(tmp_path, write):
    for number in range(3):
        write(f"clips/bell/{number}.wav", number)
    subsets, _ = make(tmp_path)
    places = [{b.recording for b in sources.backgrounds} for sources in subsets.values()]
    assert places[0] | places[1] == {f"p{index}/001.wav" for index in range(3)} and not places[0] & places[1]


def test_files_of_one_name_in_different_folders_are_different_recordings(tmp_path, write):
    for number in range(6):
        write(f"clips/bell/r{number}/001.wav", number)
        write(f"clips/knock/r{number}/001.wav", 10 + number)
    subsets, _ = make(tmp_path)
    for label in ("bell", "knock"):
        found = [{event.recording for event in sources.events[label]} for sources in subsets.values()]
        assert [len(each) for each in found] == [4, 2]
        assert found[0] | found[1] == {f"{label}/r{number}/001.wav" for number in range(6)}


def test_the_same_audio_under_two_names_stays_in_one_subset(tmp_path, write):
    """Whatever the seed of the split; lossless copies in another format count too."""
    for number in range(4):
        for name in (f"{number}.wav", f"copies/copy{number}.flac"):
            write(f"clips/bell/{name}", number)
    for seed in range(5):
        subsets, lines = make(tmp_path, seed=seed)
        tones = []
        for sources in subsets.values():
            tones.append({tuple(np.round(soundfile.read(e.path)[0], 3)) for e in sources.events["bell"]})
        assert len(tones[0]) == 3 and len(tones[1]) == 1 and not tones[0] & tones[1]
        assert sum("hold the same audio" in line for line in lines) == 4
        (tmp_path / "own").rename(tmp_path / f"own{seed}")


def test_only_copies_are_too_few(tmp_path, write):
    for number in range(5):
        write(f"clips/bell/{number}.wav", 1)
    with pytest.raises(DataError, match="bell: 1 recordings; expected at least 3 of different audio"):
        make(tmp_path)


def test_a_clip_among_the_backgrounds_is_refused(tmp_path, write):
    for number in range(3):
        write(f"clips/bell/{number}.wav", number)
    (tmp_path / "places/q.wav").write_bytes((tmp_path / "clips/bell/1.wav").read_bytes())
    with pytest.raises(DataError, match=r"q\.wav: the same audio as .*bell/1\.wav"):
        make(tmp_path)


def test_a_labelled_file_named_in_two_ways_is_one(tmp_path, write):
    for number in range(4):
        write(f"clips/day/{number}.wav", number)
    rows = [f"day/{number}.wav\t0.1\t0.2\tbell" for number in range(4)]
    rows += ["./day/0.wav\t0.1\t0.2\tbell", "day/../day/0.wav\t0.3\t0.4\tbell"]
    (tmp_path / "labels.tsv").write_text("\n".join(rows) + "\n")
    subsets, _ = make(tmp_path, tmp_path / "labels.tsv")
    events = [event for sources in subsets.values() for event in sources.events["bell"]]
    assert len(events) == 5 and {e.recording for e in events} == {f"day/{number}.wav" for number in range(4)}
    assert len(list((tmp_path / "own/source_data/events/bell").iterdir())) == 4


def test_names_are_injective_and_fit_a_file_system():
    names = [
        "x.wav",
        "a/x.wav",
        "a__x.wav",
        "a__x-2.wav",
        "a/x-2.wav",
        "noext",
        *(f"{'d' * 99}/" * 4 + s for s in "pq"),
    ]
    flat = flat_names(names)
    assert len(set(flat.values())) == len(names)
    assert all("/" not in name and len(name.encode()) <= 210 for name in flat.values())
    assert flat["a__x.wav"] == "a__x.wav" and flat["a/x.wav"] == "a__x-3.wav"


def test_what_a_pattern_is_matched_with():
    by_name, by_path = recording_pattern("(.*)_"), recording_pattern("(.*)/")
    assert recording_of("bell/a_1.wav", by_name) == recording_of("knock/a_2.wav", by_name) == "a"
    assert recording_of("bell/r0/001.wav", by_path) == "bell/r0"
    assert recording_of("bell/x.wav", by_name) == recording_of("bell/x.wav", None) == "bell/x.wav"


def test_the_lists_of_a_corpus_name_what_is_there(tmp_path, write):
    for number in range(4):
        write(f"clips/bell/{number}/x.wav", number)
    make(tmp_path)
    source = tmp_path / "own/source_data"
    listed = []
    for subset in ("devtrain", "devtest"):
        rows = yaml.safe_load((source / f"cv_setup/events_{subset}.yaml").read_text())["bell"]
        listed += [row["audio_filename"] for row in rows]
    assert sorted(listed) == sorted(path.name for path in (source / "events/bell").iterdir())
