"""Scoring: lists read whole, sed_eval's judgement on hand-worked cases, undefined rates, errors with places."""

import json

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.events import Event, read_events, write_events
from pysed.score.event_based import Counts, evaluate, evaluate_files


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_every_row_counts_the_first_too(tmp_path):
    path = write(tmp_path / "list.csv", "a.wav\t1.5\t2.5\tcry\nb.wav\nc.wav\t\t\t\n\nb/d.wav\t0\t1\tcry\r\n")
    assert read_events(path) == {
        "a.wav": [Event(1.5, 2.5, "cry")],
        "b.wav": [],
        "c.wav": [],
        "b/d.wav": [Event(0.0, 1.0, "cry")],
    }


def test_a_header_and_a_byte_order_mark_are_no_files(tmp_path):
    path = write(tmp_path / "list.tsv", "\ufefffilename\tonset\toffset\tevent_label\na.wav\t1\t2\tx\n")
    assert list(read_events(path)) == ["a.wav"]


def test_written_lists_read_back(tmp_path):
    lists = {"a.wav": [Event(0.30000000000000004, 1.2, "x"), Event(5, 6, "y")], "b.wav": []}
    write_events(tmp_path / "out.tsv", lists)
    assert (tmp_path / "out.tsv").read_text() == "a.wav\t0.3\t1.2\tx\na.wav\t5.0\t6.0\ty\nb.wav\n"
    assert read_events(tmp_path / "out.tsv")["a.wav"][0].onset_s == 0.3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.wav\n\nb.wav\t3.2\t3.2\tx\n", ["list.tsv:3", "offset 3.2 <= onset 3.2"]),
        ("a.wav\tearly\t3\tx\n", ["list.tsv:1", "onset 'early'"]),
        ("a.wav\t-1\t3\tx\n", ["list.tsv:1", "onset -1"]),
        ("a.wav\tnan\t3\tx\n", ["list.tsv:1", "onset nan"]),
        ("a.wav\t1\t3\n", ["list.tsv:1", "3 fields"]),
        ("a.wav\t1\t3\tx\ty\n", ["list.tsv:1", "5 fields"]),
        ("\t1\t3\tx\n", ["list.tsv:1", "no file name"]),
        ("\n", ["list.tsv", "no rows"]),
    ],
)
def test_bad_rows_name_file_and_line(tmp_path, text, words):
    with pytest.raises(DataError) as error:
        read_events(write(tmp_path / "list.tsv", text))
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_missing_lists(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_events(tmp_path / "none.tsv")
    with pytest.raises(DataError, match="a folder"):
        read_events(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_events(tmp_path / "bytes")


def test_hand_worked_score():
    reference = {
        "hit.wav": [Event(5.0, 7.0, "x")],
        "edge.wav": [Event(5.0, 7.0, "x")],  # 0.5 s off: still a hit, the collar's test is <=
        "late.wav": [Event(5.0, 7.0, "x")],  # 0.6 s off: deletion and insertion, though it overlaps
        "miss.wav": [Event(5.0, 7.0, "x")],
        "quiet.wav": [],
        "false.wav": [],
    }
    detected = {
        "hit.wav": [Event(5.1, 5.2, "x")],
        "edge.wav": [Event(5.5, 9.0, "x")],
        "late.wav": [Event(5.6, 7.0, "x")],
        "quiet.wav": [],
        "false.wav": [Event(1.0, 2.0, "x")],
    }
    score = evaluate(reference, detected, "x")
    assert score["error_rate"] == pytest.approx((2 + 2) / 4)
    assert score["precision"] == pytest.approx(2 / 4) and score["recall"] == pytest.approx(2 / 4)
    assert score["f_measure"] == pytest.approx(0.5)
    counts = {key: score[key] for key in ("num_reference", "num_detected", "insertions", "deletions", "num_files")}
    assert counts == {"num_reference": 4, "num_detected": 4, "insertions": 2, "deletions": 2, "num_files": 6}
    assert score["sed_eval"] == "0.2.1"


def test_each_files_counts_are_its_own_and_sum_to_the_score():
    reference = {"a.wav": [Event(1, 2, "x"), Event(5, 6, "x")], "b.wav": [], "c.wav": [Event(3, 4, "x")]}
    detected = {"a.wav": [Event(5.2, 6, "x"), Event(8, 9, "x")], "b.wav": [Event(1, 2, "x")]}
    score, files = evaluate_files(reference, detected, "x")
    assert files == {"a.wav": Counts(1, 1, 1), "b.wav": Counts(0, 1, 0), "c.wav": Counts(0, 0, 1)}
    for name, events in reference.items():  # as sed_eval judges the file by itself
        alone = evaluate({name: events}, {name: detected.get(name, [])}, "x")
        assert (alone["insertions"], alone["deletions"]) == files[name][1:]
    assert (score["insertions"], score["deletions"]) == tuple(map(sum, list(zip(*files.values(), strict=True))[1:]))


def test_other_classes_are_left_out():
    lists = {"a.wav": [Event(1, 2, "x"), Event(1, 2, "y")]}
    score = evaluate(lists, {"a.wav": [Event(1, 2, "y")]}, "x")
    assert (score["num_reference"], score["num_detected"], score["deletions"]) == (1, 0, 1)


def test_several_events_in_a_file():
    reference = {"a.wav": [Event(1, 2, "x"), Event(5, 6, "x"), Event(9, 10, "x")]}
    detected = {"a.wav": [Event(9.2, 10, "x"), Event(1.2, 2, "x"), Event(20, 21, "x")]}
    score = evaluate(reference, detected, "x")
    assert (score["insertions"], score["deletions"]) == (1, 1) and score["f_measure"] == pytest.approx(2 / 3)


def test_undefined_rates_are_null():
    nothing = evaluate({"a.wav": []}, {}, "x")
    keys = ("error_rate", "f_measure", "precision", "recall", "segment_error_rate", "segment_f_measure")
    rates = {key: nothing[key] for key in keys}
    assert rates == dict.fromkeys(rates)
    assert "NaN" not in json.dumps(nothing)
    silent = evaluate({"a.wav": [Event(1, 2, "x")]}, {}, "x")
    assert silent["error_rate"] == pytest.approx(1.0)
    assert (silent["recall"], silent["precision"], silent["f_measure"]) == (0.0, None, None)
    only_false = evaluate({"a.wav": []}, {"a.wav": [Event(1, 2, "x")]}, "x")
    assert only_false["error_rate"] is None and only_false["insertions"] == 1 and only_false["precision"] == 0.0


def test_unknown_files_are_refused():
    with pytest.raises(DataError, match="b.wav.*not in the reference"):
        evaluate({"a.wav": []}, {"b.wav": []}, "x")


def test_segments_of_a_second_by_hand():
    reference = {"a.wav": [Event(5.2, 7.1, "x")], "b.wav": [Event(2.0, 3.0, "x"), Event(2.5, 3.5, "y")], "c.wav": []}
    detected = {"a.wav": [Event(6.9, 9.0, "x")], "c.wav": [Event(0.5, 1.5, "x")]}
    # a: 5, 6, 7 against 6, 7, 8; b: 2 against nothing; c: nothing against 0, 1.
    score = evaluate(reference, detected, "x")
    assert score["segment_error_rate"] == pytest.approx(((1 + 1) + 3) / 4)
    assert score["segment_f_measure"] == pytest.approx(2 * 2 / (2 * 2 + 3 + 2))


def test_segments_are_those_of_sed_eval_with_the_files_lengths():
    import sed_eval

    random = np.random.default_rng(3)
    metrics = sed_eval.sound_event.SegmentBasedMetrics(["x"], time_resolution=1.0)
    reference, detected = {}, {}
    for index in range(20):
        for lists in (reference, detected):
            onset = random.uniform(0, 25)
            lists[f"{index}.wav"] = [Event(onset, onset + random.uniform(0.1, 4), "x")] if random.random() < 0.7 else []
        metrics.evaluate(
            *(
                [{"onset": e.onset_s, "offset": e.offset_s, "event_label": "x"} for e in lists[f"{index}.wav"]]
                for lists in (reference, detected)
            ),
            evaluated_length_seconds=30,
        )
    expected, score = metrics.results_overall_metrics(), evaluate(reference, detected, "x")
    assert score["segment_error_rate"] == pytest.approx(expected["error_rate"]["error_rate"])
    assert score["segment_f_measure"] == pytest.approx(expected["f_measure"]["f_measure"])
