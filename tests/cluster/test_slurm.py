"""Feature stages on a Slurm cluster of one node: the same archives as local jobs; a cancelled job runs again alone."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from slurm_node import slurm_node, why_not

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.thorough, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture(scope="module")
def cluster():
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # the path of a socket must be short
    try:
        with slurm_node(folder) as environment:
            yield environment
    finally:
        shutil.rmtree(folder)


def slurm(cluster, *words: object, **options) -> subprocess.Popen:
    command = [str(word) for word in ("utils/slurm.sh", *words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env={**cluster, **options}, text=True, **pipes)


def test_an_array_of_jobs(cluster, tmp_path):
    done = slurm(
        cluster,
        "--time=5",
        "JOB=2:4",
        tmp_path / "log/JOB.log",
        "echo",
        "a JOB",
        "|",
        "tr",
        "a",
        "b",
        ">",
        tmp_path / "JOB",
    )
    assert done.communicate() == ("", "") and done.returncode == 0
    assert [(tmp_path / name).read_text() for name in "234"] == ["b 2\n", "b 3\n", "b 4\n"]
    assert all("(code 0)" in (tmp_path / f"log/{name}.log").read_text() for name in "234")


def test_a_job_that_fails_is_named_and_not_repeated(cluster, tmp_path):
    count = f"echo x >>{tmp_path}/count.JOB; echo error: bad JOB; test JOB = 1"
    failed = slurm(cluster, "JOB=1:2", tmp_path / "JOB.log", "eval", count)
    _, errors = failed.communicate()
    assert failed.returncode == 1 and errors.count("\n") == 1 and "error: bad 2" in errors and "2.log" in errors
    assert (tmp_path / "count.2").read_text() == "x\n"
    refused = slurm(cluster, "--partition=nowhere", tmp_path / "log", "true")
    assert "invalid partition" in refused.communicate()[1] and refused.returncode == 1


def test_a_cancelled_job_runs_again_alone(cluster, tmp_path):
    work = f"echo x >>{tmp_path}/count.JOB; test JOB = 1 || test $(wc -l <{tmp_path}/count.JOB) = 2 || sleep 100"
    running = slurm(cluster, "JOB=1:2", tmp_path / "cancel.JOB.log", "eval", work)
    for _ in range(300):
        if (tmp_path / "count.2").exists() and (tmp_path / "count.1").exists():
            break
        time.sleep(0.1)
    time.sleep(1)
    subprocess.run(["scancel", "--name=cancel.JOB", "--state=RUNNING"], env=cluster, check=True)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 0 and "submitting again: cancel.JOB 2" in errors
    assert (tmp_path / "count.1").read_text() == "x\n" and (tmp_path / "count.2").read_text() == "x\nx\n"


@pytest.mark.parametrize("stage", ["steps/make_sed_feats.sh", "steps/make_asr_feats.sh"])
def test_feature_stages_give_the_archives_of_local_jobs(cluster, tmp_path, stage, recipe):
    arguments = {"steps/make_sed_feats.sh": "logmel40", "steps/make_asr_feats.sh": "models/demo"}[stage]
    golden = ROOT / "tests/golden/demo/wav"
    found = []
    for backend in ("utils/run_jobs.sh", "utils/slurm.sh"):
        data = tmp_path / Path(backend).stem
        data.mkdir()
        names = sorted(path.stem for path in golden.glob("*.wav"))
        (data / "wav.scp").write_text("".join(f"{name} {golden / name}.wav\n" for name in names))
        for name in ("utt2spk", "spk2utt"):
            (data / name).write_text("".join(f"{utterance} {utterance}\n" for utterance in names))
        (data / ".done").write_text("x\n")
        environment = {**cluster, "run_cmd": backend, "PYSED_VENV": sys.prefix}
        subprocess.run([stage, "--nj", "2", str(data), arguments], cwd=recipe, env=environment, check=True, timeout=600)
        archives = sorted(path for path in data.rglob("*.ark"))
        found.append({str(path.relative_to(data)): path.read_bytes() for path in archives})
    assert found[0] == found[1] and len(found[0]) >= 2


def test_training_is_a_job_of_its_own(cluster, tmp_path, recipe):
    for name in (".done", ".done_feats_logmel40"):
        (tmp_path / "devtrain").mkdir(exist_ok=True)
        (tmp_path / "devtrain" / name).write_text("x\n")
    trainer = tmp_path / "trainer.sh"  # in pysed's place: leaves the job's number
    trainer.write_text(
        """#!/usr/bin/env bash
        while [[ $1 != --out ]]; do shift; done
        echo "best epoch 1" >"$2/train.log"
        for name in final.pt metrics.csv; do echo "job $SLURM_ARRAY_JOB_ID" >"$2/$name"; done
        """
    )
    trainer.chmod(0o755)
    environment = {**cluster, "train_run_cmd": "utils/slurm.sh", "train_cmd": str(trainer), "PYSED_VENV": sys.prefix}
    command = ["steps/train.sh", str(tmp_path), "cry", "conf/systems/cbrnn.yaml", str(tmp_path / "model")]
    done = subprocess.run(command, cwd=recipe, env=environment, check=True, timeout=600, capture_output=True, text=True)
    assert "model: best epoch 1" in done.stdout and (tmp_path / "model/.done_train").is_file()
    assert (tmp_path / "model/final.pt").read_text().split()[1].isdecimal()
    assert "(code 0)" in (tmp_path / "model/job.log").read_text()
