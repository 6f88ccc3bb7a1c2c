"""``$`` in the name of a file or class was taken for the beginning of mathematics, and ended pictures in tracebacks."""

import numpy as np
import pytest
import soundfile
from experiment import EVENT, write_experiment
from small_detector import make_model

from pysed.cli import main
from pysed.drawing.figure_files import plain_text

NAME = "a$_$b^{.wav"


def test_pictures_of_event_lists(tmp_path):
    (tmp_path / "r.tsv").write_text(f"{NAME}\t1\t2\tcry\n")
    table = str(tmp_path / "r.tsv")
    pictures = str(tmp_path / "p")
    assert main(["score", "--reference", table, "--detected", table, "--event", "cry", "--plot", pictures]) == 0
    assert len(list((tmp_path / "p").iterdir())) == 1


def test_pictures_of_detections(tmp_path, capsys):
    soundfile.write(tmp_path / NAME, np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    model = str(make_model(tmp_path / "m$_$"))
    assert main(["detect", "--model", model, "--plot", str(tmp_path / "p"), str(tmp_path / NAME)]) == 0
    assert list((tmp_path / "p").glob("*.png"))


def test_the_panels_of_the_report(tmp_path):
    from pysed.report.content import read_models, read_test_files
    from pysed.report.curves import draw_all

    data, results = write_experiment(tmp_path)
    models = [type(each)(**{**vars(each), "system": f"$_${each.system}"}) for each in read_models(results)]
    (tmp_path / "page").mkdir()
    assert draw_all(models, read_test_files(data, models), tmp_path / "page") and EVENT


def test_a_users_own_figures_are_left_alone():
    matplotlib = pytest.importorskip("matplotlib")
    with plain_text():
        assert not matplotlib.rcParams["text.parse_math"]
    assert matplotlib.rcParams["text.parse_math"]
