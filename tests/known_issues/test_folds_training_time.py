"""The time that a training in folds took was shown as that of one fold: a mean, where it is the sum of all folds."""

import csv

from pysed.train.folds import mean_metrics


def test_losses_are_means_and_seconds_a_sum(tmp_path):
    for number, (loss, seconds) in enumerate(((0.5, 30.0), (0.25, 50.0))):
        folder = tmp_path / f"fold{number}"
        folder.mkdir()
        (folder / "metrics.csv").write_text(f"epoch,loss,seconds\n1,{loss},{seconds}\n")
    mean_metrics([tmp_path / "fold0", tmp_path / "fold1"], tmp_path)
    with open(tmp_path / "metrics.csv", newline="") as stream:
        assert list(csv.DictReader(stream)) == [{"epoch": "1", "loss": "0.375", "seconds": "80.0"}]
