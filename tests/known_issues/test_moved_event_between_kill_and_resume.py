"""A run that was cut off went on although an event had been moved since, where that was by less than a frame."""

from small_clips import make_clips, small_config, write_data_dir

from pysed.train import engine

TRAIN, VALID = make_clips(10, 1), make_clips(6, 2)


def test_it_starts_over(tmp_path):
    data, task = write_data_dir(tmp_path / "data", TRAIN, VALID), engine.Task(small_config(epochs=2), "cry")
    engine.train(task, data, tmp_path / "out", stop_after=1)
    rows = [line.split("\t") for line in (data / "events.tsv").read_text().splitlines()]
    moved = [(name, f"{float(onset) + 0.04:.2f}", *rest) for name, onset, *rest in rows]
    (data / "events.tsv").write_text("".join("\t".join(row) + "\n" for row in moved))
    engine.train(task, data, tmp_path / "out")
    assert "going on" not in (tmp_path / "out/train.log").read_text()
