"""``pysed phones``: its files, and what it says to bad data."""

import csv
import math
import shutil

import numpy as np
import pytest
from phone_corpus import write_corpus

from pysed.cli import main
from pysed.phones.heard.analysis import analyse


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


def run(corpus, *more, out="out"):
    options = ["--data", str(corpus / "data"), "--events", "cry,knock", "--out", str(corpus / out), *more]
    return main(["phones", *options])


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_measures_by_hand(corpus):
    analysis = analyse(corpus / "data", ["cry", "knock"], corpus / "phones.txt")
    bare, mixed = analysis.measures["cry", "isolated"], analysis.measures["cry", "mixtures"]
    # Bare: 1 s and 2 s; 0.3 SIL, 0.6 EH, 0.1 T in each.
    assert bare["median_duration_s"].value == 1.5
    assert bare["speech_share"].value == pytest.approx(0.7)
    assert bare["phone_rate"].value == pytest.approx(4 / 3)
    assert bare["phones_per_event"].value == 2
    # Mixtures, 2 to 4 s: half of M with its centre on the onset, and EH of 0.9 and 1 s.
    assert mixed["speech_share"].value == 1
    assert mixed["phone_rate"].value == pytest.approx(4 / 4)
    assert analysis.table("cry", "mixtures", "phone", "time").amount.sum() == pytest.approx(0.5 * 2 + 0.9 + 1.0)
    # Background: both classes' mixtures 2 and 3; 2 · (1.5 + 5) of SIL a class, SPN only in knock's.
    background = analysis.measures["background", "background"]
    assert "median_duration_s" not in background
    assert analysis.parts[-1].num_recordings == 4 and len(analysis.parts[-1].tally.sources) == 2
    assert background["spn_share"].value == pytest.approx(2.3 / (4 * 6.5 + 4 * 1.0 + 2 * 2.3))
    pair = {row[:4]: row[4] for row in analysis.comparisons}["speech_share", "isolated", "cry", "knock"]
    assert pair.value == pytest.approx(0.6)


def test_tables_agree_with_each_other_and_the_ctm(corpus):
    assert run(corpus, "--phones", str(corpus / "phones.txt")) == 0
    rows = rows_of(corpus / "out/phones.csv")
    for event in ("cry", "knock"):
        ctm = [line.split() for line in (corpus / "data" / event / "isolated_devtrain/phones.ctm").open()]
        for form in ("position", "stress", "phone"):
            mine = [r for r in rows if (r["event"], r["place"], r["form"]) == (event, "isolated", form)]
            counts = [r for r in mine if r["measure"] == "count"]
            assert sum(int(r["amount"]) for r in counts) == len(ctm)
            assert sum(float(r["share"]) for r in counts) == pytest.approx(1, abs=1e-5)
            times = sum(float(r["amount"]) for r in mine if r["measure"] == "time")
            assert times == pytest.approx(sum(float(words[3]) for words in ctm))
    top = [r for r in rows_of(corpus / "out/table2.csv") if (r["event"], r["place"]) == ("cry", "isolated")]
    assert [r["phone"] for r in top] == ["EH1_S", "SIL", "T_B"] and top[0]["paper_phone"] == ""


def test_log_odds_point_the_right_way_and_the_background_has_none(corpus):
    analysis = analyse(corpus / "data", ["cry", "knock"])
    table = analysis.table("knock", "mixtures", "phone")
    found = dict(zip(table.phones, table.log_odds, strict=True))
    assert found["SPN"] > 0 > found["SIL"]
    assert (table.log_odds_low < table.log_odds).all() and (table.log_odds < table.log_odds_high).all()
    assert np.isnan(analysis.table("background", "background", "phone").log_odds).all()


def test_log_odds_of_the_analysis_are_those_of_the_ctm(corpus):
    analysis = analyse(corpus / "data", ["cry", "knock"])
    # By hand, in events of each place and class, then in the background.
    parts = {
        ("cry", "isolated"): {"SIL": 2, "EH": 2, "T": 2},
        ("cry", "mixtures"): {"M": 2, "EH": 2},
        ("knock", "isolated"): {"SIL": 2, "SPN": 2, "T": 2},
        ("knock", "mixtures"): {"M": 2, "SPN": 2},
        ("background", "background"): {"SIL": 8, "M": 4, "EH": 2, "SPN": 2},
    }
    names = ["EH", "M", "SIL", "SPN", "T"]
    pooled = {name: sum(part.get(name, 0) for part in parts.values()) for name in names}
    mass = len(names)
    for key, counts in parts.items():
        table = analysis.table(*key, "phone")
        assert dict(zip(table.phones, table.amount.tolist(), strict=True)) == {n: counts.get(n, 0) for n in names}
        if key[0] == "background":
            continue
        odds = dict(zip(table.phones, table.log_odds, strict=True))
        for name in names:
            alpha = mass * pooled[name] / sum(pooled.values())
            sides = []
            for part in (counts, parts["background", "background"]):
                mine = part.get(name, 0) + alpha
                sides.append(math.log(mine / (sum(part.values()) + mass - mine)))
            assert odds[name] == pytest.approx(sides[0] - sides[1], rel=1e-12)


