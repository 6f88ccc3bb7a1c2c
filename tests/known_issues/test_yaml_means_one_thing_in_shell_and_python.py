"""``asr: True``, ``asr: yes`` and quoted values of a system's YAML meant one thing in Python, another in the shell."""

import subprocess

import pytest
import yaml

VALUES = [
    *("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "yEs"),
    *("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "none"),
    *("logmel128", '"logmel128"', "'logmel128'", '"log mel"', "'a#b'", "12", "-0.5", '""', "''"),
]


@pytest.mark.parametrize("end", ["", "  ", " # as in the paper"])
@pytest.mark.parametrize("value", VALUES)
def test_shell_reads_what_python_reads(root, tmp_path, value, end):
    file = tmp_path / "system.yaml"
    file.write_text(f"asr_layers: 0\nasr: {value}{end}\nlast: true\n")
    command = ["bash", "-c", '. utils/log.sh; yaml_value "$1" asr', "-", str(file)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    expected = yaml.safe_load(file.read_text())["asr"]
    assert found == f"{str(expected).lower() if isinstance(expected, bool) else expected}\n"


def test_a_key_that_is_not_there_is_empty(root):
    command = ". utils/log.sh; [[ -z $(yaml_value conf/systems/cbrnn.yaml nothing) ]]"
    assert subprocess.run(["bash", "-c", command], cwd=root).returncode == 0
