"""Two processes of torchrun give what one gives with the same whole batch, dropout and augmentation included."""

import csv
import os
import subprocess
import sys

import pytest
import torch
import yaml
from small_clips import make_clips, small_config, with_scenes, write_data_dir

from pysed import parallel
from pysed.detector.checkpoint import load


def trained(folder, root, system: str, processes: int, native: str, *options: str) -> subprocess.CompletedProcess:
    """``pysed train`` by torchrun; the model goes into a folder named for the number of processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "--", "pysed", "train", "--system", str(folder / f"conf/systems/{system}.yaml"), "--event", "cry"]
    command += ["--data", str(folder / "data"), "--out", str(folder / str(processes)), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYSED_NATIVE": native, "PYTHONPATH": str(root)}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, root):
    """Data, and systems that between them have every layer: with precision float32, whose rounding is small."""
    folder = tmp_path_factory.mktemp("parallel")
    (folder / "conf/systems").mkdir(parents=True)
    (folder / "conf/frontends").symlink_to(root / "conf/frontends")
    for name, changes in {
        "gradual": {},
        "compiled": {"precision": "bfloat16"},
        "plain": {"gru_layers": 1, "model": "multitask", "scene_weight": 0.3, "classifier_hidden": 4},
    }.items():
        values = small_config(asr=True, dropout=0.25, epochs=2, **changes).as_dict()
        (folder / f"conf/systems/{name}.yaml").write_text(yaml.safe_dump(values))
    clips = [with_scenes(make_clips(num_clips, seed, asr=True)) for num_clips, seed in ((10, 1), (5, 2))]
    write_data_dir(folder / "data", *clips)
    return folder


@pytest.mark.parametrize("system,native", [("gradual", "1"), ("plain", "0"), ("compiled", "1")])
def test_two_processes_give_what_one_gives(folder, root, system, native):
    for processes in (1, 2):
        done = trained(folder, root, system, processes, native)
        assert done.returncode == 0, done.stderr
    assert "cpu on each of 2" in done.stdout and done.stdout.count("best epoch") == 1
    one, two = (load(folder / f"{processes}/final.pt") for processes in (1, 2))
    assert one["state"].keys() == two["state"].keys()
    for name, value in one["state"].items():
        off = (two["state"][name] - value).float().norm() / (value.float().norm() + 1e-3)
        # Spectral attention starts as the identity, with tiny gradients: Adam makes much of their rounding.
        rounding = 5e-3 if name.startswith("spectral.") else 1e-3
        assert off < (0.05 if system == "compiled" else rounding), name
    rows = []
    for processes in (1, 2):
        with open(folder / f"{processes}/metrics.csv", newline="") as stream:
            rows.append(list(csv.DictReader(stream)))
    for mine, its in zip(*rows, strict=True):
        assert float(mine["loss"]) == pytest.approx(float(its["loss"]), abs=1e-2 if system == "compiled" else 1e-4)


def test_a_batch_that_cannot_be_shared_is_refused(folder, root):
    done = trained(folder, root, "gradual", 2, "1", "--set", "batch_size=5")
    assert done.returncode != 0 and "a batch of 5 clips for 2 processes; expected a multiple" in done.stderr


def test_one_process_by_itself():
    assert (parallel.size(), parallel.rank(), parallel.own_rows(7)) == (1, 0, slice(0, 7))
    values = torch.ones(3)
    assert parallel.sum_in_place(values) is values and parallel.gathered("a") == ["a"] and parallel.from_first(3) == 3
