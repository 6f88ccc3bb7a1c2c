"""Stage 7's script on hand-written alignments: skipped when up to date, and what it says otherwise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from phone_corpus import write_corpus

SETS = [f"{event}/{place}" for event in ("cry", "knock") for place in ("devtrain", "isolated_devtrain")]


@pytest.fixture
def stage(recipe, tmp_path):
    """The corpus as stages 0 to 4 leave it, and a function that runs the script on it."""
    corpus = write_corpus(tmp_path)
    lists = corpus / "source_data/cv_setup"
    lists.mkdir(parents=True)
    entry = {"audio_filename": "a.wav", "segment": [0, 1]}
    (lists / "events_devtrain.yaml").write_text(yaml.safe_dump({"cry": [entry] * 2, "knock": [entry] * 2}))
    (lists / "bgs_devtrain.yaml").write_text(yaml.safe_dump([{"filepath": "b.wav", "classname": "park"}]))
    model = corpus / "model"
    (model / "graph").mkdir(parents=True)
    (model / "graph/HCLG.fst").write_text("graph")
    shutil.copy(corpus / "phones.txt", model)
    for name in SETS:
        for mark in (".done", ".done_phones"):
            (corpus / "data" / name / mark).write_text("first\n")
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"

    def run():
        paths = [str(corpus / name) for name in ("data", ".", "model", "out")]
        command = ["steps/analyse_phones.sh", *paths, "cry", "knock"]
        return subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True, timeout=300)

    return corpus, run


def test_outputs_then_skipped_then_made_again_for_new_alignments(stage):
    corpus, run = stage
    done = run()
    assert done.returncode == 0, done.stderr
    page = corpus / "out/phones.md"
    assert "| cry | isolated | 1.50 |" in page.read_text()
    before = page.stat().st_mtime_ns
    done = run()
    assert done.returncode == 0 and "up to date" in done.stdout and page.stat().st_mtime_ns == before
    (corpus / "data/cry/devtrain/.done_phones").write_text("second\n")
    done = run()
    assert done.returncode == 0 and "up to date" not in done.stdout and page.stat().st_mtime_ns != before


def test_a_model_without_graph_is_skipped(stage):
    corpus, run = stage
    (corpus / "model/graph/HCLG.fst").unlink()
    done = run()
    assert done.returncode == 0 and "no graph" in done.stdout and not (corpus / "out").exists()


def test_missing_alignments_are_one_line_and_exit_2(stage):
    corpus, run = stage
    (corpus / "data/knock/devtrain/.done_phones").unlink()
    done = run()
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "knock/devtrain/.done_phones" in done.stderr


def test_bad_alignments_leave_no_mark(stage):
    corpus, run = stage
    (corpus / "data/knock/devtrain/phones.ctm").write_text("mix_0 1 0 99 SIL\n")
    done = run()
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "phones.ctm:1:" in done.stderr
    assert not (corpus / "out/.done").exists()
