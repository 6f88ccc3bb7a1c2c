"""``pysed corpus extend`` copied what links in a corpus lead to, also outside it, and linked such files into the new
one; of a corpus that is read-only it could make none, and left a folder behind."""

import os

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus

from pysed.cli import main
from pysed.corpus.reviewed import COLUMNS


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The corpus ``o``, a recording to extend it by, and a folder beside it."""
    monkeypatch.chdir(tmp_path)
    for folder, length_s in (("clips/bell", 1), ("places", 31), ("archive", 40)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(length_s + index).normal(0, 0.1, length_s * 8000)
            soundfile.write(f"{folder}/{index}.wav", noise, 8000)
    assert make_own_corpus(tmp_path) == 0
    (tmp_path / "l.tsv").write_text("\t".join(COLUMNS) + "\nrejected\t0.wav\t20\t21\tbell\t20\t21\t0.9\n")
    (tmp_path / "private").mkdir()
    (tmp_path / "private/secret").write_text("secret")
    return tmp_path


def extend():
    return main(["corpus", "extend", "o", "--labels", "l.tsv", "--audio", "archive", "--out", "new"])


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("source_data/more", "{}/private"),
        ("source_data/events/bell/s.wav", "{}/private/secret"),
        ("source_data/events/bell/s.wav", "../../../../private/secret"),
        ("source_data/bgs/gone.wav", "nowhere.wav"),
        ("loop", "."),
        ("source_data/events/loop", ".."),
        ("source_data/round", "round"),
    ],
)
def test_a_link_to_anything_but_a_file_of_the_corpus_is_refused(work, capsys, link, target):
    (work / "o" / link).symlink_to(target.format(work))
    assert extend() == 2
    message = capsys.readouterr().err
    assert link in message and message.count("\n") == 1 and "standard input" not in message
    assert not (work / "new").exists() and not list(work.glob(".*.tmp"))
    assert os.stat(work / "private/secret").st_nlink == 1


def test_a_link_to_a_file_of_the_corpus_is_followed(work):
    (work / "o/source_data/bgs/again.wav").symlink_to("../events/bell/0.wav")
    assert extend() == 0
    again = work / "new/source_data/bgs/again.wav"
    assert again.samefile(work / "o/source_data/events/bell/0.wav") and not again.is_symlink()


def test_a_corpus_that_is_read_only_is_extended(work):
    """The superuser may write anywhere, so what tests see is who may write into the new one."""
    folders = [work / "o", *(path for path in (work / "o").rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    assert extend() == 0
    for folder in folders:
        folder.chmod(0o755)
    made = [path for path in (work / "new").rglob("*") if path.is_dir()]
    assert len(made) == len(folders) - 1 and all(path.stat().st_mode & 0o200 for path in made)
    assert not list(work.glob(".*.tmp"))
