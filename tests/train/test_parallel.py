"""Two processes of torchrun give what one gives with the same whole batch, dropout and augmentation included."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from small_clips import make_clips, small_config, with_scenes, write_data_dir

from pysed import parallel
from pysed.cli import main
from pysed.detector.checkpoint import load
from pysed.native import libraries

SYSTEMS = {"gradual": "1", "plain": "0", "compiled": "1"}  # by PYSED_NATIVE: with compiled layers or without
# Starting two processes takes as long as a training: one start for all, in one group.
TRAININGS = f"""
import os, sys
from pathlib import Path
from pysed import parallel
from pysed.cli import main
from pysed.native import libraries
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_parallel import SYSTEMS, train_options

stop, parallel.stop = parallel.stop, lambda: None
for system, native in SYSTEMS.items():
    os.environ["PYSED_NATIVE"] = native
    libraries.layers.cache_clear()
    assert main(train_options(Path(sys.argv[1]), system, 2)) == 0, system
stop()
"""


def train_options(folder: Path, system: str, processes: int) -> list[str]:
    """Of pysed; the model goes into a folder named for the system and the number of processes."""
    return [
        "train", "--system", str(folder / f"conf/systems/{system}.yaml"), "--event", "cry",
        "--data", str(folder / "data"), "--out", str(folder / system / str(processes)),
    ]  # fmt: skip


def by_two(folder: Path, root: Path, *command: str) -> subprocess.CompletedProcess:
    """A script, or ``-m -- MODULE``, by two processes of torchrun."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)


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


@pytest.fixture(scope="module")
def two(folder, root) -> str:
    """What two processes say that train all systems."""
    (folder / "trainings.py").write_text(TRAININGS)
    done = by_two(folder, root, str(folder / "trainings.py"), str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("system", SYSTEMS)
def test_two_processes_give_what_one_gives(folder, two, system, monkeypatch):
    monkeypatch.setenv("PYSED_NATIVE", SYSTEMS[system])
    libraries.layers.cache_clear()
    assert main(train_options(folder, system, 1)) == 0
    libraries.layers.cache_clear()
    assert "cpu on each of 2" in two and two.count("best epoch") == len(SYSTEMS)
    one, other = (load(folder / f"{system}/{processes}/final.pt") for processes in (1, 2))
    assert one["state"].keys() == other["state"].keys()
    for name, value in one["state"].items():
        off = (other["state"][name] - value).float().norm() / (value.float().norm() + 1e-3)
        # Spectral attention starts as the identity, with tiny gradients: Adam makes much of their rounding.
        rounding = 5e-3 if name.startswith("spectral.") else 1e-3
        assert off < (0.05 if system == "compiled" else rounding), name
    rows = []
    for processes in (1, 2):
        with open(folder / f"{system}/{processes}/metrics.csv", newline="") as stream:
            rows.append(list(csv.DictReader(stream)))
    for mine, its in zip(*rows, strict=True):
        assert float(mine["loss"]) == pytest.approx(float(its["loss"]), abs=1e-2 if system == "compiled" else 1e-4)


def test_a_batch_that_cannot_be_shared_is_refused(folder, root):
    done = by_two(folder, root, "-m", "--", "pysed", *train_options(folder, "gradual", 2), "--set", "batch_size=5")
    assert done.returncode != 0 and "a batch of 5 clips for 2 processes; expected a multiple" in done.stderr


def test_one_process_by_itself():
    assert (parallel.size(), parallel.rank(), parallel.own_rows(7)) == (1, 0, slice(0, 7))
    values = torch.ones(3)
    assert parallel.sum_in_place(values) is values and parallel.gathered("a") == ["a"] and parallel.from_first(3) == 3
