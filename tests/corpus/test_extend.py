"""A corpus extended by labels of a review page, on hand-made archives."""

import shutil

import numpy as np
import pytest
import soundfile
import yaml

from pysed.cli import main
from pysed.corpus.extend import stretch_around
from pysed.corpus.make_sets import make_mixtures
from pysed.corpus.own import OwnSettings, make_own
from pysed.corpus.recipes import CorpusSettings
from pysed.corpus.reviewed import COLUMNS, read_reviewed
from pysed.corpus.sources import check_mixable, load_sources
from pysed.errors import DataError

RATE_HZ = 8000
HEAD = "\t".join(COLUMNS) + "\n"


def noise(seconds, seed):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) / 30


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three clips of a class and three backgrounds, by ``corpus own``."""
    folder = tmp_path_factory.mktemp("made")
    for kind in ("clips/bell", "places"):
        (folder / kind).mkdir(parents=True)
    for index in range(3):
        clip = np.append(noise(1 + index / 10, index), np.zeros(RATE_HZ))
        soundfile.write(folder / f"clips/bell/{index}.wav", clip, RATE_HZ)
        soundfile.write(folder / f"places/{index}.wav", noise(31, 10 + index), RATE_HZ)
    make_own(folder / "clips", folder / "places", folder / "own", settings=OwnSettings(level_db=60))
    return folder / "own"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    (folder / "night").mkdir()
    for index, (name, seconds) in enumerate({"night/a": 100, "b": 70, "short": 12, "ü ,": 40}.items()):
        soundfile.write(folder / f"{name}.wav", noise(seconds, 20 + index), RATE_HZ)
    return folder


def labels(path, *rows):
    """decision, name, onset, offset, label[, detected onset, detected offset]."""
    text = HEAD
    for decision, name, onset, offset, label, *detected in rows:
        start, end = detected or (onset, offset)
        text += f"{decision}\t{name}\t{onset}\t{offset}\t{label}\t{start}\t{end}\t0.9\n"
    path.write_text(text, encoding="utf-8")
    return path


def extend(corpus, archive, out, *files, options=()):
    return main(["corpus", "extend", str(corpus), "--labels", *map(str, files), "--audio", str(archive),
                 "--out", str(out), *options])  # fmt: skip


def added(corpus, out):
    """Entries of both lists of a subset that the corpus did not have."""
    found = {}
    for subset in ("devtrain", "devtest"):
        before, after = load_sources(corpus, subset), load_sources(out, subset)
        old = [each.entry for each in [*before.events["bell"], *before.backgrounds]]
        found[subset] = (
            [each for each in after.events["bell"] if each.entry not in old],
            [each for each in after.backgrounds if each.entry not in old],
        )
        assert len(after.events["bell"]) + len(after.backgrounds) == len(old) + sum(map(len, found[subset]))
    return found


@pytest.mark.parametrize(
    "span, clear, length, wanted",
    [
        ((50, 52), [], 100, (36, 66)),
        ((1, 2), [], 100, (0, 30)),
        ((98, 100), [], 100, (70, 100)),
        ((50, 52), [(40, 45)], 100, (45.5, 75.5)),
        ((50, 52), [(60, 61)], 100, (29.5, 59.5)),
        ((50, 52), [(40, 45), (60, 61)], 100, None),  # 14 s free
        ((50, 52), [(51, 53)], 100, None),
        ((50, 52), [(52.2, 53)], 100, None),  # too near
        ((50, 52), [(49, 49.8)], 100, None),
        ((1, 2), [], 29.9, None),
        ((0, 29), [], 30.0004, (0, 30)),
        ((10, 60), [], 100, (20, 50)),  # longer than a background: its middle
        ((10, 60), [(60.2, 61)], 100, (20, 50)),
        ((0, 40), [(40.1, 41)], 41, (5, 35)),
    ],
)
def test_stretch_around_a_rejected_detection(span, clear, length, wanted):
    assert stretch_around(span, clear, length, 30.0) == (wanted and pytest.approx(wanted))


def test_accepted_become_events_and_rejected_become_backgrounds(corpus, archive, tmp_path, capsys):
    files = labels(
        tmp_path / "labels.tsv",
        ("accepted", "night/a.wav", 10.0, 11.5, "bell", 9.9, 11.0), ("rejected", "night/a.wav", 60.0, 61.0, "bell"),
        ("rejected", "night/a.wav", 62.0, 63.0, "bell"), ("undecided", "b.wav", 1, 2, "bell"),
        ("rejected", "b.wav", 68.0, 69.5, "bell"), ("accepted", "ü ,.wav", 39.0, 40.0, "bell"),
    )  # fmt: skip
    before = {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    assert extend(corpus, archive, tmp_path / "new", files) == 0
    assert "devtrain: events added: 2 bell; hard negatives added: 2; recordings: 3" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()} == before
    found = added(corpus, tmp_path / "new")
    assert found["devtest"] == ([], [])
    events, backgrounds = found["devtrain"]
    assert [(each.recording, each.length_s) for each in events] == [("night/a.wav", 1.5), ("ü ,.wav", 1.0)]
    whole = soundfile.read(archive / "night/a.wav", dtype="int16")[0]
    cut, rate_hz = soundfile.read(events[0].path, dtype="int16")
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(
        cut[round(events[0].onset_s * RATE_HZ) : round(events[0].offset_s * RATE_HZ)], whole[80000:92000]
    )
    assert [(each.recording, each.scene) for each in backgrounds] == [("night/a.wav", "archive"), ("b.wav", "archive")]
    np.testing.assert_array_equal(
        soundfile.read(backgrounds[0].path, dtype="int16")[0], whole[round(45.5 * RATE_HZ) : round(75.5 * RATE_HZ)]
    )
    cut_from = events[0].entry["cut_from"]
    assert cut_from["file"] == "night/a.wav" and cut_from["segment"] == [10.0, 11.5]
    assert cut_from["detected"] == [9.9, 11.0] and cut_from["labelled_in"] == f"{files}:2"
    assert [each["detected"] for each in backgrounds[0].entry["cut_from"]["rejected"]] == [[60.0, 61.0], [62.0, 63.0]]
    for subset in ("devtrain", "devtest"):
        check_mixable(load_sources(tmp_path / "new", subset), "bell", 30.0)
    settings = CorpusSettings(mixtures={"devtrain": 60}, validation_fraction=0.2)
    make_mixtures(tmp_path / "new", "bell", "devtrain", settings, tmp_path / "data/devtrain")
    recipes = yaml.safe_load((tmp_path / "data/devtrain/recipes.yaml").read_text(encoding="utf-8"))
    assert {each.path.name for each in backgrounds} <= {each["background"]["path"] for each in recipes}
    assert {each.path.name for each in events} <= {each["event"]["path"] for each in recipes if each["event"]}


def test_hard_negatives_hold_nothing_accepted_or_undecided(corpus, archive, tmp_path):
    random = np.random.default_rng(0)
    onsets = np.sort(random.uniform(0, 98, 14)).round(2)
    decisions = random.choice(["accepted", "rejected", "rejected", "undecided"], 14)
    rows = [(what, "night/a.wav", at, round(at + 0.5, 2), "bell") for what, at in zip(decisions, onsets, strict=True)]
    file = labels(tmp_path / "labels.tsv", *rows)
    extend(corpus, archive, tmp_path / "new", file, options=["--duration-s", "6"])
    backgrounds = added(corpus, tmp_path / "new")["devtrain"][1]
    assert backgrounds
    for each in backgrounds:
        start, end = each.entry["cut_from"]["segment"]
        assert end - start == pytest.approx(6)
        inside = [row for row in rows if row[2] < end and start < row[3]]
        assert inside and {row[0] for row in inside} == {"rejected"}


def test_what_cannot_be_used_is_named_and_counted(corpus, archive, tmp_path, capsys):
    shutil.copy(archive / "b.wav", tmp_path / "rest.wav")
    (archive / "broken.wav").write_bytes(b"no audio")
    file = labels(
        tmp_path / "labels.tsv",
        ("accepted", "b.wav", 5, 6, "bell"), ("accepted", "b.wav", 5.5, 7, "bell", 5.6, 7),
        ("accepted", "b.wav", 1, 2, "cat"),
        ("accepted", "b.wav", 69.5, 70.5, "bell"), ("accepted", "b.wav", 10, 45, "bell"),
        ("rejected", "short.wav", 1, 2, "bell"), ("rejected", "b.wav", 6.1, 6.4, "bell"),
        ("accepted", "gone.wav", 1, 2, "bell"), ("rejected", "broken.wav", 1, 2, "bell"),
    )  # fmt: skip
    assert extend(corpus, archive, tmp_path / "new", file) == 3
    said = capsys.readouterr().err
    (archive / "broken.wav").unlink()
    for text in (
        "1 left out: overlaps another event of its class (b.wav at 5.5 s)", "1 left out: the corpus has no class cat",
        "1 left out: not inside the recording (b.wav at 69.5 s)",
        "1 left out: an event of 30 s or more does not fit a mixture",
        "2 left out: no 30 s around it without an event or an undecided detection (b.wav at 6.1 s, short.wav at 1 s)",
        "gone.wav: no such recording; give its folder by --audio (1 labels left out)", "broken.wav",
    ):  # fmt: skip
        assert text in said
    assert len(added(corpus, tmp_path / "new")["devtrain"][0]) == 1


def test_recordings_stay_in_one_subset_in_every_round(corpus, archive, tmp_path):
    first = labels(
        tmp_path / "1.tsv", *(("accepted", name, 5, 6, "bell") for name in ("night/a.wav", "b.wav", "ü ,.wav"))
    )
    assert extend(corpus, archive, tmp_path / "one", first, options=["--test-fraction", "0.4"]) == 0
    found = added(corpus, tmp_path / "one")
    where = {each.recording: subset for subset in found for each in found[subset][0]}
    assert sorted(where.values()) == ["devtest", "devtrain", "devtrain"]
    second = labels(tmp_path / "2.tsv", *(("rejected", name, 20, 21, "bell") for name in where))
    assert extend(tmp_path / "one", archive, tmp_path / "two", first, second) == 0
    for subset, (events, backgrounds) in added(tmp_path / "one", tmp_path / "two").items():
        assert events == [], "the first round's events are there already"
        assert {each.recording for each in backgrounds} == {name for name, place in where.items() if place == subset}


def test_a_recording_of_the_corpus_is_known_by_its_audio(corpus, archive, tmp_path):
    tested = load_sources(corpus, "devtest").events["bell"][0].path
    shutil.copy(tested, archive / "copy.wav")
    file = labels(tmp_path / "1.tsv", ("accepted", "copy.wav", 1.4, 1.9, "bell"))
    assert extend(corpus, archive, tmp_path / "new", file) == 0
    (archive / "copy.wav").unlink()
    found = added(corpus, tmp_path / "new")
    assert found["devtrain"] == ([], []) and len(found["devtest"][0]) == 1


def test_bad_use_is_one_line_and_leaves_nothing(corpus, archive, tmp_path, capsys):
    good = labels(tmp_path / "good.tsv", ("accepted", "b.wav", 5, 6, "bell"))
    (tmp_path / "list.tsv").write_text("filename\tonset\toffset\tevent_label\nb.wav\t5\t6\tbell\n")
    cases = {
        "list.tsv:1: expected the head": [tmp_path / "list.tsv"],
        "nothing to add": [labels(tmp_path / "none.tsv", ("undecided", "b.wav", 5, 6, "bell"))],
        "decision 'maybe'": [labels(tmp_path / "maybe.tsv", ("maybe", "b.wav", 5, 6, "bell"))],
        "offset at or before onset": [labels(tmp_path / "late.tsv", ("accepted", "b.wav", 6, 5, "bell"))],
        "time 'nan'": [labels(tmp_path / "nan.tsv", ("accepted", "b.wav", "nan", 5, "bell"))],
        "good.tsv:2; remove one row": [good, labels(tmp_path / "other.tsv", ("rejected", "b.wav", 5, 6, "bell"))],
    }
    for said, files in cases.items():
        assert extend(corpus, archive, tmp_path / "new", *files) == 2, said
        error = capsys.readouterr().err
        assert said in error or said == "time 'nan'" and "time nan" in error
        assert len(error.strip().splitlines()) == 1
    assert extend(corpus, archive, corpus / "inside", good) == 2
    assert extend(corpus, archive, archive, good) == 2
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".*.tmp"))


def test_a_decision_comes_before_none(tmp_path):
    one = labels(tmp_path / "1.tsv", ("undecided", "b.wav", 5, 6, "bell"), ("accepted", "b.wav", 7, 8, "bell"))
    two = labels(tmp_path / "2.tsv", ("rejected", "b.wav", 5, 6, "bell"), ("undecided", "b.wav", 7, 8, "bell"))
    for files in ([one, two], [two, one]):
        assert {row.onset_s: row.decision for row in read_reviewed(files)} == {5: "rejected", 7: "accepted"}
    with pytest.raises(DataError, match="accepted at 7.5 to 8 s"):
        read_reviewed([one, labels(tmp_path / "3.tsv", ("accepted", "b.wav", 7.5, 8, "bell", 7, 8))])
