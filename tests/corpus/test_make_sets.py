"""Mixtures as audio: ratio, anticlipping, annotation; and data directories, written and validated."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import yaml
from tiny_recipe import run_in, write_corpus

from pysed.corpus.make_sets import make_isolated, make_mixtures
from pysed.corpus.mixing import mix
from pysed.corpus.recipes import CorpusSettings
from pysed.datadir.directory import load_data_dir, validate_data_dir
from pysed.errors import DataError


@pytest.fixture(scope="module")
def mixed(tiny_corpus, tmp_path_factory):
    """Ten training mixtures of the tiny corpus, none varied."""
    out = tmp_path_factory.mktemp("mixed") / "devtrain"
    settings = replace(CorpusSettings.load(tiny_corpus / "corpus.yaml"), variation=0.0)
    make_mixtures(tiny_corpus, "babycry", "devtrain", settings, out)
    return out


@pytest.mark.parametrize("ebr_db", [-6.0, 0.0, 6.0])
def test_ratio_is_that_of_the_covered_part(ebr_db):
    rng = np.random.default_rng(1)
    background = rng.standard_normal(4000) * np.linspace(0.01, 0.2, 4000)  # its level moves: the covered part decides
    event = rng.standard_normal(500) * 0.3
    added = mix(background, event, 3000, ebr_db) / 0.2 - background
    assert np.allclose(np.delete(added, np.s_[3000:3500]), 0)
    powers = [np.sum(part[3000:3500] ** 2) for part in (added, background)]
    assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(ebr_db, abs=1e-9)


def test_everything_is_scaled_and_normalised_only_if_it_clips():
    background = np.full(100, 0.5)
    assert mix(background, None, 0, 0.0) == pytest.approx(0.1)
    loud = mix(background, np.r_[np.zeros(9), 1.0], 0, 40.0)
    assert loud.max() == pytest.approx(1.0)


def test_mixtures_measure_what_their_recipes_say(mixed, tiny_corpus):
    """Independently: the clean background is read again and taken off; what is left is the event at its place."""
    recipes = yaml.safe_load((mixed / "recipes.yaml").read_text())
    assert len(recipes) == 10 and sum(r["event"] is not None for r in recipes) == 5
    for recipe in recipes:
        samples, rate_hz = soundfile.read(mixed / "audio" / f"{recipe['name']}.wav")
        assert rate_hz == 16000 and len(samples) == 160000
        background, _ = soundfile.read(tiny_corpus / "source_data/bgs/audio" / recipe["background"]["path"])
        left = samples / 0.2 - background[: len(samples)]
        event = recipe["event"]
        if event is None:
            assert np.abs(left).max() < 1e-3
            continue
        first = int(event["offset_s"] * rate_hz)
        last = first + round((event["segment"][1] - event["segment"][0]) * rate_hz)
        ratio = np.sum(left[first:last] ** 2) / np.sum(background[first:last] ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(event["ebr_db"], abs=0.05)
        assert np.abs(np.r_[left[:first], left[last:]]).max() < 1e-3


def test_data_directory_names_the_events(mixed):
    utterances = load_data_dir(mixed)
    recipes = {r["name"]: r for r in yaml.safe_load((mixed / "recipes.yaml").read_text())}
    assert [u.name for u in utterances] == sorted(recipes)
    for utterance in utterances:
        event = recipes[utterance.name]["event"]
        assert utterance.scene == recipes[utterance.name]["background"]["scene"]
        assert utterance.split == recipes[utterance.name]["split"]
        if event is None:
            assert not utterance.events
        else:
            (onset_s, offset_s, label) = utterance.events[0]
            assert (onset_s, label) == (pytest.approx(event["offset_s"], abs=1e-5), "babycry")
            assert offset_s - onset_s == pytest.approx(event["segment"][1] - event["segment"][0], abs=1e-5)


def test_jobs_and_repetition_change_nothing(tiny_corpus, tmp_path):
    settings = CorpusSettings.load(tiny_corpus / "corpus.yaml")  # most of its mixtures are varied
    for nj in (1, 2):
        make_mixtures(tiny_corpus, "babycry", "devtrain", settings, tmp_path / f"{nj}", nj=nj)
    first, second = ({wav.name: wav.read_bytes() for wav in (tmp_path / nj / "audio").iterdir()} for nj in "12")
    assert len(first) == 10 and first == second


def test_other_rates_are_mixed_there_and_resampled_once(tmp_path):
    corpus = write_corpus(tmp_path / "cd", rate_hz=44100)
    settings = CorpusSettings({"devtest": 2})
    make_mixtures(corpus, "knock", "devtest", settings, tmp_path / "out")
    for utterance in load_data_dir(tmp_path / "out"):
        samples, rate_hz = soundfile.read(utterance.wav)
        assert rate_hz == 16000 and len(samples) == 480000 and utterance.duration_s == 30.0


def test_bare_events(tiny_corpus, tmp_path):
    assert make_isolated(tiny_corpus, "babycry", "devtest", tmp_path / "isolated") == 3
    for utterance in load_data_dir(tmp_path / "isolated"):
        samples, _ = soundfile.read(utterance.wav)
        assert len(samples) / 16000 == pytest.approx(utterance.duration_s)
        assert np.abs(samples).max() > 0.4 and utterance.events[0][2] == "babycry"


def test_a_failed_mix_leaves_what_was_there(tiny_corpus, tmp_path):
    out = tmp_path / "devtrain"
    settings = CorpusSettings.load(tiny_corpus / "corpus.yaml")
    with pytest.raises(DataError, match="no event class"):
        make_mixtures(tiny_corpus, "thunder", "devtrain", settings, out)
    assert list(tmp_path.iterdir()) == []


def damaged(mixed, tmp_path, name, edit):
    for path in mixed.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / name).read_text().splitlines()
    (tmp_path / name).write_text("\n".join(edit(lines)) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "edit", "words"),
    [
        ("wav.scp", lambda x: x[::-1], "wav.scp:2: .* is out of order"),
        ("wav.scp", lambda x: [x[0], *x], "wav.scp:2: .* stands twice"),
        ("wav.scp", lambda x: [*x, "zzz"], "wav.scp:11: 'zzz'; expected a name and a value"),
        ("wav.scp", lambda x: [f"{line}x" for line in x], "wav.scp:1: .*missing or empty"),
        ("reco2dur", lambda x: x[1:], "reco2dur: no line for"),
        ("reco2dur", lambda x: [f"{x[0].split()[0]} 0", *x[1:]], "expected more than 0 s"),
        ("events.tsv", lambda x: [x[0] + "\tmore"], "events.tsv:1: 5 fields"),
        ("events.tsv", lambda x: [x[0], x[1].split("\t")[0] + "\t3\t3\tbabycry"], "events.tsv:2: offset 3 <= onset 3"),
        ("events.tsv", lambda x: [x[0].split("\t")[0] + "\t3\t33\tbabycry"], "past the recording's end"),
        ("events.tsv", lambda x: ["nobody\t3\t4\tbabycry"], "nobody: no such recording"),
        ("utt2split", lambda x: x[:-1], "utt2split: no line for"),
    ],
)
def test_faults_of_data_directories(mixed, tmp_path, name, edit, words):
    with pytest.raises(DataError, match=words):
        validate_data_dir(damaged(mixed, tmp_path, name, edit))


def test_command_says_one_line_and_exits_2(root, tiny_corpus, tmp_path):
    done = run_in(
        root, "pysed", "corpus", "mix", "--source", tiny_corpus, "--event", "babycri", "--subset", "devtest", "--out",
        tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "babycry" in done.stderr
    assert not (tmp_path / "out").exists()
