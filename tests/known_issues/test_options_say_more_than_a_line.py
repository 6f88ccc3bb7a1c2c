"""Bad options of some commands printed their usage, four lines, where others printed one."""

import pytest

from pysed.cli import COMMANDS, main


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"kaldi"}))
def test_bad_use_is_one_line(command, capsys):
    assert main([command, "--no-such-option"]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1, err
    assert err.startswith(f"pysed {command}") and "--help" in err
