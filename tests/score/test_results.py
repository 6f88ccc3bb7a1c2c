"""RESULTS.md from score files."""

import json

import pytest

from pysed.commands.results import main
from pysed.errors import DataError
from pysed.score.results import write_results
from pysed.score.results_files import gather


def put(folder, error_rate, f_measure, seed=1, subset="devtest", **more):
    folder.mkdir(parents=True, exist_ok=True)
    score = {
        "event": folder.name, "error_rate": error_rate, "f_measure": f_measure, "precision": f_measure, "recall": 0.5,
        "num_reference": 10, "num_detected": 9, "insertions": 1, "deletions": 2, "seed": seed, "num_files": 20, **more,
    }  # fmt: skip
    (folder / f"score_{subset}.json").write_text(json.dumps(score))


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "exp/demo"
    put(root / "babycry/gradual", 0.1, 0.95)
    put(root / "babycry/gradual/seed2", 0.3, 0.85, seed=2)
    put(root / "gunshot/gradual", 0.2, 0.9)
    put(root / "gunshot/gradual/seed2", 0.4, 0.8, seed=2)
    put(root / "babycry/cbrnn", 0.5, 0.7)
    put(root / "gunshot/cbrnn", 1.0, None)
    (root / "babycry/cbrnn/config.yaml").write_text("command: pysed train --seed 1\n")
    return root


def rows_of(text, name):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if name in line]


def test_table(corpus):
    text = write_results(corpus)
    assert (corpus / "RESULTS.md").read_text() == text
    main_row = rows_of(text, "| gradual")[0]
    assert main_row[1:3] == ["0.20 ± 0.14 / 90.0 ± 7.1", "0.30 ± 0.14 / 85.0 ± 7.1"]
    assert main_row[3] == "0.25 ± 0.14 / 87.5 ± 7.1" and main_row[4] == "1,2"
    assert rows_of(text, "paper: Gradual Net")[0][1:4] == ["0.04 / 98.0", "0.06 / 95.4*", "0.05 / 97.0"]
    assert "no single evaluation" in text
    cbrnn = rows_of(text, "| cbrnn")[0]
    assert cbrnn[1:4] == ["0.50 / 70.0", "1.00 / n/a", "0.75 / n/a"]
    assert "`pysed train --seed 1`" in text
    detail = [row for row in rows_of(text, "| gradual") if row[0] == "gunshot" and row[2] == "2"][0]
    assert detail == ["gunshot", "gradual", "2", "0.40", "80.0", "80.0", "50.0", "10", "9", "1", "2", "20"]


def test_a_training_of_seed_0_is_one(tmp_path):
    put(tmp_path / "babycry/cbrnn", 0.5, 0.7, seed=0)
    detail = [row for row in rows_of(write_results(tmp_path), "cbrnn") if row[0] == "babycry"]
    assert detail[-1][2] == "0"


def test_other_criteria(corpus):
    assert "other criteria" not in write_results(corpus)  # scores of an older version
    more = {"segment_error_rate": 0.6, "segment_f_measure": 0.75, "psds1": 0.5, "psds2": 0.75}
    more["expected_calibration_error"] = 0.0126
    put(corpus / "babycry/gradual", 0.1, 0.95, **more)
    put(corpus / "babycry/gradual/seed2", 0.3, 0.85, seed=2, **{**more, "psds1": 0.7})
    put(corpus / "babycry/cbrnn", 0.5, 0.7, **{**more, "segment_f_measure": None})
    table = write_results(corpus).split("other criteria")[1].split("###")[0]
    gradual = ["babycry", "gradual", "0.60 ± 0.00", "75.0 ± 0.0", "0.600 ± 0.141", "0.750 ± 0.000", "0.013 ± 0.000"]
    cbrnn = ["babycry", "cbrnn", "0.60", "n/a", "0.500", "0.750", "0.013"]
    assert rows_of(table, "| babycry")[:2] == [gradual, cbrnn]
    assert not rows_of(table, "gunshot") and not rows_of(table, "average")
    pooled = json.loads((corpus / "babycry/gradual/score_pooled_devtest.json").read_text())
    assert pooled["psds1"] == {"mean": 0.6, "std": pytest.approx(0.02**0.5), "interval": None, "values": [0.5, 0.7]}


def test_onsets(corpus):
    assert "onsets" not in write_results(corpus)  # scores of an older version
    keys = ("onset_error_median_s", "onset_error_p10_s", "onset_error_p90_s", "onset_within_300ms")
    put(corpus / "babycry/gradual", 0.1, 0.95, **dict(zip(keys, (-0.05, -0.31, 0.12, 0.9), strict=True)))
    put(corpus / "babycry/cbrnn", 1.0, None, **dict.fromkeys(keys))  # nothing found
    table = write_results(corpus).split("devtest: onsets")[1].split("###")[0]
    assert rows_of(table, "| babycry") == [["babycry", "gradual", "1", "-0.05", "-0.31", "+0.12", "90"]]


def test_columns_are_aligned(corpus):
    text = write_results(corpus)
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines[0].startswith("|"):
            assert len({len(line) for line in lines}) == 1


def test_a_class_that_is_missing_leaves_no_average(corpus):
    put(corpus / "thunder/gradual", 0.1, 0.9)
    assert rows_of(write_results(corpus), "| gradual")[0][4] == "n/a"


def test_files_are_counted_from_the_event_list_where_the_score_does_not_say(corpus):
    path = corpus / "babycry/cbrnn/score_devtest.json"
    score = json.loads(path.read_text())
    del score["num_files"]
    path.write_text(json.dumps(score))
    (corpus / "babycry/cbrnn/events_devtest.tsv").write_text("a.wav\nb.wav\t1\t2\tx\nb.wav\t3\t4\tx\n")
    assert {row.num_files for row in gather(corpus) if (row.event, row.system) == ("babycry", "cbrnn")} == {2}


def test_each_subset_has_its_table(corpus):
    put(corpus / "babycry/gradual", 0.3, 0.8, subset="evaltest")
    text = write_results(corpus)
    assert text.index("## devtest") < text.index("## evaltest")


def test_errors(corpus, capsys):
    with pytest.raises(DataError, match="no such folder"):
        main([str(corpus / "none")])
    empty = corpus / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="run stage 6"):
        main([str(empty)])
    path = corpus / "babycry/cbrnn/score_devtest.json"
    good = json.dumps(json.loads(path.read_text()) | {"psds1": "high"})
    for content, words in (
        ("{", "JSON"),
        ("[]", "not an object"),
        ("{}", "error_rate 'missing'"),
        (good, "psds1 'high'"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=words):
            main([str(corpus)])


def test_command_prints_the_table(corpus, capsys):
    assert main([str(corpus)]) == 0
    assert capsys.readouterr().out == (corpus / "RESULTS.md").read_text()
