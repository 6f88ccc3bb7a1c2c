"""A detection left undecided in one round kept the rejection of the same sound, found again a little later, from use;
and of several reasons that nothing could be added one alone was said."""

import numpy as np
import pytest
import soundfile
import yaml
from own_corpus import make_own_corpus

from pysed.cli import main
from pysed.corpus.reviewed import COLUMNS, read_reviewed


def labels(path, *rows):
    """decision, onset, offset[, label[, file]]."""
    lines = [COLUMNS]
    for decision, onset_s, offset_s, *more in rows:
        label, name = (*more, "bell", "day0.wav")[:2] if len(more) != 1 else (more[0], "day0.wav")
        lines.append((decision, name, onset_s, offset_s, label, onset_s, offset_s, 0.9))
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    return path


def test_a_decision_of_another_file_supersedes_it(tmp_path):
    one = labels(
        tmp_path / "1.tsv", ("undecided", 100, 101), ("undecided", 50, 51), ("undecided", 100, 101, "knock"),
        ("undecided", 100, 101, "bell", "day1.wav"), ("undecided", 101.5, 102), ("rejected", 20, 21),
        ("undecided", 20.5, 22),
    )  # fmt: skip
    two = labels(tmp_path / "2.tsv", ("rejected", 100.1, 101.1), ("accepted", 49, 50.5))
    wanted = [("rejected", 100.1, "bell", "day0.wav"), ("accepted", 49, "bell", "day0.wav"),
              ("rejected", 20, "bell", "day0.wav"), ("undecided", 101.5, "bell", "day0.wav"),
              ("undecided", 100, "knock", "day0.wav"), ("undecided", 100, "bell", "day1.wav"),
              ("undecided", 20.5, "bell", "day0.wav")]  # fmt: skip
    for files in ([one, two], [two, one]):
        found = [(row.decision, row.onset_s, row.label, row.name) for row in read_reviewed(files)]
        assert sorted(found, key=str) == sorted(wanted, key=str)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, length_s in (("clips/bell", 1), ("places", 31), ("archive", 150)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(length_s + index).normal(0, 0.1, length_s * 8000)
            soundfile.write(f"{folder}/{'day' if folder == 'archive' else folder[0]}{index}.wav", noise, 8000)
    assert make_own_corpus(tmp_path) == 0
    return tmp_path


def extend(corpus, out, *files):
    return main(["corpus", "extend", corpus, "--labels", *files, "--audio", "archive", "--out", out])


def test_a_rejection_in_a_later_round(work, capsys):
    labels(work / "l1.tsv", ("rejected", 20, 21), ("undecided", 100, 101))
    assert extend("o", "c2", "l1.tsv") == 0
    labels(work / "l2.tsv", ("rejected", 100.1, 101.1))
    assert extend("c2", "c3", "l1.tsv", "l2.tsv") == 0
    with open("c3/source_data/cv_setup/bgs_devtrain.yaml") as stream:
        spans = [each["cut_from"]["segment"] for each in yaml.safe_load(stream) if "rejected" in each["cut_from"]]
    assert spans == [[5.5, 35.5], [85.6, 115.6]]
    capsys.readouterr()
    labels(work / "l3.tsv", ("undecided", 60.2, 61), ("rejected", 60, 60.5))
    assert extend("c3", "c4", "l1.tsv", "l2.tsv", "l3.tsv") == 2
    message = capsys.readouterr().err
    assert "2 left out: in the corpus already (day0.wav at 20 s, day0.wav at 100.1 s); 1 left out: no 30 s" in message
    assert message.count("\n") == 1
