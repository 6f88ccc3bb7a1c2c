"""Figures the paper prints (Table 1): error rate and F in percent, on the challenge's evaluation set."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One cell of Table 1: error rate as a fraction, F as a fraction."""

    error_rate: float
    f_measure: float


SOURCE = "Table 1 of the paper, TUT rare sound events 2017"
AVERAGE = "average"

# system -> (the paper's name, event -> figure); the averages are the paper's own.
TABLE_1: dict[str, tuple[str, dict[str, Figure]]] = {
    "crnn_ta_fa": (
        "CRNN+TA+RA",
        {
            "babycry": Figure(0.18, 0.913),
            "glassbreak": Figure(0.04, 0.982),
            "gunshot": Figure(0.17, 0.908),
            AVERAGE: Figure(0.13, 0.934),
        },
    ),
    "crnn_ta": (
        "CRNN+TA",
        {
            "babycry": Figure(0.25, 0.874),
            "glassbreak": Figure(0.05, 0.974),
            "gunshot": Figure(0.18, 0.906),
            AVERAGE: Figure(0.16, 0.918),
        },
    ),
    "cnn1d_rnn": (
        "1D-CRNN",
        {
            "babycry": Figure(0.15, 0.922),
            "glassbreak": Figure(0.05, 0.976),
            "gunshot": Figure(0.19, 0.896),
            AVERAGE: Figure(0.13, 0.934),
        },
    ),
    "crnn": (
        "CRNN",
        {
            "babycry": Figure(0.18, 0.908),
            "glassbreak": Figure(0.10, 0.947),
            "gunshot": Figure(0.23, 0.874),
            AVERAGE: Figure(0.17, 0.910),
        },
    ),
    "finetune": (
        "Finetuning Net",
        {
            "babycry": Figure(0.20, 0.886),
            "glassbreak": Figure(0.32, 0.835),
            "gunshot": Figure(0.38, 0.790),
            AVERAGE: Figure(0.30, 0.837),
        },
    ),
    "gradual": (
        "Gradual Net",
        {
            "babycry": Figure(0.04, 0.980),
            "glassbreak": Figure(0.04, 0.978),
            "gunshot": Figure(0.06, 0.954),
            AVERAGE: Figure(0.05, 0.970),
        },
    ),
}


def title(system: str) -> str:
    """The paper's name of a system that it has a row for, be it as printed (``gradual_paper``) or not."""
    return TABLE_1[system.removesuffix("_paper")][0]


def figure(system: str, event: str) -> Figure | None:
    """The paper's figure for a system and event (or ``AVERAGE``); None where it has none."""
    row = TABLE_1.get(system.removesuffix("_paper"))
    return row[1].get(event) if row else None
