"""steps/detect.sh: an archive in shards gives what one call gives, and is skipped once it is done."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from small_detector import make_model

from pysed.cli import main

ROOT = Path(__file__).parents[2]


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command = ["steps/detect.sh", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)


def test_shards_give_what_one_call_gives(tmp_path):
    model = make_model(tmp_path / "model")
    names = []
    for number in range(7):
        name = f"{number}, é.wav" if number % 2 else f"2024013{number // 6}_05450{number}.wav"
        soundfile.write(tmp_path / name, np.random.default_rng(number).normal(0, 0.01 * 3**number, 8000), 16000)
        names.append(str(tmp_path / name))
    Path(names[3]).write_text("hello")
    Path(names[6]).unlink()
    (tmp_path / "list").write_text("\n".join(names) + "\n")
    assert (
        main(["detect", "--model", str(model), "--files-from", f"{tmp_path}/list", "--out", f"{tmp_path}/o.tsv"]) == 3
    )
    broken = shutil.copytree(model, tmp_path / "broken")
    (broken / "final.pt").write_bytes(b"x")
    assert run("--nj", 1, broken, tmp_path / "list", tmp_path / "out").returncode != 0
    done = run("--nj", 2, model, tmp_path / "list", tmp_path / "out")
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "out/events.tsv").read_bytes() == (tmp_path / "o.tsv").read_bytes()
    failures = (tmp_path / "out/failures.txt").read_text().splitlines()
    assert len(failures) == 2 and names[3] in failures[0] and names[6] in failures[1]
    for name in (names[3], names[6]):
        shutil.copy(names[0], name)
    mended = run("--nj", 2, model, tmp_path / "list", tmp_path / "out")
    assert mended.returncode == 0 and not (tmp_path / "out/failures.txt").read_text()
    again = run("--nj", 2, model, tmp_path / "list", tmp_path / "out")
    assert again.returncode == 0 and "events in" not in again.stdout + again.stderr
    other = run("--nj", 1, "--threshold", 0.99, model, tmp_path / "list", tmp_path / "out")
    assert other.returncode == 0 and (tmp_path / "out/events.tsv").read_bytes() != (tmp_path / "o.tsv").read_bytes()
