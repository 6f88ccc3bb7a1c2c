"""Events were laid over backgrounds with a hard splice at both ends, a cue that real recordings lack."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import yaml

from pysed.corpus.make_sets import make_mixtures
from pysed.corpus.mixing import fade
from pysed.corpus.official import check_official
from pysed.corpus.recipes import CorpusSettings
from pysed.datadir.directory import load_data_dir
from pysed.errors import DataError


@pytest.mark.parametrize(("text", "expected"), [("", 0.01), ("official: true\n", 0.0), ("fade_s: 0.02\n", 0.02)])
def test_a_configuration_that_does_not_say_has_fades_unless_official(tmp_path, text, expected):
    path = tmp_path / "corpus.yaml"
    path.write_text("mixtures: {devtrain: 10}\n" + text)
    assert CorpusSettings.load(path).fade_s == expected


@pytest.mark.parametrize("fade_s", [-0.01, 0.2, "long"])
def test_bad_fades_are_refused(tmp_path, fade_s):
    path = tmp_path / "corpus.yaml"
    path.write_text(f"mixtures: {{devtrain: 10}}\nfade_s: {fade_s}\n")
    with pytest.raises(DataError, match="fade_s"):
        CorpusSettings.load(path)


def test_official_mixtures_have_none(root):
    official = CorpusSettings.load(root / "conf/corpora/tut2017.yaml")
    assert official.fade_s == 0
    with pytest.raises(DataError, match=r"fade_s: 0\.01; official events have no fades"):
        check_official(replace(official, fade_s=0.01))


def test_a_fade_rises_and_falls_smoothly_and_leaves_the_middle():
    event = np.ones(1000, np.float32)
    faded = fade(event, 0.01, 16000)
    np.testing.assert_array_equal(faded[160:-160], 1)
    np.testing.assert_allclose(faded, faded[::-1])
    assert faded[0] < 1e-3 and np.all(np.diff(faded[:160]) > 0) and np.diff(faded).max() < 0.011
    assert faded[79] + faded[80] == pytest.approx(1), "half way up in its middle"
    np.testing.assert_array_equal(event, 1)
    np.testing.assert_array_equal(fade(event, 0.0, 16000), event)
    assert len(fade(np.ones(5), 0.01, 16000)) == 5 and fade(np.ones(1), 0.01, 16000) == [1]


def test_mixtures_fade_while_labels_and_ratios_stay(tiny_corpus, tmp_path):
    settings = replace(CorpusSettings.load(tiny_corpus / "corpus.yaml"), variation=0.0)
    events, ends = {}, {}
    for fade_s in (0.0, 0.02):
        out = tmp_path / str(fade_s)
        make_mixtures(tiny_corpus, "babycry", "devtest", replace(settings, fade_s=fade_s), out)
        events[fade_s] = [(u.name, u.events) for u in load_data_dir(out)]
        ends[fade_s] = []
        for recipe in yaml.safe_load((out / "recipes.yaml").read_text()):
            if recipe["event"] is None:
                continue
            samples, rate_hz = soundfile.read(out / f"audio/{recipe['name']}.wav")
            background, _ = soundfile.read(tiny_corpus / "source_data/bgs/audio" / recipe["background"]["path"])
            first = int(recipe["event"]["offset_s"] * rate_hz)
            last = first + round((recipe["event"]["segment"][1] - recipe["event"]["segment"][0]) * rate_hz)
            added = samples / 0.2 - background[: len(samples)]
            ratio = np.sum(added[first:last] ** 2) / np.sum(background[first:last] ** 2)
            assert 10 * np.log10(ratio) == pytest.approx(recipe["event"]["ebr_db"], abs=0.05)
            whole = np.sqrt(np.mean(added[first:last] ** 2))
            for edge in (added[first : first + 32], added[last - 32 : last]):  # 2 ms, a tenth of the fade
                ends[fade_s].append(np.sqrt(np.mean(edge**2)) / whole)
    assert events[0.0] == events[0.02], "names and labels are the same"
    assert max(ends[0.02]) < 0.1 < 0.3 < max(ends[0.0])
