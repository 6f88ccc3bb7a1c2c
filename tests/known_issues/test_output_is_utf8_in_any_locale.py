"""Where the locale is not UTF-8, what was printed was not either: a traceback, or a list that pysed refused to read."""

import json
import os
import subprocess
import sys

import pytest


def run(root, *words, coding):
    return subprocess.run(
        [sys.executable, "-m", "pysed", *map(str, words)],
        cwd=root, capture_output=True, env={**os.environ, "PYTHONIOENCODING": coding}, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("coding", ["latin-1", "ascii"])
def test_a_class_and_a_name_beyond_it(root, tmp_path, coding):
    lists = tmp_path / "source_data/cv_setup"
    lists.mkdir(parents=True)
    events = {"泣き声": [{"audio_filename": "a.wav", "segment": [0, 1]}], "ü": []}
    for subset in ("devtrain", "devtest"):
        (lists / f"events_{subset}.yaml").write_text(json.dumps(events))
        (lists / f"bgs_{subset}.yaml").write_text("[]")
    done = run(root, "corpus", "classes", tmp_path, coding=coding)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.decode("utf-8").split()) == set(events)
