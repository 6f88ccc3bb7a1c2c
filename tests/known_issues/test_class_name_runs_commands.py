"""A class in a corpus's list named as a shell command was run in stage 1 or 2; one with ``../`` left data/."""

import shutil

import pytest
import yaml
from tiny_recipe import run_in, write_corpus

from pysed.corpus.sources import corpus_classes, load_sources
from pysed.errors import DataError
from pysed.names import RULE, is_name

HOSTILE = [
    "x;touch${IFS}PWNED;y", "$(touch PWNED)", "`touch PWNED`", "x\ntouch PWNED", "x|y", "x&y", "x>y", "it's", 'q"q',
    "a b", "*", "?", "[x]", "{a,b}", "~", "!x", "#x", "a\\b", "../../../PWNED", "..", ".", ".hidden", "-x", "--x",
    "/tmp/PWNED", "a/b", "", " ", "a\tb", "a\x00b", "a\x1bb", "a,b", "a:b", "all", "phones", "report", "source_data",
    "x" * 101, "é" * 51, "a\u202eb", "a\u00a0b", "\u0301a",
]  # fmt: skip
GOOD = ["babycry", "Baby_cry-2", "x.y", "2", "_x", "bébé", "be\u0301be\u0301", "泣き声", "шум", "x" * 100]
NOT_TEXT = [1, None, True, 1.5]


def rename_class(corpus, name):
    """The tiny corpus with class knock named otherwise, in both lists."""
    for path in (corpus / "source_data/cv_setup").glob("events_*.yaml"):
        content = yaml.safe_load(path.read_text())
        content[name] = content.pop("knock")
        path.write_text(yaml.safe_dump(content))


@pytest.fixture
def corpus(tmp_path, tiny_corpus):
    return shutil.copytree(tiny_corpus, tmp_path / "tiny")


@pytest.mark.parametrize("name", HOSTILE + NOT_TEXT)
def test_refused_wherever_classes_are_read(corpus, name):
    rename_class(corpus, name)
    for read in (corpus_classes, lambda folder: load_sources(folder, "devtest")):
        with pytest.raises(DataError, match=r"events_dev\w+.yaml: class "):
            read(corpus)


@pytest.mark.parametrize("name", GOOD)
def test_letters_of_any_script_are_taken(corpus, name):
    rename_class(corpus, name)
    assert name in corpus_classes(corpus)


@pytest.mark.parametrize("name", [name for name in HOSTILE + GOOD if "\x00" not in name])
def test_the_shell_has_the_same_rule(root, name):
    done = run_in(root, "bash", "-c", '. utils/log.sh; need_name event "$1"', "x.sh", name)
    beyond_ascii = not name.isascii() and len(name.encode()) <= 100  # which of these are letters only Python knows
    taken = name in ("all", "phones", "report", "source_data")
    assert done.returncode == (0 if is_name(name) or beyond_ascii or taken else 2)
    assert done.returncode == 0 or (done.stderr.count("\n") == 1 and RULE in done.stderr)


@pytest.mark.parametrize("name", ["x;touch${IFS}PWNED;y", "$(touch PWNED)", "`touch PWNED`", "../../../PWNED"])
def test_the_recipe_runs_nothing_and_writes_nothing(recipe, corpus, tmp_path, name):
    rename_class(corpus, name)
    corpus = corpus.rename(tmp_path / "hostile")
    for event in ("all", name):
        done = run_in(recipe, "./run.sh", "--corpus", corpus, "--stop-stage", 2, "--event", event)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "expected letters" in done.stderr
    assert not [path for folder in (recipe, tmp_path) for path in folder.rglob("*PWNED*")]
    assert not (recipe / "data/hostile").exists()


def test_a_class_beyond_ascii_goes_through_the_feature_stages(recipe, tmp_path):
    corpus = write_corpus(tmp_path / "bébé")
    rename_class(corpus, "泣き声")
    (corpus / "source_data/events/knock").rename(corpus / "source_data/events/泣き声")
    settings = yaml.safe_load((recipe / "conf/corpora/default.yaml").read_text())
    settings |= {"mixtures": {"devtrain": 6, "devtest": 4}, "duration_s": 10.0}
    (corpus / "corpus.yaml").write_text(yaml.safe_dump(settings))
    options = ("--corpus", corpus, "--event", "泣き声", "--stop-stage", 2, "--num-mixtures", 6, "--nj", 1)
    run_in(recipe, "./run.sh", *options, check=True)
    data = recipe / "data/bébé/泣き声"
    assert len((data / "devtest/feats_logmel128.scp").read_text().splitlines()) == 4
