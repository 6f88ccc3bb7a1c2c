"""Official mixtures: names that were published, digests of the original synthesizer's output, the split, ready sets.

The digests were made by running the original synthesizer (github.com/TUT-ARG/TUT_Rare_sound_events_mixture_synthesizer,
its patcher too) on the look-alike of ``lookalike.write_source`` with 12 mixtures a class; every recipe, event list
and sample was equal.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from lookalike import CLASSES, SCREENED, write_evaluation, write_source

from pysed.corpus import official, official_build
from pysed.corpus.recipes import CorpusSettings
from pysed.corpus.sources import Background, EventClip, Sources, background_recording, load_sources
from pysed.datadir.directory import load_data_dir, validate_data_dir
from pysed.errors import DataError

SETTINGS = CorpusSettings({"devtrain": 12, "devtest": 12}, validation_fraction=0.1, official=True)
ANNOTATIONS = {
    "devtrain_babycry": "0da2837d7acf63bc9d2f37031707d4c2ce6886207aa48558aceddb76ff5e5b5e",
    "devtrain_glassbreak": "8da3434ed85ab97dbbfa38b80d33238f162433532f8d75caee078cb22d556440",
    "devtrain_gunshot": "e531324fed9fc615ca25a9b4adde73481118450baef5fc9a378fa393723bb8ce",
    "devtest_babycry": "a6da0f8a8c4ee50813641550e0a22bc2d60aa9f8c30b72491a65973a5a9e5dbf",
    "devtest_glassbreak": "a44c5d6a23f58292cb77631a60f858ea705adef29b4b960cc2b7e469834ce6f8",
    "devtest_gunshot": "964fe37349cee9a116f37b9376eb5f920143258d09cce942875e66870a216d9c",
}
SAMPLES = {1: "2739bdfaab755340", 0: "05c5543505d0cd2d"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_evaluation(write_source(tmp_path_factory.mktemp("tut") / "tut2017"))


def test_published_hashes_come_out():
    """The official parameters' folder, and the names of two published mixtures without an event."""
    assert official.parameter_hash(CorpusSettings({}), 500) == "20b255387a2d0cddc0a3dff5014875e7"
    assert official.parameter_hash(CorpusSettings({}, seed=13), 500) == "bbb81504db15a03680a0044474633b67"
    for subset, index, file, scene, digest in (
        ("devtrain", 66, "a012_30_60", "residential_area", "71268bdc57bb18f02637aeb63ae1ce00"),
        ("devtest", 161, "a131_210_240", "city_center", "48703813b6307ecd546ad49af284628a"),
    ):
        entry = {"filepath": f"audio/{file}.wav", "classname": scene}
        background = Background(Path(file), scene, file, entry)
        mixture = official.OfficialMixture(index, subset, "babycry", background, None, None, None)
        recipe = official.recipe_of(mixture)
        assert recipe["annotation_string"] == f"mixture_{subset}_babycry_{index:03d}_{digest}.wav"


def test_recipes_are_those_of_the_original_synthesizer(corpus):
    for subset in ("devtrain", "devtest"):
        sources = load_sources(corpus, subset)
        for label in CLASSES:
            mixtures = official.official_mixtures(sources, label, SETTINGS, 12)
            rows = [official.recipe_of(mixture)["annotation_string"] for mixture in mixtures]
            assert hashlib.sha256("\n".join(rows).encode()).hexdigest() == ANNOTATIONS[f"{subset}_{label}"]


def test_samples_are_those_of_the_original_synthesizer(corpus, tmp_path):
    """One mixture with and one without an event, as 24-bit samples."""
    digests = {}
    mixtures = official.official_mixtures(load_sources(corpus, "devtest"), "babycry", SETTINGS, 12)
    for present in (True, False):
        mixture = next(m for m in mixtures if (m.event is not None) == present)
        samples = official.render_official(mixture, official.recipe_of(mixture))
        soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="PCM_24")
        written = soundfile.read(tmp_path / "a.wav", dtype="int32")[0]
        digests[mixture.index] = hashlib.sha256(written.tobytes()).hexdigest()[:16]
    assert digests == SAMPLES


