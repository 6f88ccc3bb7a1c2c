"""The experiment in a few lines: what the table shows of what there is, and what is said of it."""

import pytest

from pysed.score.summary import MEANING, brief, compared, small_table, verdict


def figure(value):
    return {"mean": value, "std": None, "interval": None, "values": [value]}


def record(system, event, rate, against=None, seeds=(1,)):
    rates = {"error_rate": figure(rate), "f_measure": figure(None if rate is None else 1 - rate / 2)}
    known = against and {"error_rate": {"mean": 0.1, "interval": [0, 1], "p": against}}
    if against == "few":
        known["error_rate"]["p"] = None
    return {"event": event, "system": system, "seeds": list(seeds), **rates, "against": known}


def of_classes(*systems):
    """Records of (system, error rates of cry and shot, p)."""
    found = [
        record(name, event, rate)
        for name, rates, _ in systems
        for event, rate in zip(("cry", "shot"), rates, strict=True)
    ]
    return found + [record(name, "average", sum(rates) / 2, p) for name, rates, p in systems]


@pytest.mark.parametrize(
    "found, said",
    [
        (of_classes(("gradual", (0.2, 0.3), None), ("mlp", (0.6, 0.8), 0.0001)),
         "gradual is best on average over the classes, with an error rate of 0.25 (mlp: 0.70). "
         "gradual and mlp differ by more than chance (p <0.001)."),
        (of_classes(("gradual", (0.2, 0.3), None), ("mlp", (0.1, 0.1), 0.4), ("crnn", (0.3, 0.1), 0.01)),
         "mlp is best on average over the classes, with an error rate of 0.10 (crnn: 0.20). "
         "mlp and gradual may differ by chance alone (p = 0.400)."),
        (of_classes(("gradual", (0.2, 0.3), None), ("mlp", (0.2, 0.3), "few")),
         "gradual and mlp have the same error rate on average over the classes, 0.25. "
         "Too few recordings of events to tell whether gradual and mlp differ by more than chance."),
        ([record("mlp", "cry", 0.5), record("crnn", "cry", 0.25)],
         "crnn is best on cry, with an error rate of 0.25 (mlp: 0.50)."),
        ([record("mlp", "cry", 0.5)], "mlp has an error rate of 0.50 on cry, where staying silent gets 1."),
        ([record("mlp", "cry", 1.5), record("gradual", "cry", 1.25)],
         "No system does better on cry than one that stays silent; gradual has an error rate of 1.25."),
        ([*of_classes(("gradual", (1.2, 1.4), None)), record("mlp", "cry", 0.5), record("mlp", "shot", 0.5)],
         "No system does better on average over the classes than one that stays silent; gradual has an error rate of "
         "1.30. Longer training or more data may help. "
         "Left out, as not every class has been scored with the same seeds: mlp."),
        ([record("mlp", "cry", 0.5), record("crnn", "shot", 0.5)],
         "No system has been scored on every class with the same seeds, so there is no average to compare."),
    ],
)  # fmt: skip
def test_verdict(found, said):
    assert verdict(found) == said


def test_the_table_has_what_there_is_and_silence_last():
    one = small_table([record("mlp", "cry", 0.5)], [])
    assert one == [["system", "cry"], ["mlp", "0.50 / 75.0"], ["(silence)", "1.00 / n/a"]]
    seeds = small_table([{**record("gradual", "cry", 0.5), "seeds": [1, 2]}], [])
    assert seeds[0] == ["system", "cry", "seeds"] and seeds[1][2] == "1,2" and seeds[-1][2] == ""
    several = small_table(of_classes(("gradual", (0.2, 0.3), None)), [])
    assert several[0] == ["system", "cry", "shot", "average"] and len(several) == 3, "the paper's line is left out"


def test_systems_without_a_rate_are_not_compared():
    assert [each["system"] for each in compared([record("mlp", "cry", None), record("crnn", "cry", 1.0)])] == ["crnn"]


def test_brief_names_the_best_model(tmp_path, capsys):
    import json

    from pysed.commands.results import main

    for system, rate in (("cbrnn", 0.5), ("gradual", 0.25)):
        folder = tmp_path / "demo/cry" / system
        folder.mkdir(parents=True)
        rates = {"error_rate": rate, "f_measure": 0.75, "precision": 0.75, "recall": 0.75}
        counts = {"num_reference": 4, "num_detected": 4, "insertions": 1, "deletions": 1}
        score = {"event": "cry", "system": system, "subset": "devtest", "seed": 1, "num_files": 8, **rates, **counts}
        (folder / "score_devtest.json").write_text(json.dumps(score))
    assert main([str(tmp_path / "demo"), "--brief"]) == 0
    text = capsys.readouterr().out
    assert text == brief(tmp_path / "demo") and max(map(len, text.splitlines()[:-1])) <= 100
    assert "| gradual   | 0.25 / 75.0 |" in text and " ".join(text.split()).count(MEANING) == 1
    assert f"pysed detect --model {tmp_path}/demo/cry/gradual " in text
    assert "every model" in (tmp_path / "demo/RESULTS.md").read_text()
