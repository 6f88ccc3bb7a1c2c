"""The report's figures: precision and recall, F by threshold, reliability, training; as SVG, PNG and PDF."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pysed.decision.calibration import reliability
from pysed.decision.tuning import T_BASES, rates, sweep, sweep_onsets
from pysed.detector.checkpoint import load, load_network
from pysed.drawing.figure_files import plain_text, save_panels
from pysed.drawing.spectrogram import line_colour
from pysed.errors import DataError
from pysed.features.grid import labels_of_events
from pysed.report.content import Model, Recording
from pysed.score.results_files import in_order
from pysed.text_files import read_csv

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.linewidth": 0.6, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": "#cccccc", "grid.linewidth": 0.4,
}  # fmt: skip

_LETTER_INCHES = 0.062  # of a legend
_FEWEST_FRAMES = 20  # of a tenth of the scores


def colours(models: list[Model]) -> dict[str, str]:
    """Each system's colour, the same throughout; in the results' order of systems."""
    return {system: line_colour(index) for index, system in enumerate(in_order(model.system for model in models))}


def draw_all(models: list[Model], recordings: list[Recording], out: Path) -> dict[str, str]:
    """Write every figure into ``out`` in all formats; returns file name without suffix -> caption."""
    drawn: dict[str, str] = {}
    for subset in dict.fromkeys(model.subset for model in models):
        here = [model for model in models if model.subset == subset]
        curves = [threshold_curves(model, recordings) for model in here]
        _draw(here, _recall, curves, out / f"precision_recall_{subset}", "recall (%)", "precision (%)")
        drawn[f"precision_recall_{subset}"] = (
            f"How much recall costs in precision on {subset}, as the threshold T_base moves. Other settings stay as "
            "tuned. The dot marks the threshold that was chosen on validation."
        )
        _draw(here, _threshold, curves, out / f"threshold_{subset}", "threshold T_base", "F (%)")
        drawn[f"threshold_{subset}"] = (
            f"F on {subset} at each threshold T_base. The dot marks the threshold that was chosen on validation. Where "
            "a curve is flat, the choice matters little."
        )
        reliabilities = [reliability_curve(model, recordings) for model in here]
        _draw(here, _reliability, reliabilities, out / f"reliability_{subset}", "score", "frames with the event (%)")
        drawn[f"reliability_{subset}"] = (
            f"How often the event is there at each score on {subset}. On the dotted line a score is a probability: "
            f"0.8 means eight frames in ten. Tenths with fewer than {_FEWEST_FRAMES} frames are left out."
        )
    first = list({(model.event, model.system): model for model in models}.values())
    progress = [training_curve(model) for model in first]
    _draw(first, _training, progress, out / "training", "epoch", "validation F (%)")
    drawn["training"] = (
        "How well each epoch of a training did on validation: F, as the mean over thresholds from 0.1 to 0.9. The dot "
        "marks the epoch that was kept."
    )
    return drawn


def threshold_curves(model: Model, recordings: list[Recording]) -> dict[str, Any]:
    """Precision, recall, F (K,) of a model over T_BASES, and ``chosen``, the index of the tuned one."""
    tuned = load_network(model.folder)
    here = [one for one in recordings if one.models.get(model.system) is model and one.name in model.scores]
    tracks = [(model.scores if model.onsets is None else model.onsets)[one.name] for one in here]
    length = np.array([len(track) for track in tracks])
    scores = np.zeros((len(here), length.max()), dtype=np.float32)
    for row, track in zip(scores, tracks, strict=True):
        row[: len(track)] = track
    onsets = np.array([one.reference[0].onset_s if one.reference else np.nan for one in here])
    t_bases = tuple(sorted({*T_BASES, tuned.t_base}))
    if model.onsets is not None:
        counts = sweep_onsets(scores, onsets, t_bases)
    else:
        counts = sweep(
            scores, onsets, t_bases, (tuned.beta,), (tuned.max_gap_s,), (tuned.low_ratio,),
            median_frames=tuned.config.median_frames, num_frames=length,
        )[:, 0, 0, 0]  # fmt: skip
    hits, insertions, deletions = counts.T.astype(float)
    with np.errstate(invalid="ignore"):
        precision, recall = hits / (hits + insertions), hits / (hits + deletions)
    return {
        "t_base": np.array(t_bases), "precision": precision, "recall": recall, "f": rates(counts)[0],
        "chosen": t_bases.index(tuned.t_base),
    }  # fmt: skip


def reliability_curve(model: Model, recordings: list[Recording]) -> dict[str, Any]:
    """Mean ``score`` of the frames in each tenth and the ``share`` of them in an event, (10,) each; NaN where there are
    too few."""
    scores, labels = [], []
    for one in recordings:
        if one.models.get(model.system) is model and one.name in model.scores:
            row = model.scores[one.name]
            spans = [(event.onset_s, event.offset_s) for event in one.reference]
            scores.append(row)
            labels.append(labels_of_events(spans, len(row)))
    score, share, number = reliability(np.concatenate(scores), np.concatenate(labels))
    enough = number >= _FEWEST_FRAMES
    return {"score": np.where(enough, score, np.nan), "share": np.where(enough, share, np.nan)}


def training_curve(model: Model) -> dict[str, Any]:
    """Epochs (E,), validation F of each, and ``chosen``, which one was kept (E,) bool."""
    path = model.folder / "metrics.csv"
    header, *rows = [row for _, row in read_csv(path, "one row an epoch")] or [[]]
    try:
        epochs = np.array([int(row[header.index("epoch")]) for row in rows], dtype=np.int64)
        f_measures = np.array([float(row[header.index("average_f")] or "nan") for row in rows], dtype=np.float64)
    except (ValueError, LookupError, OverflowError) as error:
        raise DataError(f"{path}: {error}; expected numbers of 'epoch' and 'average_f'; train the model anew") from None
    return {"epoch": epochs, "f": f_measures, "chosen": epochs == load(model.folder / "final.pt").get("epoch")}


def _recall(axes, curve: dict, colour: str) -> None:
    axes.plot(100 * curve["recall"], 100 * curve["precision"], color=colour, linewidth=1.2)
    axes.plot(100 * curve["recall"][curve["chosen"]], 100 * curve["precision"][curve["chosen"]], "o", color=colour)
    axes.set(xlim=(0, 102), ylim=(0, 102))


def _threshold(axes, curve: dict, colour: str) -> None:
    axes.plot(curve["t_base"], 100 * curve["f"], color=colour, linewidth=1.2)
    axes.plot(curve["t_base"][curve["chosen"]], 100 * curve["f"][curve["chosen"]], "o", color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 102))


def _reliability(axes, curve: dict, colour: str) -> None:
    axes.plot([0, 1], [0, 100], ":", color="#888888", linewidth=0.8)
    known = ~np.isnan(curve["score"])
    axes.plot(curve["score"][known], 100 * curve["share"][known], "o-", color=colour, linewidth=1.2, markersize=3)
    axes.set(xlim=(0, 1), ylim=(0, 102))


def _training(axes, curve: dict, colour: str) -> None:
    axes.plot(curve["epoch"], 100 * curve["f"], color=colour, linewidth=1.2)
    axes.plot(curve["epoch"][curve["chosen"]], 100 * curve["f"][curve["chosen"]], "o", color=colour)
    axes.set(ylim=(0, 102))
    axes.set_xlim(left=0, auto=True)  # to the last epoch of the longest training


def _draw(models: list[Model], draw: Callable, curves: list[dict], path: Path, across: str, up: str) -> None:
    """A panel for each event class, a line in it for each system."""
    events = sorted({model.event for model in models})
    save_panels(lambda some: _panels(models, draw, curves, some, across, up), events, path)


@plain_text()
def _panels(models: list[Model], draw: Callable, curves: list[dict], events: Sequence[str], across: str, up: str):
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    colour = colours(models)
    with matplotlib.rc_context(_STYLE):
        width = max(2.9 * len(events), 3.4)
        columns = min(len(colour), 4, max(1, int(width / (0.6 + _LETTER_INCHES * max(map(len, colour))))))
        rows = -(-len(colour) // columns)
        figure = Figure(figsize=(width, 2.8 + 0.18 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(events), squeeze=False, sharey=True)[0]
        for axes, event in zip(panels, events, strict=True):
            for model, curve in zip(models, curves, strict=True):
                if model.event == event:
                    draw(axes, curve, colour[model.system])
            axes.set_title(event, fontsize=9)
            axes.set_xlabel(across)
            axes.set_axisbelow(True)
        panels[0].set_ylabel(up)
        lines = [Line2D([], [], color=colour[system], label=system) for system in colour]
        figure.legend(handles=lines, loc="outside lower center", ncols=columns, frameon=False)
    return figure