def test_all_files_are_there_and_the_same_again(corpus):
    assert run(corpus) == run(corpus, out="again") == 0
    names = sorted(path.name for path in (corpus / "out").iterdir())
    assert names == sorted(
        ["phones.md", "phones.csv", "summary.csv", "comparisons.csv", "table2.csv", "words.csv"]
        + [f"figure2{where}.{kind}" for where in ("", "_mixtures") for kind in ("svg", "png", "pdf")]
        + [f"figure2{where}-{event}.svg" for where in ("", "_mixtures") for event in ("cry", "knock")]
    )
    for name in names:
        assert (corpus / "out" / name).read_bytes() == (corpus / "again" / name).read_bytes(), name
    assert (corpus / "out/figure2.png").stat().st_size > 10_000


def test_a_class_has_the_same_intervals_whoever_is_beside_it(corpus):
    both, alone = analyse(corpus / "data", ["cry", "knock"]), analyse(corpus / "data", ["cry"])
    assert str(both.measures["cry", "isolated"]) == str(alone.measures["cry", "isolated"])


def test_what_all_sources_agree_on_has_no_interval(corpus):
    silence = analyse(corpus / "data", ["cry"]).measures["cry", "mixtures"]["sil_share"]
    assert silence.value == 0 and np.isnan([silence.error, silence.low, silence.high]).all()


def test_without_recordings_free_of_events_there_is_no_reference(corpus):
    for event in ("cry", "knock"):
        lines = [f"mix_{i}\t2.0\t4.0\t{event}\n" for i in range(4)]
        (corpus / "data" / event / "devtrain/events.tsv").write_text("".join(lines))
    assert run(corpus) == 0
    assert "no background" in (corpus / "out/phones.md").read_text()
    rows = rows_of(corpus / "out/phones.csv")
    assert all(row["log_odds"] == "" for row in rows) and {row["event"] for row in rows} == {"cry", "knock"}


def test_one_event_alone_has_no_interval(corpus):
    folder = corpus / "data/cry/isolated_devtrain"
    for name in ("wav.scp", "utt2spk", "spk2utt", "reco2dur", "events.tsv", "utt2scene", "phones.ctm"):
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(line for line in lines if line.startswith("bare_0")))
    assert run(corpus) == 0
    row = next(r for r in rows_of(corpus / "out/summary.csv") if r["measure"] == "speech_share")
    assert row["value"] == "0.7" and row["low"] == row["high"] == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mix_0 1 9.90 0.05", ["4 columns"]),
        ("mix_9 1 9.90 0.05 SIL", ["mix_9", "reco2dur"]),
        ("mix_3 1 9.99 0.30 SIL", ["10.29", "inside"]),
        ("mix_3 1 9.90 0.05 SIL", ["one at a time"]),
        ("mix_3 1 10.00 0.03 3", ["'3'", "number"]),
        ("mix_3 1 10.00 0.03 QQ_B", ["'QQ_B'", "no phone"]),
        ("mix_3 1 10.00 0 SIL", ["duration over 0"]),
        ("mix_3 1 nan 0.03 SIL", ["'nan'"]),
        ("mix_3 1 x 0.03 SIL", ["'x'"]),
    ],
)
def test_bad_ctm_is_one_line_and_exit_2(corpus, capsys, line, words):
    ctm = corpus / "data/cry/devtrain/phones.ctm"
    ctm.write_text(ctm.read_text() + line + "\n")
    assert run(corpus, "--phones", str(corpus / "phones.txt")) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "Traceback" not in error
    assert all(word in error for word in [*words, f"{ctm}:17:"])
    assert not (corpus / "out").exists()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda data: (data / "cry/devtrain/phones.ctm").unlink(), ["phones.ctm", "missing", "stage 4"]),
        (lambda data: (data / "cry/devtrain/phones.ctm").write_text("mix_0 1 0 1 SIL\n"), ["no phones of mix_1"]),
        (lambda data: shutil.rmtree(data / "knock/isolated_devtrain"), ["isolated_devtrain", "no such folder"]),
        (lambda data: (data / "cry/devtrain/events.tsv").write_text(""), ["events.tsv", "no event 'cry'"]),
        (lambda data: (data / "cry/devtrain/recipes.yaml").write_text("a: b\n"), ["recipes.yaml", "not a list"]),
        (lambda data: (data / "cry/devtrain/recipes.yaml").write_text("[]\n"), ["no recipe of mix_0"]),
        (shutil.rmtree, ["no such folder"]),
    ],
)
def test_bad_data_is_one_line_and_exit_2(corpus, capsys, harm, words):
    harm(corpus / "data")
    assert run(corpus) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and all(word in error for word in words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--events", "cry,cry"], ["--events", "different"]),
        (["--events", "thunder"], ["thunder", "no such folder"]),
        (["--samples", "1"], ["--samples 1"]),
        (["--samples", "many"], ["--samples", "many"]),
        (["--phones", "nowhere.txt"], ["nowhere.txt", "phones.txt"]),
        (["--source", "nowhere"], ["nowhere", "missing"]),
        (["--nonsense"], ["--nonsense"]),
    ],
)
def test_bad_use_is_one_line_and_exit_2(corpus, capsys, options, words):
    assert run(corpus, *options) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and all(word in error for word in words)
