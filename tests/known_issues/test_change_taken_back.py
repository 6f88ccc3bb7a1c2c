"""Features made, the front end changed, the remake killed, the front end restored: "up to date" without archives."""

import signal

import pytest
from hand_made import contents, data_directory, kill, left_over, processes_in, start, wait_until
from tiny_recipe import run_in


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_mark_goes_before_what_it_stands_for(recipe, tiny_corpus, tmp_path, number):
    data = data_directory(tmp_path / "data", tiny_corpus)
    config = recipe / "conf/frontends/taken_back.yaml"
    first = (recipe / "conf/frontends/logmel40.yaml").read_text().replace("logmel40", "taken_back")
    config.write_text(first)
    line = ("steps/make_sed_feats.sh", "--nj", 2, data, "taken_back")
    run_in(recipe, *line, check=True)
    made = contents(data, "feats_*.ark", "feats_*.scp")
    assert len(made) == 5
    config.write_text(first + "\nnum_mel_bins: 24\n" if "num_mel_bins" not in first else first.replace("40", "24"))
    run = start(recipe, *line)
    wait_until(lambda: not (data / ".done_feats_taken_back").exists())
    kill(run, number)
    config.write_text(first)
    wait_until(lambda: not processes_in(recipe))
    run_in(recipe, *line, check=True)
    assert contents(data, "feats_*.ark", "feats_*.scp") == made and not left_over(data)
    config.unlink()
