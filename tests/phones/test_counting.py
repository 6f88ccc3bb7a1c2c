"""Phones counted in events, by hand."""

import numpy as np
import pytest
import yaml
from phone_corpus import write_corpus

from pysed.datadir.ctm import Span, read_ctm, read_inventory
from pysed.phones.heard.regions import Region, disjoint, load_regions
from pysed.phones.heard.tally import tally
from pysed.phones.heard.words import count_words, split_words
from pysed.phones.names import by_class, class_of, in_form, is_speech

S = 1_000_000


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


def spans(*rows):
    return [Span(round(start * S), round(duration * S), phone) for start, duration, phone in rows]


def test_names_lose_position_then_stress():
    assert [in_form("EH1_S", form) for form in ("position", "stress", "phone")] == ["EH1_S", "EH1", "EH"]
    assert [in_form("SIL", form) for form in ("position", "stress", "phone")] == ["SIL"] * 3
    assert in_form("T_B", "phone") == "T" and in_form("SPN_S", "stress") == "SPN"
    assert not is_speech("SPN_S") and not is_speech("SIL") and is_speech("S_S")
    assert class_of("EH1_S") == "vowels" and class_of("x2") == "other"
    assert by_class(["T", "zz", "SIL", "M", "EH", "AA"]) == ["SIL", "EH", "AA", "M", "T", "zz"]


