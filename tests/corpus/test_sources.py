"""Lists of a corpus in the TUT layout: what is read, and what is said of each fault."""

import shutil

import pytest
import yaml

from pysed.corpus.sources import (
    check_class,
    check_mixable,
    corpus_classes,
    fingerprint,
    list_path,
    load_sources,
    order_classes,
)
from pysed.errors import DataError


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """A copy of the tiny corpus to damage."""
    return shutil.copytree(tiny_corpus, tmp_path / "tiny")


def change(corpus, kind, edit):
    path = list_path(corpus, kind, "devtrain")
    content = yaml.safe_load(path.read_text())
    edit(content)
    path.write_text(yaml.safe_dump(content))


def test_classes_stand_in_the_official_order():
    assert order_classes(["thunder", "gunshot", "applause", "babycry"]) == ["babycry", "gunshot", "applause", "thunder"]


def test_any_class_name_works(corpus):
    assert corpus_classes(corpus) == ["babycry", "knock"]
    sources = load_sources(corpus, "devtrain")
    assert len(sources.events["knock"]) == 5 and len(sources.backgrounds) == 5
    assert sources.events["knock"][0].recording == "devtrain_0.wav"


def test_unknown_class_names_the_known_and_the_near(corpus):
    with pytest.raises(DataError, match="no event class 'knok'; it has babycry, knock; did you mean 'knock'"):
        check_class(corpus, "knok")


@pytest.mark.parametrize(
    ("kind", "edit", "words"),
    [
        ("events", lambda c: c["knock"][1].update(segment=[1.0, 1.0]), "knock 2: offset 1 <= onset 1"),
        ("events", lambda c: c["knock"][0].update(segment="all"), "expected .start_s, end_s."),
        ("events", lambda c: c["knock"][0].pop("segment"), "entry 1: no 'segment'"),
        ("events", lambda c: c.update(knock=[]), "knock: no events"),
        ("events", lambda c: c["knock"][0].update(audio_filename="../../../x.wav"), "leads outside"),
        ("bgs", lambda c: c[2].pop("classname"), "entry 3: no 'classname'"),
        ("bgs", lambda c: c.clear(), "non-empty list"),
    ],
)
def test_faults_of_lists(corpus, kind, edit, words):
    change(corpus, kind, edit)
    with pytest.raises(DataError, match=words):
        load_sources(corpus, "devtrain")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "no such audio file"),
        (lambda path: path.write_bytes(b""), "empty file"),
        (lambda path: path.write_bytes(b"not audio at all"), "not readable as audio"),
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), "segment ends at|shorter than"),
    ],
)
@pytest.mark.parametrize("name", ["events/babycry/devtrain_3.wav", "bgs/audio/devtrain_1.wav"])
def test_faults_of_audio(corpus, damage, words, name):
    damage(corpus / "source_data" / name)
    with pytest.raises(DataError, match=words):
        check_mixable(load_sources(corpus, "devtrain"), "babycry", 30.0)


def test_event_longer_than_its_mixture(corpus):
    with pytest.raises(DataError, match="does not fit a mixture of 1 s"):
        check_mixable(load_sources(corpus, "devtrain"), "babycry", 1.0)


def test_fingerprint_follows_the_lists(corpus, tiny_corpus):
    assert fingerprint(corpus) == fingerprint(tiny_corpus)
    change(corpus, "bgs", lambda c: c[0].update(classname="tram"))
    assert fingerprint(corpus) != fingerprint(tiny_corpus)
    with pytest.raises(DataError, match="no source_data"):
        fingerprint(corpus / "source_data")
