"""comparison.json and pooled scores, by hand; older results without counts."""

import json
import shutil

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.score.comparison import comparison
from pysed.score.counts import read_counts, write_counts
from pysed.score.event_based import Counts
from pysed.score.results import write_results
from pysed.score.results_files import gather

FILES = [f"{index}.wav" for index in range(40)]


def put(folder, deletions: int, insertions: int, seed: int = 1, counts: bool = True):
    """A model on twenty files with an event and twenty without."""
    folder.mkdir(parents=True, exist_ok=True)
    hits = 20 - deletions
    score = {
        "error_rate": (deletions + insertions) / 20, "f_measure": 2 * hits / (2 * hits + deletions + insertions),
        "precision": hits / (hits + insertions), "recall": hits / 20, "num_reference": 20,
        "num_detected": hits + insertions, "insertions": insertions, "deletions": deletions, "seed": seed,
        "num_files": 40,
    }  # fmt: skip
    (folder / "score_devtest.json").write_text(json.dumps(score))
    (folder / "metrics.csv").write_text("epoch,seconds\n1,30\n2,60.0\n")
    if counts:
        (folder / "cost_devtest.json").write_text(json.dumps({"parameters": 1000, "times_real_time": 50.0}))
        rows = [Counts(int(i < hits), 0, int(i >= hits)) for i in range(20)]
        rows += [Counts(0, int(i < insertions), 0) for i in range(20)]
        write_counts(folder / "counts_devtest.tsv", dict(zip(FILES, rows, strict=True)))


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "tiny"
    put(root / "babycry/gradual", 2, 0)
    put(root / "babycry/gradual/seed2", 4, 2, seed=2)
    put(root / "gunshot/gradual", 0, 2)
    put(root / "gunshot/gradual/seed2", 2, 2, seed=2)
    put(root / "babycry/cbrnn", 12, 6)
    put(root / "babycry/cbrnn/seed2", 12, 8, seed=2)
    return root


def found(corpus, event, system):
    records = comparison(gather(corpus), "tiny")["subsets"]["devtest"]
    return next(record for record in records if (record["event"], record["system"]) == (event, system))


def test_means_and_deviations_by_hand(corpus):
    record = found(corpus, "babycry", "gradual")
    assert record["seeds"] == [1, 2] and record["num_files"] == 40 and record["consistent"]
    assert record["error_rate"]["values"] == [0.1, 0.3]
    assert record["error_rate"]["mean"] == pytest.approx(0.2)
    assert record["error_rate"]["std"] == pytest.approx(0.2 / 2**0.5)
    assert record["recall"]["mean"] == pytest.approx(0.85)
    assert (record["parameters"], record["training_s"], record["times_real_time"]) == (1000, 90, 50)
    assert record["paper"] == {"name": "Gradual Net", "error_rate": 0.04, "f_measure": 0.98, "consistent": True}
    average = found(corpus, "average", "gradual")
    assert average["error_rate"]["values"] == pytest.approx([0.1, 0.25]) and average["num_files"] == 80
    low, high = average["error_rate"]["interval"]
    assert low < average["error_rate"]["mean"] < high
    # Independent classes: the average's interval is narrower than either class's.
    assert high - low < max(
        np.diff(found(corpus, event, "gradual")["error_rate"]["interval"])[0] for event in ("babycry", "gunshot")
    )


def test_difference_to_gradual(corpus):
    assert found(corpus, "babycry", "gradual")["against"] is None
    against = found(corpus, "babycry", "cbrnn")["against"]
    assert against["error_rate"]["mean"] == pytest.approx(0.95 - 0.2)
    low, high = against["error_rate"]["interval"]
    assert 0 < low < 0.75 < high and against["error_rate"]["p"] < 0.01  # two trainings each
    assert against["f_measure"]["interval"][1] < 0
    with pytest.raises(StopIteration):  # cbrnn lacks a class
        found(corpus, "average", "cbrnn")


def test_files_written(corpus):
    text = write_results(corpus)
    content = json.loads((corpus / "comparison.json").read_text())
    assert content == comparison(gather(corpus), "tiny")
    pooled = json.loads((corpus / "babycry/gradual/score_pooled_devtest.json").read_text())
    assert pooled == {"subset": "devtest", **found(corpus, "babycry", "gradual")}
    assert "0.20 ± 0.14" in text and "+0.75 [+" in text
    p = found(corpus, "babycry", "cbrnn")["against"]["error_rate"]["p"]
    assert f" {p:.3f} " in text
    assert write_results(corpus) == text  # the pooled scores are no models
    shutil.rmtree(corpus / "babycry/gradual/seed2")
    write_results(corpus)
    assert not (corpus / "babycry/gradual/score_pooled_devtest.json").exists()


def test_older_results_without_counts_have_no_interval(corpus):
    put(corpus / "babycry/mlp", 5, 5, counts=False)
    record = found(corpus, "babycry", "mlp")
    assert record["error_rate"] == {"mean": 0.5, "std": None, "interval": None, "values": [0.5]}
    assert record["against"] is None and record["parameters"] is None
    assert found(corpus, "babycry", "cbrnn")["against"] is not None
    assert "| mlp " in write_results(corpus)


def test_systems_tested_on_other_files_are_not_compared(corpus):
    names, counts, *_ = read_counts(corpus / "babycry/cbrnn/counts_devtest.tsv")
    rows = {f"other_{name}": Counts(*map(int, row)) for name, row in zip(names, counts, strict=True)}
    write_counts(corpus / "babycry/cbrnn/counts_devtest.tsv", rows)
    record = found(corpus, "babycry", "cbrnn")
    assert record["against"] is None and record["error_rate"]["interval"] is None


def test_recordings_are_counted_and_few_get_no_p(corpus):
    """Forty files of three recordings of events and four places: a difference is told, its p is not."""
    recordings = {name: (f"shot {i % 3}" if i < 20 else None, f"place {i % 4}") for i, name in enumerate(FILES)}
    for system in ("gradual", "gradual/seed2", "cbrnn", "cbrnn/seed2"):
        path = corpus / "babycry" / system / "counts_devtest.tsv"
        read = read_counts(path)
        rows = {name: Counts(*map(int, row)) for name, row in zip(read.names, read.counts, strict=True)}
        write_counts(path, rows, recordings)
        assert list(zip(read_counts(path).events, read_counts(path).backgrounds, strict=True)) == [*recordings.values()]
    record = found(corpus, "babycry", "cbrnn")
    assert (record["num_event_recordings"], record["num_background_recordings"]) == (3, 4)
    assert record["against"]["error_rate"]["p"] is None and record["against"]["error_rate"]["interval"]
    text = write_results(corpus)
    assert "40 files, of 3 recordings of events and 4 backgrounds." in text
    assert "babycry: fewer than 5 recordings of events" in text


def test_counts_that_cannot_be_read(tmp_path):
    path = tmp_path / "counts_devtest.tsv"
    header = "filename\thits\tinsertions\tdeletions\n"
    for text in ("", header, "a.wav\t1\t0\t0\n", header + "a.wav\t1\t0\n", header + "a.wav\t1\t-1\t0\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"counts_devtest.tsv: .*run stage 6 again"):
            read_counts(path)
