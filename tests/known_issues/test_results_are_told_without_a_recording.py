"""One recording that could not be read kept ``run.sh`` from its last words: the results, and where to look."""

import shutil

from experiment import write_experiment
from tiny_recipe import run_in


def test_the_table_stands_at_the_end(recipe, tiny_corpus, tmp_path):
    data, results = write_experiment(tmp_path)
    source = shutil.copytree(tiny_corpus, tmp_path / "sounds")
    event = next(results.iterdir()).name
    for path, name in ((data, "data/sounds"), (results, "e/sounds")):
        shutil.copytree(path, recipe / name)
    next((data / event / "devtest/audio").iterdir()).write_text("no sound")
    done = run_in(recipe, "./run.sh", "--corpus", source, "--event", "knock", "--exp", "e", "--stage", 8)
    assert done.returncode == 3, done.stderr
    assert "Report          e/sounds/report/index.html" in done.stdout and "Took  " in done.stdout
