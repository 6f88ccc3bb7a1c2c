"""Trainings without one of seed 1: the report ended in a traceback, and the last line named a model that is not there.
Names from a stranger's folders led out of the report's folder and into its HTML; scores of other recordings, or none,
ended in tracebacks; a recording that was gone stopped the whole page."""

import json
import re
import shutil

import numpy as np
import pytest
from experiment import EVENT, NAMES, write_experiment

from pysed.cli import main
from pysed.errors import DataError
from pysed.kaldi.tables import TableWriter
from pysed.report.content import read_models
from pysed.report.files import TestFiles
from pysed.report.page import write_report
from pysed.score.results_files import gather
from pysed.score.summary import brief


@pytest.fixture
def experiment(tmp_path):
    return write_experiment(tmp_path)


def as_seed(folder, seed):
    """Copy a training to the place of another seed."""
    shutil.copytree(folder, folder / f"seed{seed}", ignore=shutil.ignore_patterns("seed*"))
    for path in (folder / f"seed{seed}").glob("*.scp"):
        path.write_text(path.read_text().replace(f"{folder}/", f"{folder}/seed{seed}/"))


def test_the_lowest_seed_is_shown(experiment, tmp_path, capsys):
    data, results = experiment
    for system, seed in (("gradual", 12), ("gradual", 3), ("cbrnn", 2)):
        as_seed(results / EVENT / system, seed)
    for each in (results / EVENT).glob("*/*.*"):
        each.unlink()
    assert [model.folder.name for model in read_models(results)] == ["seed3", "seed2"]
    path, _, faults = write_report(data, results, tmp_path / "page")
    assert path.is_file() and not faults
    assert main(["results", str(results)]) == 0
    assert re.search(r"--model (\S+)", brief(results))[1] == str(results / EVENT / "gradual" / "seed3")


@pytest.mark.parametrize("subset", ['dev"><script>alert(1)<', "a b"])
def test_a_subset_has_a_name(experiment, subset, capsys):
    _, results = experiment
    score = results / EVENT / "cbrnn" / "score_devtest.json"
    try:
        score.rename(score.with_name(f"score_{subset}.json"))
    except OSError:
        pytest.skip("the file system takes no such name")
    assert [row.system for row in gather(results)] == ["gradual"]
    assert "left out" in capsys.readouterr().err


def test_a_class_has_a_name_of_its_own(experiment):
    _, results = experiment
    (results / EVENT).rename(results / "average")
    with pytest.raises(DataError, match="rename the class"):
        gather(results)


@pytest.mark.parametrize("room", [0, 1 << 30])
def test_a_recording_stays_in_the_folder(experiment, tmp_path, room):
    data, results = experiment
    test = data / EVENT / "devtest"
    for each in test.iterdir():
        if each.is_file() and each.suffix != ".ark":
            each.write_text(each.read_text().replace(f"{NAMES[0]} ", "../../../../escaped "))
    lines = sorted((test / "wav.scp").read_text().splitlines())
    assert lines[0].startswith("../")
    for path in (results / EVENT).glob("*/scores_*.scp"):
        path.write_text(path.read_text().replace(f"{NAMES[0]} ", "../../../../escaped "))
    (test / "events.tsv").write_text("")
    with pytest.raises(DataError, match="leads outside"):
        write_report(data, results, tmp_path / "deep/a/b/page", page_bytes=room)
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize(
    ("systems", "names", "value", "code", "expected"),
    [
        (["cbrnn"], NAMES, np.nan, 2, "scores_devtest.scp: .*run stage 6 again"),
        (
            ["cbrnn"],
            [f"other_{n}" for n in NAMES],
            0.1,
            0,
            "WARNING: .*cbrnn/scores_devtest.scp: no recording of .*left out",
        ),
        (["cbrnn", "gradual"], ["other"], 0.1, 2, "no model has scores of its test files; run stages 5 and 6 again"),
    ],
)
def test_scores_that_do_not_fit_the_recordings(experiment, tmp_path, capsys, systems, names, value, code, expected):
    data, results = experiment
    for folder in [results / EVENT / system for system in systems]:
        with TableWriter(f"ark,scp:{folder}/scores_devtest.ark,{folder}/scores_devtest.scp", "matrix") as table:
            for name in names:
                table.write(name, np.full((30, 1), value, dtype=np.float32))
    assert main(["report", "--data", str(data), "--results", str(results), "--out", str(tmp_path / "page")]) == code
    message = capsys.readouterr().err
    assert re.search(expected, message) and message.count("\n") == (3 if "no model" in expected else 1)


def test_a_recording_that_is_gone_leaves_the_others(experiment, tmp_path, capsys):
    data, results = experiment
    gone = data / EVENT / "devtest" / "audio" / f"{NAMES[3]}.wav"
    gone.unlink()
    assert main(["report", "--data", str(data), "--results", str(results), "--out", str(tmp_path / "page")]) == 3
    assert str(gone) in capsys.readouterr().err
    text = (tmp_path / "page/index.html").read_text()
    content = json.loads(re.search(r'type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    assert [file["name"] for file in content["files"] if file["audio"] is None] == [NAMES[3]]
    assert TestFiles.__test__ is False
