"""``--nj`` of stage scripts reached the shell's arithmetic unchecked: 0 gave an empty table that was marked as done,
and an array's subscript in it was run as a command."""

import pytest
from hand_made import data_directory, left_over
from tiny_recipe import run_in


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1e2", "08", "total[$(touch PWNED)0]"])
def test_it_is_refused_and_nothing_marked(recipe, tiny_corpus, tmp_path, jobs):
    data = data_directory(tmp_path / "data", tiny_corpus)
    done = run_in(recipe, "steps/make_sed_feats.sh", f"--nj={jobs}", data, "logmel40")
    assert done.returncode == 2
    assert done.stderr == f"steps/make_sed_feats.sh: --nj {jobs}: expected a whole number of at least 1\n"
    assert not (data / ".done_feats_logmel40").exists() and not (data / "feats_logmel40.scp").exists()
    assert not (recipe / "PWNED").exists()


def test_after_a_refusal_the_stage_runs(recipe, tiny_corpus, tmp_path):
    data = data_directory(tmp_path / "data", tiny_corpus)
    assert run_in(recipe, "steps/make_sed_feats.sh", "--nj", 0, data, "logmel40").returncode == 2
    run_in(recipe, "steps/make_sed_feats.sh", "--nj", 2, data, "logmel40", check=True)
    assert (data / "feats_logmel40.scp").read_text().count("\n") == 2 and not left_over(tmp_path)
