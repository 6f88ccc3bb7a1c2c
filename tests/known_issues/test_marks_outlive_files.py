"""Outputs deleted, cut short or edited, inputs edited in place: "up to date" all the same."""

import os
import shutil

import pytest
import soundfile
from hand_made import contents, data_directory, times
from tiny_recipe import run_in

MADE = ("feats_*.ark", "feats_*.scp")


@pytest.fixture(scope="module")
def features(recipe, tiny_corpus, tmp_path_factory):
    """A data directory whose features are whole, as every test leaves it, and a function that makes them."""
    data = data_directory(tmp_path_factory.mktemp("marks") / "data", tiny_corpus)

    def stage():
        return run_in(recipe, "steps/make_sed_feats.sh", "--nj", 2, data, "logmel40", check=True).stdout

    assert "2 recordings" in stage()
    return data, stage


@pytest.mark.parametrize("harm", ["delete", "cut", "edit", "empty"])
@pytest.mark.parametrize("name", ["feats_logmel40/feats_logmel40.2.ark", "feats_logmel40.scp"])
def test_an_output_that_is_not_whole_is_made_again(features, name, harm):
    data, stage = features
    whole = contents(data, *MADE)
    path = data / name
    content = path.read_bytes()
    if harm == "delete":
        path.unlink()
    else:
        changed = content[:-1] if harm == "cut" else b"" if harm == "empty" else content[:-1] + b"?"
        path.write_bytes(changed)
    assert name in stage()
    assert contents(data, *MADE) == whole and "up to date" in stage()


def test_audio_edited_in_place_is_noticed_and_touched_is_not(features):
    data, stage = features
    wav, before = data / "audio/r1.wav", times(data, *MADE)
    os.utime(wav)
    os.utime(data / "feats_logmel40.scp", ns=(1, 1))
    assert "up to date" in stage() and "up to date" in stage()
    made = contents(data, *MADE)
    samples, rate_hz = soundfile.read(wav)
    stat = wav.stat()
    soundfile.write(wav, samples[::-1], rate_hz)
    assert wav.stat().st_size == stat.st_size
    assert "up to date" not in stage()
    assert contents(data, *MADE) != made and before != times(data, *MADE)


def test_sources_of_mixtures_edited_in_place(recipe, tiny_corpus, tmp_path):
    corpus, out = tmp_path / "tiny", tmp_path / "out"
    shutil.copytree(tiny_corpus, corpus)
    line = ("steps/make_mixtures.sh", "--nj", 1, "--config", corpus / "corpus.yaml", corpus, "knock", out)
    run_in(recipe, *line, check=True)
    for path in (corpus / "source_data").rglob("*.wav"):
        os.utime(path)
    settings = (corpus / "corpus.yaml").read_text()
    (corpus / "corpus.yaml").write_text(f"# a comment\n{settings}")
    assert run_in(recipe, *line, check=True).stdout.count("up to date") == 4
    wav = corpus / "source_data/events/knock/devtest_1.wav"
    samples, rate_hz = soundfile.read(wav)
    soundfile.write(wav, samples[::-1], rate_hz)
    said = run_in(recipe, *line, check=True).stdout.splitlines()
    assert [line.split()[1].split("/")[-1] for line in said if "up to date" in line] == [
        "devtrain:",
        "isolated_devtrain:",
    ]
    assert run_in(recipe, *line, check=True).stdout.count("up to date") == 4
    os.remove(next((out / "devtest/audio").iterdir()))
    said = run_in(recipe, *line, check=True).stdout
    assert said.count("up to date") == 3 and "missing; made anew" in said
