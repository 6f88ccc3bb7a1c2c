"""Lists name files outside the corpus; a mixture's folder replaced whatever stood there; a name became a pipe."""

import shutil

import pytest
import yaml

from pysed.corpus.make_sets import make_isolated
from pysed.corpus.sources import load_sources
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.errors import DataError

OUTSIDE = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    " ",
    "x/../../y.wav",
    "link.wav",
    "loop.wav",
    "a\x00b",
    None,
]
OUTSIDE += [5, ["x.wav"], "\ud800.wav"]


@pytest.fixture
def corpus(tmp_path, tiny_corpus):
    copy = shutil.copytree(tiny_corpus, tmp_path / "tiny")
    for folder in (copy / "source_data/events/knock", copy / "source_data/bgs"):
        (folder / "link.wav").symlink_to("/etc/passwd")
        (folder / "loop.wav").symlink_to("loop.wav")
    return copy


def rewrite(corpus, kind, change):
    path = corpus / f"source_data/cv_setup/{kind}_devtest.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_bytes(yaml.dump(content).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_outside_is_refused(corpus, name):
    rewrite(corpus, "events", lambda content: content["knock"][1].update(audio_filename=name))
    with pytest.raises(DataError, match=r"events_devtest.yaml"):
        load_sources(corpus, "devtest")


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_background_outside_is_refused(corpus, name):
    rewrite(corpus, "bgs", lambda content: content[1].update(filepath=name))
    with pytest.raises(DataError, match=r"bgs_devtest.yaml"):
        load_sources(corpus, "devtest")


@pytest.mark.parametrize("scene", ["home\nmixture x", "home\t1", " home", "\x1b[31m"])
def test_a_scene_that_breaks_a_table_is_refused(corpus, scene):
    rewrite(corpus, "bgs", lambda content: content[0].update(classname=scene))
    with pytest.raises(DataError, match="classname"):
        load_sources(corpus, "devtest")


def test_a_class_that_is_no_list_is_refused(corpus):
    rewrite(corpus, "events", lambda content: content.update(knock={"audio_filename": "x"}))
    with pytest.raises(DataError, match="knock"):
        load_sources(corpus, "devtest")


def test_only_own_folders_are_replaced(corpus, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    link = tmp_path / "link"
    link.symlink_to(precious)
    foreign = tmp_path / "kaldi"
    foreign.mkdir()
    (foreign / "wav.scp").write_text("a /somewhere/a.wav\n")
    for out in (precious, link, foreign, precious / "thesis.txt"):
        with pytest.raises(DataError, match="move it away"):
            make_isolated(corpus, "knock", "devtest", out)
    assert (precious / "thesis.txt").read_text() == "years of work" and link.is_symlink()
    assert (foreign / "wav.scp").is_file()
    assert make_isolated(corpus, "knock", "devtest", tmp_path / "out") == 3
    (tmp_path / "out/feats.ark").write_text("of an earlier stage")
    assert make_isolated(corpus, "knock", "devtest", tmp_path / "out") == 3
    assert not (tmp_path / "out/feats.ark").exists()


@pytest.mark.parametrize(
    ("name", "wav"),
    [("a", "touch PWNED |"), ("a", "|touch PWNED"), ("a", "x\ny.wav"), ("a", " x.wav"), ("a b", "x.wav"), ("", "x.wav")]
    + [("a\nb", "x.wav"), ("../a", "x.wav"), ("a\x85b", "x.wav")],
)
def test_tables_hold_no_pipes(tmp_path, name, wav):
    with pytest.raises(DataError):
        write_data_dir(tmp_path, [Utterance(name, wav, 1.0)])
    assert not list(tmp_path.iterdir())
