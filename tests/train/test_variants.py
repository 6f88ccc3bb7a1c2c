"""Systems with changed values: their name says which, their file says all."""

import pytest
import yaml

from pysed.cli import main
from pysed.detector.config import load_config, parse_changes
from pysed.detector.variants import write_variant
from pysed.errors import DataError


@pytest.fixture
def gradual(root):
    return root / "conf/systems/gradual.yaml"


def test_name_and_file(gradual, tmp_path):
    changes = parse_changes(["learning_rate=1e-4", "crop_s=0", "time_shift=no", "schedule=decay"])
    name = write_variant(gradual, changes, tmp_path)
    assert name == "gradual.crop_s-0.learning_rate-0.0001.schedule-decay.time_shift-false"
    config, before = load_config(tmp_path / f"{name}.yaml").as_dict(), load_config(gradual).as_dict()
    differing = {key: value for key, value in config.items() if value != before[key]}
    assert differing == {
        "system": name, "crop_s": 0.0, "learning_rate": 1e-4, "time_shift": False, "schedule": "decay"
    }  # fmt: skip
    text = (tmp_path / f"{name}.yaml").read_text()
    assert yaml.safe_load(text)["frontend"] == "logmel128" and "\nasr: true\n" in text


@pytest.mark.parametrize(
    "sets,words",
    [
        (["epochs=3", "epochs=4"], "epochs stands twice"),
        (["system=x"], "follows from what is set"),
        (["epochs=many"], "epochs 'many'; expected a whole number"),
        (["lerning_rate=1"], "did you mean 'learning_rate'?"),
        (["dense_hidden=1"], "'dense_hidden' is a key of model"),
        (["frontend=../x"], "expected letters, digits"),
        (["frontend=" + "x" * 100], "100 bytes at most"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(gradual, tmp_path, sets, words):
    with pytest.raises(DataError) as error:
        write_variant(gradual, parse_changes(sets), tmp_path / "out")
    assert words in str(error.value) and not (tmp_path / "out").exists()


def test_command(gradual, root, tmp_path, capsys):
    systems = [str(root / f"conf/systems/{name}.yaml") for name in ("cbrnn", "mlp")]
    assert main(["variants", "--into", str(tmp_path), "--set", "epochs=3", *systems]) == 0
    assert capsys.readouterr().out.split() == ["cbrnn.epochs-3", "mlp.epochs-3"]
    assert main(["variants", "--into", str(tmp_path / "a"), "--set", "channels=32", *systems]) == 2
    assert "'channels' is a key of model" in capsys.readouterr().err and not (tmp_path / "a").exists()
    assert main(["variants", "--into", str(tmp_path / "a"), "--set", "frontend=none", systems[0]]) == 2
    assert "none.yaml: no such file" in capsys.readouterr().err and not (tmp_path / "a").exists()
