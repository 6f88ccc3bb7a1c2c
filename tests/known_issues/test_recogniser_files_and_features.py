"""Which features are made anew when a file of the recogniser changes: too few (final.mat, splice.conf, ...) or too many
(`touch final.mdl`, another --layer, the same model elsewhere) were."""

import os
import shutil

import pytest
from hand_made import contents, data_directory, times
from tiny_recipe import run_in

TABLES = ("mfcc_hires", "ivectors", "prefinal", "phones")
ARCHIVES = [f"{name}.*.ark" for name in TABLES] + ["phones.*.ctm"]


@pytest.fixture(scope="module")
def stages(recipe, tiny_corpus, tmp_path_factory):
    """A data directory with stages 3 and 4 done, a model, and a function that runs them: what was made anew."""
    folder = tmp_path_factory.mktemp("recogniser")
    data = data_directory(folder / "data", tiny_corpus)
    model = folder / "model"
    shutil.copytree(recipe / "models/demo", model)

    def made_anew(*options, model=model, nj=1):
        before = times(data, *ARCHIVES)
        run_in(recipe, "steps/make_asr_feats.sh", "--nj", nj, *options, data, model, check=True)
        run_in(recipe, "steps/make_alignments.sh", "--nj", nj, data, model, check=True)
        after = times(data, *ARCHIVES)
        return [
            each for each in TABLES if any(before.get(k) != v for k, v in after.items() if k.startswith(each + "/"))
        ]

    assert made_anew() == list(TABLES)
    return data, model, made_anew


def test_nothing_needless(stages, tmp_path):
    data, model, made_anew = stages
    assert made_anew() == []
    for name in ("final.mdl", "extractor/final.ie", "graph/HCLG.fst", "conf/mfcc_hires.conf"):
        os.utime(model / name)
    assert made_anew() == []
    assert made_anew(model=shutil.copytree(model, tmp_path / "elsewhere")) == []
    assert made_anew("--layer", "prefinal-chain.batchnorm1") == ["prefinal"]
    assert made_anew() == ["prefinal"]


def test_every_file_that_matters(stages):
    """One more is changed each time; then all are as they were."""
    _, model, made_anew = stages
    before, found = {}, {}
    try:
        for name in ("extractor/final.mat", "extractor/global_cmvn.stats", "extractor/online_cmvn.conf"):
            content = before[name] = (model / name).read_bytes()
            changed = content + b"--cmn-window=700\n" if name.endswith(".conf") else changed_number(content)
            (model / name).write_bytes(changed)
            found[name] = made_anew()
    finally:
        for name, content in before.items():
            (model / name).write_bytes(content)
    assert found == {
        "extractor/final.mat": ["ivectors", "prefinal", "phones"],
        "extractor/global_cmvn.stats": ["ivectors", "prefinal", "phones"],
        "extractor/online_cmvn.conf": ["ivectors", "prefinal"],  # of three seconds the same as before
    }
    assert made_anew() == ["ivectors", "prefinal", "phones"], "the values restored"


def changed_number(content: bytes) -> bytes:
    """A matrix, text or of binary float32, with one number a little other."""
    if content[:1] == b" ":
        return content.replace(b" -9", b" -8", 1)
    body = bytearray(content)
    body[15 + 3 * 4 + 2] ^= 4
    return bytes(body)


def test_number_of_jobs_of_alignments(stages):
    data, _, made_anew = stages
    whole = contents(data, "phones.ctm")
    (data / ".done_phones").unlink()
    assert made_anew(nj=2) == ["phones"]
    assert (data / "phones/phones.2.ctm").is_file() and not (data / "mfcc_hires/mfcc_hires.2.ark").exists()
    assert contents(data, "phones.ctm") == whole
