"""A network of one's own is one Python file and one YAML: found by its folder, trained, scored, in the table."""

import os
import shutil
import subprocess
import sys

import pytest
from small_clips import make_clips, write_data_dir

from pysed.cli import main
from pysed.detector.checkpoint import load, load_network, save
from pysed.errors import DataError
from pysed.networks import model_names
from pysed.score.results_files import in_order

NETWORK = """
from dataclasses import dataclass

from torch import nn

from pysed.config import setting
from pysed.networks.layers import to_score_frames
from pysed.networks.network import DetectionNetwork, Inputs


@dataclass(frozen=True)
class OneLayerConfig:
    slope: float = setting(0.1, above=0)


class OneLayer(DetectionNetwork):
    Config = OneLayerConfig

    def __init__(self, config: OneLayerConfig, inputs: Inputs):
        super().__init__()
        self.frames_per_label = inputs.frames_per_label
        self.layers = nn.Sequential(nn.Linear(inputs.num_features, 1), nn.LeakyReLU(config.slope))

    def forward(self, features, asr=None):
        return to_score_frames(self.layers(features).squeeze(-1), self.frames_per_label)
"""
YAML = """
system: brook
model: one_layer
frontend: logmel40
slope: 0.5
epochs: 1
epoch_steps: 1
batch_size: 4
"""
FILES = (
    "--system", "conf/systems/brook.yaml", "--data", "data/devtest", "--event", "cry", "--out", "exp/c/cry/brook",
)  # fmt: skip


@pytest.fixture
def place(tmp_path, root):
    """The two files, and a data directory."""
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks/one_layer.py").write_text(NETWORK)
    (tmp_path / "conf/systems").mkdir(parents=True)
    (tmp_path / "conf/systems/brook.yaml").write_text(YAML)
    (tmp_path / "conf/frontends").symlink_to(root / "conf/frontends")
    train, valid = make_clips(6, 1), make_clips(4, 2)
    data = write_data_dir(tmp_path / "data/devtest", train, valid)
    (data / "wav.scp").write_text("".join(f"{name} {name}.wav\n" for name in train.names + valid.names))
    return tmp_path


def pysed(place, *words) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYSED_NETWORKS": str(place / "networks")}
    command = [sys.executable, "-m", "pysed", *map(str, words)]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)


def train(place, *options) -> subprocess.CompletedProcess:
    return pysed(place, "train", *FILES, *options)


def test_from_two_files_to_the_results_table(place):
    assert train(place).returncode == 0
    model = place / "exp/c/cry/brook"
    assert load(model / "final.pt")["config"]["slope"] == 0.5
    done = pysed(place, "evaluate", "--model", model, "--data", "data/devtest", "--out", model)
    assert done.returncode == 0, done.stderr
    shutil.copytree(model, place / "exp/c/cry/gradual")  # a system of the paper's table stands before it
    table = pysed(place, "results", "exp/c").stdout
    assert "| brook " in table and table.index("| gradual ") < table.index("| brook ")


def test_its_keys_are_its_own(place):
    done = train(place, "--set", "slope=0")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "slope 0.0; expected more than 0" in done.stderr
    done = train(place, "--set", "channels=4")
    assert done.returncode == 2 and "model one_layer has slope" in done.stderr
    assert "'channels' is a key of model cbrnn, cnn1d_rnn, crnn, multitask" in done.stderr


def test_without_its_folder_it_is_unknown(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["train", *FILES]) == 2
    assert "brook.yaml: model 'one_layer': unknown; one of cbrnn, cnn1d_rnn" in capsys.readouterr().err


def test_a_checkpoint_imports_nothing(place, tmp_path):
    assert train(place).returncode == 0
    content = load(place / "exp/c/cry/brook/final.pt")
    (tmp_path / "pwned.py").write_text("raise SystemExit('this must not run')\n")
    for model in ("..pwned", "pwned", "../networks/one_layer", "os", "pysed.networks.cbrnn", "layers", ["mlp"], None):
        save(tmp_path / "final.pt", {**content, "config": {**content["config"], "model": model}})
        with pytest.MonkeyPatch.context() as patch, pytest.raises(DataError, match="model "):
            patch.chdir(tmp_path)
            load_network(tmp_path / "final.pt")


def test_modules_that_are_no_networks_are_no_models(capsys):
    assert model_names() == ["cbrnn", "cnn1d_rnn", "crnn", "finetune", "mlp", "multitask"]
    assert main(["train", "--system", "none.yaml", "--data", ".", "--event", "x", "--out", "x"]) == 2


def test_order_of_systems():
    systems = ["b", "mlp", "gradual", "a", "crnn", "gradual", "crnn_ta_fa"]
    assert in_order(systems) == ["crnn_ta_fa", "crnn", "gradual", "a", "b", "mlp"]
