"""A copy of a score, or a folder of the user's own beside those of the classes, stopped all results and the report."""

import shutil

from experiment import write_experiment

from pysed.score.results_files import gather


def test_they_are_left_out_with_a_line_each(tmp_path, capsys):
    _, results = write_experiment(tmp_path)
    rows = gather(results)
    score = next(results.glob("*/cbrnn/score_devtest.json"))
    shutil.copy(score, score.with_name("score_devtest (copy).json"))
    shutil.copytree(score.parent, results / "old results/cbrnn")
    assert gather(results) == rows
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("WARNING: ") and "left out" in line for line in lines)
