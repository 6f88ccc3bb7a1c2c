"""In the report's figures the legend of long names was cut off, and of a long training only the first epochs were seen,
as many as the first system had."""

import numpy as np
import pytest
from experiment import write_experiment

from pysed.report import curves
from pysed.report.content import read_models


@pytest.mark.parametrize("names", [["a", "b"], ["gradual_paper.patience-25.precision-bfloat16", "crnn"]])
def test_all_is_inside(tmp_path, names):
    _, results = write_experiment(tmp_path)
    models = [type(m)(**{**vars(m), "system": name}) for m, name in zip(read_models(results), names, strict=True)]
    found = [
        {"epoch": np.arange(1, last + 1), "f": np.linspace(0, 1, last), "chosen": np.arange(last) == last - 1}
        for last in (25, 74)
    ]
    figure = curves._panels(models, curves._training, found, ["cry"], "epoch", "F")
    figure.canvas.draw()
    assert figure.axes[0].get_xlim()[0] == 0 and figure.axes[0].get_xlim()[1] >= 74
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert [text.get_text() for text in legend.get_texts()] == curves.in_order(names)
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0
    assert figure.axes[0].get_window_extent().height >= 1.5 * figure.dpi
