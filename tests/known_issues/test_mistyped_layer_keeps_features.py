"""A mistyped --layer took the mark of the good features, and said "standard input: byte 0" of each job."""

from hand_made import data_directory, times
from tiny_recipe import run_in


def test_it_is_refused_and_features_stay(recipe, tiny_corpus, tmp_path):
    data = data_directory(tmp_path / "d/devtest", tiny_corpus)
    stage = ("steps/make_asr_feats.sh", "--nj", 2)
    run_in(recipe, *stage, data, "models/demo", check=True)
    before = times(data, "*")
    done = run_in(recipe, *stage, "--layer", "prefinal", data, "models/demo")
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("--layer prefinal: no such node in models/demo/final.mdl") and said.endswith("prefinal-l")
    assert times(data, "*") == before
    assert "up to date" in run_in(recipe, *stage, data, "models/demo", check=True).stdout


def test_the_first_command_of_a_pipe_says_the_reason(recipe, tmp_path):
    first, second = "echo 'ERROR (a): x.mdl: no node' >&2", "echo 'ERROR (b): standard input: byte 0: empty' >&2"
    for commands, reason in ((f"{first}; {second}", "(a): x.mdl: no node"), (second, "(b): standard input: byte 0")):
        done = run_in(recipe, "utils/run_jobs.sh", tmp_path / "log", "bash", "-c", f"{commands}; exit 1")
        assert f"job failed: ERROR {reason}" in done.stderr
