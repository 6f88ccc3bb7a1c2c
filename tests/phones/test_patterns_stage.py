"""Patterns of a class from a data directory and a model, by the command and by stage 7's script."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from phone_corpus import write_corpus

from pysed.cli import main
from pysed.detector.checkpoint import FORMAT, save
from pysed.detector.config import config_from_dict
from pysed.features.frontend import load_frontend
from pysed.kaldi.tables import TableWriter
from pysed.networks import build_model

FRAMES = 100  # of 100 ms


def write_model(folder: Path) -> None:
    """A gradual network whose logit is the third of four recogniser features, and nothing else."""
    config = config_from_dict({"system": "gradual", "model": "cbrnn", "asr": True}, "test")
    model = build_model(config, 40, 4)
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.zero_()
        model.classifier.weight[0, -4 + 2] = 1.0
    folder.mkdir(parents=True)
    frontend = load_frontend("conf/frontends/logmel40.yaml").as_dict()
    plain = {
        name: {"kind": "standard", "shift": torch.zeros(width), "scale": torch.ones(width)}
        for name, width in (("features", 40), ("asr", 4))
    }
    content = {
        "format": FORMAT, "config": config.as_dict(), "event": "cry", "state": model.state_dict(),
        "normalisation": plain, "frontend": frontend, "asr": {"model": "m", "layer": "l", "dim": 4},
        "t_base": 0.5, "beta": 0.0, "max_gap_s": None, "seed": 1,
    }  # fmt: skip
    save(folder / "final.pt", content)


@pytest.fixture
def corpus(tmp_path):
    """Mixtures of 10 s, the cry from 2 to 4 s; the recogniser's third feature is high where EH is heard."""
    corpus = write_corpus(tmp_path)
    test_set = corpus / "data/cry/devtest"
    shutil.copytree(corpus / "data/cry/devtrain", test_set)
    rng = np.random.default_rng(1)
    for name, rows, width in (("feats_logmel40", 2 * FRAMES, 40), ("prefinal", 333, 4)):
        with TableWriter(f"ark,scp:{test_set}/{name}.ark,{test_set}/{name}.scp", "matrix") as table:
            for number in range(4):
                matrix = rng.normal(size=(rows, width)).astype(np.float32)
                if name == "prefinal":
                    matrix[:, 2] = 0
                    matrix[84:113, 2] = 9
                table.write(f"mix_{number}", matrix)
    write_model(corpus / "exp/cry/gradual")
    (corpus / "exp/cry/cbrnn").mkdir()
    # mix_0 and mix_1 have the event: cbrnn finds neither and has a false alarm in mix_2, gradual finds both.
    (corpus / "exp/cry/gradual/events_devtest.tsv").write_text(
        "x0.wav\t2.0\t4.0\tcry\nx1.wav\t2.0\t4.0\tcry\nx2.wav\nx3.wav\n"
    )
    (corpus / "exp/cry/cbrnn/events_devtest.tsv").write_text("x0.wav\nx1.wav\nx2.wav\t5.0\t6.0\tcry\nx3.wav\n")
    (test_set / "wav.scp").write_text("".join(f"mix_{n} x{n}.wav\n" for n in range(4)))
    return corpus


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def run(corpus, *more):
    options = ["--data", str(corpus / "data"), "--models", str(corpus / "exp"), "--out", str(corpus / "out")]
    return main(["phones", "patterns", *options, "--events", "cry", "--draws", "200", *more])


def test_a_decision_by_one_recogniser_feature_is_that_streams(corpus):
    assert run(corpus) == 0
    decisions = rows_of(corpus / "out/decisions.csv")
    assert [(row["recording"], row["hit"]) for row in decisions] == [("mix_0", "1"), ("mix_1", "1")]
    for row in decisions:
        assert float(row["sed_logit"]) == pytest.approx(0, abs=1e-5)
        # 9 for 0.87 s of the detection's two, less the clip's mean of 9 for 0.87 s of ten.
        assert float(row["asr_logit"]) == pytest.approx(9 * 0.87 / 2 - 9 * 0.87 / 10, rel=0.01)
    kinds = {row["kind"]: (row["changed"], row["kept"]) for row in rows_of(corpus / "out/mended.csv")}
    assert kinds == {
        "misses mended": ("2", "0"), "misses made": ("0", "0"),
        "false alarms mended": ("1", "0"), "false alarms made": ("0", "0"),
    }  # fmt: skip
    assert "| cry | 2 | hits | 3.13 | +0.00 | +3.13 | 100 % |" in (corpus / "out/patterns.md").read_text()
    for name in ("streams", "evidence"):
        for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
            assert (corpus / "out" / f"{name}.{kind}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--draws", "3"], "--draws 3"),
        (["--subset", "evaltest"], "cry/evaltest: no such folder"),
        (["--events", "cry,cry"], "expected different names"),
        (["--events", "knock"], "knock/devtest: no such folder"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(corpus, capsys, more, message):
    assert run(corpus, *more) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_the_stage_skips_what_is_not_trained_and_what_is_done(recipe, corpus):
    (corpus / "graph").mkdir()
    (corpus / "graph/HCLG.fst").write_text("graph")
    for mark in (".done", ".done_phones"):
        (corpus / "data/cry/devtest" / mark).write_text("first\n")
    environment = {**os.environ, "PYSED_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    paths = [str(corpus / "data"), str(corpus / "exp"), str(corpus), str(corpus / "out")]

    def stage(*events):
        command = ["steps/analyse_patterns.sh", *paths, *events]
        done = subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "knock: no trained and scored gradual" in stage("knock") and not (corpus / "out").exists()
    assert "1 classes" in stage("cry", "knock")
    assert "up to date" in stage("cry", "knock")
