"""A training removed every temporary file in its folder, among them the mark of another seed's training there: seeds 1
and 2 side by side ended with ``.seed2.PID.tmp: gone``."""

from small_clips import make_clips, small_config

from pysed.train import engine


def test_what_is_of_others_stays(tmp_path):
    task = engine.Task(small_config(epochs=1), "cry")
    for name in (".seed2.123.tmp", ".checkpoint.pt.123.tmp", ".final.pt.123.tmp"):
        (tmp_path / name).write_text("")
    engine.fit(task, make_clips(12, 1), make_clips(12, 2), tmp_path)
    assert [path.name for path in tmp_path.glob(".*.tmp")] == [".seed2.123.tmp"]
