"""Audio in folders that are linked in was left out without a word, as was what is not read at all."""

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus

from pysed.audio.folders import find_recordings
from pysed.corpus.own import make_own
from pysed.corpus.reviewed import find_audio
from pysed.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """in/a.wav, in/z/c.wav, and b.wav in a folder beside ``in``."""
    for name in ("in/a.wav", "in/z/c.wav", "beside/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(1600), 16000)
    return tmp_path / "in"


def names(folder) -> list[str]:
    """What is found, in order."""
    return list(find_recordings([str(folder)]))


def test_links_are_followed(folder, capsys):
    (folder / "more").symlink_to("../beside")
    (folder / "one.wav").symlink_to("../beside/b.wav")
    assert names(folder) == ["a.wav", "more/b.wav", "one.wav", "z/c.wav"]
    assert capsys.readouterr().err == ""


def test_circles_and_folders_linked_twice_end(folder, capsys):
    (folder / "0").symlink_to("z")  # sorts before the folder itself
    (folder / "z/up").symlink_to("..")
    (folder.parent / "beside/back").symlink_to("../in")
    (folder / "m1").symlink_to("../beside")
    (folder / "m2").symlink_to("../beside")
    assert names(folder) == ["a.wav", "m1/b.wav", "z/c.wav"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "links to folders already searched left out: 4 (0, m1/back, m2, z/up)" in line


def test_a_link_to_a_folder_may_be_given(folder):
    (folder.parent / "link").symlink_to("in")
    assert names(folder.parent / "link") == ["a.wav", "z/c.wav"]


def test_what_is_left_out_is_counted_and_named(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))  # no ffmpeg
    for name in (
        "talk.m4a",
        "z/film.MP4",
        "._a.wav",
        "z/._c.wav",
        "notes.txt",
        "list.csv",
        *(f"v{i}.aac" for i in range(5)),
    ):
        (folder / name).write_bytes(b"x")
    (folder / "gone.wav").symlink_to("nowhere.wav")
    assert names(folder) == ["a.wav", "z/c.wav"]
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 3
    assert any(
        "not read without ffmpeg" in line and "left out: 7 (talk.m4a, v0.aac" in line and "and 2 more)" in line
        for line in err
    )
    assert any("that macOS keeps beside others left out: 2 (._a.wav, z/._c.wav)" in line for line in err)
    assert any("links to nothing left out: 1 (gone.wav)" in line for line in err)


def test_a_folder_with_nothing_else_says_both(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    (tmp_path / "a.m4a").write_bytes(b"x")
    with pytest.raises(DataError, match="no audio in this folder"):
        find_recordings([str(tmp_path)])
    assert "a.m4a" in capsys.readouterr().err


def test_own_corpus_takes_clips_of_linked_folders(tmp_path):
    random = np.random.default_rng(0)
    for place, length, count in (("clips/bell", 16000, 3), ("aside", 16000, 3), ("places/park", 31 * 16000, 3)):
        (tmp_path / place).mkdir(parents=True)
        for index in range(count):
            soundfile.write(tmp_path / place / f"{place[0]}{index}.wav", random.normal(0, 0.1, length), 16000)
    (tmp_path / "clips/bell/more").symlink_to("../../aside")
    assert make_own_corpus(tmp_path) == 0
    assert len(list((tmp_path / "o/source_data/events/bell").iterdir())) == 6


def test_what_was_found_through_links_is_found_again(tmp_path):
    """By the review page and ``corpus extend``, for which such recordings were not there."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "disk/in").mkdir(parents=True)
    soundfile.write(tmp_path / "disk/in/a.wav", np.zeros(100), 16000)
    (tmp_path / "secret.wav").write_bytes(b"")
    (tmp_path / "archive/more").symlink_to("../disk")
    (tmp_path / "archive/b.wav").symlink_to("../disk/in/a.wav")
    for name, path in find_recordings([str(tmp_path / "archive")]).items():
        assert find_audio(name, [tmp_path / "archive"]) == path
    for name in ("../secret.wav", "more/../../secret.wav", str(tmp_path / "secret.wav")):
        assert find_audio(name, [tmp_path / "archive"]) is None


@pytest.mark.parametrize("kind", ["tracks", "list"])
def test_labels_of_recordings_in_linked_folders(tmp_path, kind):
    """They were refused: the names lead outside the folder, by its own links."""
    random = np.random.default_rng(0)
    for place, length in (("clips", 16000), ("aside", 16000), ("places", 31 * 16000)):
        (tmp_path / place).mkdir()
        for index in range(3):
            soundfile.write(tmp_path / place / f"{place[0]}{index}.wav", random.normal(0, 0.1, length), 16000)
    (tmp_path / "clips/more").symlink_to("../aside")
    (tmp_path / "clips/one.wav").symlink_to("../aside/a0.wav")
    (tmp_path / "secret.wav").symlink_to("aside/a1.wav")
    names = ["c0", "more/a0", "more/a1", "one"]
    if kind == "tracks":
        for name in names:
            (tmp_path / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"labels/{name}.txt").write_text("0.2\t0.7\tbell\n")
    else:
        (tmp_path / "labels").write_text("".join(f"{name}.wav\t0.2\t0.7\tbell\n" for name in names))
    assert make_own_corpus(tmp_path, "--labels", f"{tmp_path}/labels") == 0
    made = sorted(path.name for path in (tmp_path / "o/source_data/events/bell").iterdir())
    assert made == ["c0.wav", "more__a0.wav", "more__a1.wav", "one.wav"]
    for name in ("../secret.wav", "more/../../secret.wav", str(tmp_path / "secret.wav")):
        (tmp_path / "bad.tsv").write_text(f"{name}\t0.2\t0.7\tbell\n")
        with pytest.raises(DataError, match="leads outside"):
            make_own(tmp_path / "clips", tmp_path / "places", tmp_path / "new", tmp_path / "bad.tsv")