def test_a_phone_half_inside_counts_where_its_centre_is():
    # Event 1.0 to 2.0. M: centre 1.0, on the onset: in. T: centre 2.0, on the offset: out.
    row = spans((0.5, 1.0, "M"), (1.5, 1.0, "T"))
    counted = tally([Region("r", "r", ((1 * S, 2 * S),), row)], ("M", "T"))
    assert counted.counts.tolist() == [[1, 0]]
    assert counted.times_us.tolist() == [[S // 2, S // 2]]
    assert counted.covered_us.tolist() == [S]


@pytest.mark.parametrize(("start", "inside"), [(0.849999, 0), (0.85, 1), (1.849999, 1), (1.85, 0)])
def test_the_centre_is_exact_to_a_microsecond(start, inside):
    counted = tally([Region("r", "r", ((1 * S, 2 * S),), spans((start, 0.3, "M")))], ("M",))
    assert counted.counts[0, 0] == inside


def test_a_phone_longer_than_the_event_gives_time_but_may_not_count():
    counted = tally([Region("r", "r", ((0, S),), spans((0, 9, "SIL")))], ("SIL",))
    assert counted.counts.tolist() == [[0]] and counted.times_us.tolist() == [[S]]


def test_regions_of_one_source_share_a_row_and_events_keep_their_lengths():
    row = spans((0, 0.4, "M"), (0.4, 0.4, "T"))
    regions = [
        Region("a", "x", ((0, S),), row, (S,)),
        Region("b", "y", ((0, S),), row[:1], (2 * S,)),
        Region("c", "x", ((0, S),), row[1:], (3 * S,)),
    ]
    counted = tally(regions, ("M", "T"))
    assert counted.sources == ("x", "y")
    assert counted.counts.tolist() == [[1, 2], [1, 0]]
    assert counted.lengths_us.tolist() == [S, 2 * S, 3 * S] and counted.length_source.tolist() == [0, 1, 0]


def test_forms_add_up():
    counted = tally([Region("a", "a", ((0, 9 * S),), spans((0, 1, "EH1_S"), (1, 2, "EH1_B"), (3, 3, "EH0_E")))],
                    ("EH1_S", "EH1_B", "EH0_E"))  # fmt: skip
    stress, phone = counted.in_form("stress"), counted.in_form("phone")
    assert stress.phones == ("EH1", "EH0") and stress.counts.tolist() == [[2, 1]]
    assert phone.phones == ("EH",) and phone.times_us.tolist() == [[6 * S]]


def test_overlapping_events_are_counted_once():
    assert disjoint([(3, 5), (0, 2), (1, 3), (7, 8)]) == ((0, 5), (7, 8))


def test_inside_and_outside_make_up_the_ctm():
    rng = np.random.default_rng(4)
    names = ("A", "B", "C")
    for _ in range(50):
        edges = np.unique(np.concatenate([[0, 1000], rng.integers(1, 1000, 40)])) * 30_000
        row = [Span(int(a), int(b - a), names[rng.integers(3)]) for a, b in zip(edges, edges[1:], strict=False)]
        begin, end = sorted(rng.integers(0, 30 * S, 2).tolist())
        inside = tally([Region("r", "r", ((begin, end),), row)], names)
        outside = tally([Region("r", "r", ((0, begin), (end, 30 * S)), row)], names)
        for column, name in enumerate(names):
            mine = [span for span in row if span.phone == name]
            assert inside.counts[0, column] + outside.counts[0, column] == len(mine)
            total_us = sum(span.duration_us for span in mine)
            assert inside.times_us[0, column] + outside.times_us[0, column] == total_us
        assert inside.times_us.sum() == inside.covered_us[0] == end - begin


def test_regions_of_a_data_directory(corpus):
    inside, without = load_regions(corpus / "data/cry/devtrain", "cry", None)
    assert [region.recording for region in inside] == ["mix_0", "mix_1"]
    assert [region.recording for region in without] == ["mix_2", "mix_3"]
    assert inside[0].intervals_us == ((2 * S, 4 * S),) and inside[0].event_lengths_us == (2 * S,)
    assert without[0].intervals_us == ((0, 10 * S),) and without[0].source == "mix_2"


def test_sources_are_those_of_the_recipes(corpus):
    folder = corpus / "data/cry/devtrain"
    recipes = [
        {"name": f"mix_{i}", "background": {"recording": f"bg{i % 2}"}, "event": {"recording": "e"} if i < 2 else None}
        for i in range(4)
    ]
    (folder / "recipes.yaml").write_text(yaml.safe_dump(recipes))
    inside, without = load_regions(folder, "cry", None)
    assert [region.source for region in inside] == ["e", "e"]
    assert [region.source for region in without] == ["bg0", "bg1"]


def test_bare_events_take_their_recording_from_the_corpus(corpus):
    lists = corpus / "source_data/cv_setup"
    lists.mkdir(parents=True)
    entry = {"audio_filename": "a.wav", "segment": [0, 1], "recording_id": "same"}
    (lists / "events_devtrain.yaml").write_text(yaml.safe_dump({"cry": [entry, entry]}))
    (lists / "bgs_devtrain.yaml").write_text(yaml.safe_dump([{"filepath": "b.wav", "classname": "park"}]))
    inside, _ = load_regions(corpus / "data/cry/isolated_devtrain", "cry", None, corpus)
    assert [region.source for region in inside] == ["same", "same"]


def test_words_run_from_begin_to_end_and_count_where_their_centre_is():
    row = spans(
        (0, 0.1, "SIL"), (0.1, 0.1, "F_B"), (0.2, 0.1, "AO1_I"), (0.3, 0.1, "R_E"), (0.4, 0.1, "AH0_S"),
        (0.5, 0.1, "SPN_S"), (0.6, 0.1, "T_B"), (0.7, 0.1, "SIL"), (0.8, 0.1, "T_E"), (0.9, 0.1, "AH0_S"),
    )  # fmt: skip
    assert [word for word, *_ in split_words(row)] == ["F_B AO1_I R_E", "AH0_S", "AH0_S"]
    regions = [Region("a", "x", ((250_000, S),), row), Region("b", "y", ((0, 250_000), (900_000, S)), row)]
    assert count_words(regions) == [("AH0_S", 3, 2), ("F_B AO1_I R_E", 1, 1)]


def test_inventory_leaves_out_what_is_no_phone(corpus):
    assert read_inventory(corpus / "phones.txt") == ("SIL", "SPN_S", "EH1_S", "EH1_B", "EH0_E", "M_E", "T_B")


def test_ctm_keeps_times_exactly(tmp_path):
    (tmp_path / "phones.ctm").write_text("a 1 0.03 0.27 SIL\na 1 0.30 0.03 M_E 0.9\n")
    assert read_ctm(tmp_path / "phones.ctm", {"a": 0.3}) == {"a": [(30000, 270000, "SIL"), (300000, 30000, "M_E")]}
