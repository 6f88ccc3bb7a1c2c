"""``pysed train``: its files on success, one line and exit code 2 on bad use or bad data."""

import shlex

import pytest
import yaml
from small_clips import make_clips, small_config, write_data_dir

from pysed.cli import main
from pysed.detector.checkpoint import load, load_network


@pytest.fixture
def folder(tmp_path, root):
    """A system's YAML beside the front ends, and a data directory."""
    (tmp_path / "conf/systems").mkdir(parents=True)
    (tmp_path / "conf/frontends").symlink_to(root / "conf/frontends")
    values = small_config(epochs=1).as_dict()
    (tmp_path / "conf/systems/small.yaml").write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
    write_data_dir(tmp_path / "data", make_clips(6, 1), make_clips(4, 2))
    return tmp_path


def run(folder, *options, event="cry") -> int:
    system, data, out = (str(folder / name) for name in ("conf/systems/small.yaml", "data", "out"))
    return main(["train", "--system", system, "--data", data, "--event", event, "--out", out, *options])


def test_a_run(folder, capsys):
    assert run(folder, "--seed", "4", "--epochs", "2", "--set", "batch_size=3") == 0
    content = load(folder / "out/final.pt")
    assert (content["seed"], content["config"]["epochs"], content["config"]["batch_size"]) == (4, 2, 3)
    assert content["frontend"]["num_mel_bins"] == 40
    assert load_network(folder / "out").event == "cry"
    lines = (folder / "out/metrics.csv").read_text().splitlines()
    assert len(lines) == 3 and lines[0].startswith("epoch,steps,loss,valid_loss,average_f,f_measure,error_rate")
    assert "epoch 2" in capsys.readouterr().out


def test_the_command_is_noted(folder, monkeypatch):
    monkeypatch.delenv("PYSED_COMMAND", raising=False)
    run(folder, "--seed", "4")
    noted = yaml.safe_load((folder / "out/config.yaml").read_text())["command"]
    assert shlex.split(noted)[:2] == ["pysed", "train"] and noted.endswith("--seed 4")
    monkeypatch.setenv("PYSED_COMMAND", "./run.sh --stage 5")
    run(folder, "--seed", "5")
    assert yaml.safe_load((folder / "out/config.yaml").read_text())["command"] == "./run.sh --stage 5"


@pytest.mark.parametrize(
    "options,words",
    [
        (["--set", "lerning_rate=1"], "unknown key 'lerning_rate'; did you mean 'learning_rate'?"),
        (["--set", "epochs"], "expected key=value"),
        (["--set", "model=cbrn"], "model 'cbrn': unknown"),
        (["--epochs", "2", "--set", "epochs=1"], "--set epochs=1: --epochs 2 sets it too"),
        (["--asr", "models/demo"], "takes no recogniser's features; leave it out"),
        (["--epochs", "0"], "epochs 0; expected at least 1"),
        (["--epochs", "x"], "argument --epochs: invalid int value: 'x'"),
        (["--seed", "-1"], "--seed -1; expected 0 to 2^63 - 1"),
        (["--set", "frontend=none"], "none.yaml: no such file"),
        (["--data", "none"], "none: no such folder"),
        (["--system", "none.yaml"], "none.yaml: no such file"),
        (["--event", "shot"], "no train clip has the event 'shot'"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        ([f"--set={change}" for change in ("learning_rate=1e30", "gradient_clip=0", "warmup_steps=0", "batch_size=2")],
         "not finite in epoch"),
    ],
)  # fmt: skip
def test_errors(folder, capsys, options, words):
    assert run(folder, *options) == 2
    err = capsys.readouterr().err
    assert words in err and len(err.splitlines()) == 1
    assert not (folder / "out/final.pt").exists()