def test_the_patch_drops_what_is_screened_and_validation_shares_no_recording(corpus, tmp_path):
    out = tmp_path / "devtrain"
    settings = CorpusSettings({"devtrain": 30}, validation_fraction=0.1, official=True)
    for label in ("babycry", "gunshot"):
        count = official_build.make_official(corpus, label, "devtrain", settings, out, nj=1)
        recipes = yaml.safe_load((out / "official_recipes.yaml").read_text())["mixtures"]
        plain = yaml.safe_load((out / "recipes.yaml").read_text())
        assert len(plain) == count and {"name", "split", "background", "event"} <= set(plain[0])
        parts: dict[str, list[dict]] = {}
        for recipe in recipes:
            parts.setdefault(recipe["part"], []).append(recipe)
        utterances = validate_data_dir(out) and load_data_dir(out)
        assert len(parts["valid"]) == 3 and len(utterances) == count == len(parts["train"]) + len(parts["valid"])
        assert {u.split for u in utterances} == {"train", "valid"} and len(recipes) == 33
        used = {}
        for split in ("train", "valid"):
            used[split] = {background_recording(r["bg_path"]) for r in parts[split]}
            used[split] |= {r["event_path"] for r in parts[split] if r["event_present"]}
        assert not used["train"] & used["valid"]
        if label == "babycry":
            assert parts["dropped"] and {r["bg_path"] for r in parts["dropped"]} == {f"audio/{SCREENED}"}
        assert all(f"audio/{SCREENED}" != r["bg_path"] for r in parts["train"] + parts["valid"]) or label != "babycry"
        listed = [row.split("\t")[0] for row in (out / "event_list.csv").read_text().splitlines()]
        assert len(listed) == 30 - sum(r in recipes[:30] for r in parts.get("dropped", []))


def test_the_whole_test_subset_stays(corpus, tmp_path):
    settings = CorpusSettings({"devtest": 4}, official=True)
    assert official_build.make_official(corpus, "gunshot", "devtest", settings, tmp_path / "out") == 4
    utterances = load_data_dir(tmp_path / "out")
    assert sum(bool(u.events) for u in utterances) == 2 and {u.duration_s for u in utterances} == {30.0}
    samples, rate_hz = soundfile.read(utterances[0].wav)
    assert rate_hz == 16000 and samples.shape == (480000,)


def published_like(digest_of_66: bool) -> list:
    """500 mixtures of lists that are the published ones as far as the patch looks, or are not."""
    scene = "residential_area" if digest_of_66 else "home"
    background = Background(Path("x"), scene, "x", {"filepath": "audio/a012_30_60.wav", "classname": scene})
    return [official.OfficialMixture(i, "devtrain", "babycry", background, None, None, None) for i in range(500)]


def test_without_screening_only_the_published_lists_lose_the_published_thirteen(tmp_path):
    settings = CorpusSettings({}, official=True)
    found = official.dropped_by_patch(tmp_path, published_like(True), settings)
    assert found == {66, 67, 99, 145, 152, 164, 216, 332, 392}
    assert len(found) + len(official.PUBLISHED["devtest"]) == 13
    assert official.dropped_by_patch(tmp_path, published_like(False), settings) == set()


def test_faults_are_named(corpus, tmp_path):
    sources = load_sources(corpus, "devtest")
    with pytest.raises(DataError, match="knock: not an official class"):
        official.official_mixtures(sources, "knock", SETTINGS, 4)
    with pytest.raises(DataError, match="variation"):
        official_build.make_official(corpus, "babycry", "devtest", CorpusSettings({}, variation=0.5), tmp_path / "x")
    clip = EventClip("babycry", Path("e.wav"), 0.0, 1.0, "e", {})
    with pytest.raises(DataError, match="no class glassbreak"):
        one = Sources("devtest", {"babycry": [clip]}, sources.backgrounds)
        official.official_mixtures(one, "gunshot", SETTINGS, 4)


def test_a_ready_made_set_is_used_as_it_is_with_its_first_row(corpus, tmp_path):
    assert official_build.make_ready(corpus, "babycry", "evaltest", tmp_path / "evaltest") == 2
    without, present = sorted(load_data_dir(tmp_path / "evaltest"), key=lambda u: len(u.events))
    assert not without.events and present.events == ((4.25, 5.5, "babycry"),)
    source = next((corpus / "mixture_data/evaltest").glob(f"*/audio/{present.name}.wav"))
    length = soundfile.info(str(source)).frames
    assert present.duration_s == pytest.approx(length / 44100) and np.abs(soundfile.read(present.wav)[0]).max() > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.wav\t1\t2\tbabycry\na.wav\n", ":2: 'a.wav'; expected the name of a file, each once"),
        ("a.wav\t2\t1\tbabycry\n", ":1: .*expected 0 <= onset < offset"),
        ("a.wav\t1\t2\tgunshot\n", "the label babycry"),
        ("a.wav\t1\n", "expected file, onset, offset, label"),
        ("../a.wav\n", "expected the name of a file"),
        ("\n", "empty"),
    ],
)
def test_faults_of_event_lists(tmp_path, text, words):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        official_build.read_event_list(tmp_path / "list.csv", "babycry")
