"""Training took events of utterances that are not there, and past a clip's end, without a word: a misspelt name made a
clip with an event one without. Recipes that are none ended in tracebacks."""

import numpy as np
import pytest

from pysed.cli import main
from pysed.datadir.archives import write_archive
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.errors import DataError
from pysed.train.data import read_onsets
from pysed.train.folds import read_recordings


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    utterances = [
        Utterance(f"u{i}", f"u{i}.wav", 3.0, ((1.0, 2.0, "cry"),) * (i % 2), "home", "valid" if i > 3 else "train")
        for i in range(6)
    ]
    write_data_dir(folder, utterances)
    rows = np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32)
    write_archive(folder / "feats_logmel40", ((each.name, rows) for each in utterances))
    return folder


@pytest.mark.parametrize(
    ("row", "said"), [("u0O\t1.0\t2.0\tcry", "u0O: no such recording"), ("u2\t2.0\t3.5\tcry", "past the recording")]
)
def test_events_are_held_against_the_recordings(data, tmp_path, capsys, row, said):
    with open(data / "events.tsv", "a") as stream:
        stream.write(f"{row}\n")
    with pytest.raises(DataError, match=r"events\.tsv:4: .*" + said):
        read_onsets(data, "cry")
    command = ["train", "--system", "conf/systems/cbrnn.yaml", "--set", "frontend=logmel40", "--data", str(data)]
    assert main([*command, "--event", "cry", "--out", str(tmp_path / "out"), "--epochs", "1"]) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1


@pytest.mark.parametrize("content", ["- 5\n", "5\n", "- {name: u0}\n", "- {name: u0, background: 3, event: null}\n"])
def test_recipes_that_are_none(tmp_path, content):
    (tmp_path / "recipes.yaml").write_text(content)
    with pytest.raises(DataError, match=r"recipes\.yaml"):
        read_recordings(tmp_path)


@pytest.mark.parametrize("seed", ["9223372036854775808", "99999999999999999999999", "-1"])
def test_a_seed_that_torch_or_results_cannot_take(data, tmp_path, capsys, seed):
    command = ["train", "--system", "conf/systems/cbrnn.yaml", "--data", str(data), "--event", "cry"]
    assert main([*command, "--out", str(tmp_path / "out"), "--seed", seed]) == 2
    message = capsys.readouterr().err
    assert "--seed" in message and message.count("\n") == 1
