"""Configurations: what is wrong is named with its place, what is right comes back unchanged."""

import dataclasses

import pytest
import yaml

from pysed.detector.config import config_from_dict, load_config, parse_change
from pysed.errors import DataError


@pytest.mark.parametrize(
    "values,words",
    [
        ({"lerning_rate": 1e-3}, "unknown key 'lerning_rate'; did you mean 'learning_rate'?"),
        ({"zzzz": 1}, "unknown key 'zzzz'; known: system, model"),
        ({7: 1}, "unknown key 7; known: system"),
        ({"epochs": "many"}, "epochs 'many'; expected a whole number"),
        ({"epochs": 1.5}, "epochs 1.5; expected a whole number"),
        ({"epochs": True}, "epochs True; expected a whole number"),
        ({"epochs": None}, "epochs None; expected a whole number"),
        ({"learning_rate": "fast"}, "learning_rate 'fast'; expected a number"),
        ({"learning_rate": False}, "learning_rate False; expected a number"),
        ({"asr": 1}, "asr 1; expected true or false"),
        ({"model": ["cbrnn"]}, "model ['cbrnn']; expected text"),
        ({"epochs": 0}, "epochs 0; expected at least 1"),
        ({"batch_size": -4}, "batch_size -4; expected at least 1"),
        ({"dropout": 1}, "dropout 1.0; expected at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout -0.1; expected at least 0 and below 1"),
        ({"learning_rate": 0}, "learning_rate 0.0; expected more than 0"),
        ({"positive_weight": 0}, "positive_weight 0.0; expected more than 0"),
        ({"learning_rate": float("nan")}, "learning_rate nan; expected more than 0"),
        ({"schedule": "linear"}, "schedule 'linear'; expected one of cosine, decay, constant"),
        ({"normalisation": "some"}, "normalisation 'some'; expected one of standard, minmax"),
        ({"precision": "float16"}, "precision 'float16'; expected one of auto, float32, bfloat16"),
        ({"asr_entry": "top"}, "asr_entry 'top'; expected one of classifier, gru"),
    ],
)
def test_what_is_wrong_is_named(values, words):
    with pytest.raises(DataError) as error:
        config_from_dict({"system": "x", **values}, "conf/x.yaml")
    assert str(error.value).startswith("conf/x.yaml: ") and words in str(error.value)


def test_a_system_needs_its_name():
    with pytest.raises(DataError, match="conf/x.yaml: no 'system'; expected the system's name"):
        config_from_dict({"model": "cbrnn"}, "conf/x.yaml")


def test_values_keep_their_meaning():
    config = config_from_dict({"system": "x", "learning_rate": "1e-4", "dropout": 0, "shift_bins": 2}, "x")
    assert (config.learning_rate, config.network.dropout, config.shift_bins) == (0.0001, 0.0, 2.0)
    assert all(type(config.as_dict()[key]) is float for key in ("learning_rate", "dropout", "shift_bins"))
    assert config.epochs == config_from_dict(dict(system="x"), "test").epochs
    assert config_from_dict(config.as_dict(), "x") == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.network.channels = 3


@pytest.mark.parametrize(
    "model,key,words",
    [
        (
            "mlp",
            "gru_hidden",
            "'gru_hidden' is a key of model cbrnn, crnn, multitask; model mlp has context_frames, dense",
        ),
        ("cnn1d_rnn", "gru_hidden", "model cnn1d_rnn has context_frames, channels, lstm_hidden, lstm_layers, dropout"),
        ("cbrnn", "dense_layers", "'dense_layers' is a key of model finetune, mlp; model cbrnn has context_frames"),
        ("finetune", "channel", "unknown key 'channel'; known: system"),
    ],
)
def test_a_key_of_another_network_is_refused_by_name(model, key, words):
    with pytest.raises(DataError) as error:
        config_from_dict({"system": "x", "model": model, key: 1}, "conf/x.yaml")
    assert str(error.value).startswith("conf/x.yaml: ") and words in str(error.value)


def test_every_default_is_in_range():
    config_from_dict(config_from_dict(dict(system="x"), "test").as_dict(), "defaults")


def test_files(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("system: s\nlearning_rate: 1e-4\n")
    assert load_config(path).learning_rate == 1e-4
    assert load_config(path, {"learning_rate": 0.5}).learning_rate == 0.5
    for content, words in (
        ("system: [", r"s\.yaml:\d+: not YAML"),
        ("- system\n", "not a mapping"),
        ("", "not a mapping"),
        ("system: s\nepochz: 3\n", "did you mean 'epochs'"),
        ("system: s\nepochs: 3\nepochs: 4\n", r"s\.yaml:3: .*'epochs' stands twice"),
        ("[" * 5000, r"s\.yaml:1: "),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=words):
            load_config(path)
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataError, match="not UTF-8"):
        load_config(path)
    with pytest.raises(DataError, match="none.yaml: no such file"):
        load_config(tmp_path / "none.yaml")


def test_the_shipped_systems_load(root):
    paths = sorted((root / "conf/systems").glob("*.yaml"))
    assert {"cbrnn", "gradual"} <= {path.stem for path in paths}
    for path in paths:
        config = load_config(path)
        assert config.system == path.stem
        assert (root / f"conf/frontends/{config.frontend}.yaml").is_file()
        assert set(yaml.safe_load(path.read_text())) <= set(config.as_dict())


def test_changes_of_the_command_line():
    assert parse_change("epochs=3") == ("epochs", 3)
    assert parse_change("time_shift=false") == ("time_shift", False)
    assert parse_change("schedule=decay") == ("schedule", "decay")
    for text in ("epochs", "=3"):
        with pytest.raises(DataError, match=f"--set {text}: expected key=value"):
            parse_change(text)
    with pytest.raises(DataError, match="not YAML"):
        parse_change("epochs=[")
