"""The console command: exit codes and messages of every subcommand's bad use, help, version."""

import subprocess
import sys

import pytest

from pysed import __version__
from pysed.cli import COMMANDS, main

OWN = sorted(set(COMMANDS) - {"kaldi"})


@pytest.mark.parametrize("command", OWN)
def test_bad_use_is_one_line(command, capsys):
    assert main([command, "--no-such-option"]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1, err
    assert err.startswith(f"pysed {command}") and "--help" in err


@pytest.mark.parametrize("command", OWN)
def test_help_names_the_command(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and capsys.readouterr().out.startswith(f"usage: pysed {command}")


def test_usage_lists_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {command} " in shown for command in COMMANDS)
    assert main([]) == 2 and capsys.readouterr().out == shown
    assert main(["--version"]) == 0 and capsys.readouterr().out == f"pysed {__version__}\n"


def test_unknown_commands(capsys):
    assert main(["detekt"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("pysed detekt: unknown command; one of corpus, ") and len(err.splitlines()) == 1
    assert main(["kaldi", "no-such-command"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_internal_failure_is_1_and_interruption_130(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("pysed.commands.score.main", interrupted)
    assert main(["score"]) == 130 and capsys.readouterr().err == "interrupted\n"
    broken = (
        "import pysed.commands.score as c; c.main = lambda argv: 1 / 0; import pysed.cli; pysed.cli.main(['score'])"
    )
    assert subprocess.run([sys.executable, "-c", broken], capture_output=True).returncode == 1
