"""The report's curves put a threshold on how often an onset is expected to the event's own scores: the dot marked no
hits where stage 6 had found all."""

import numpy as np
from small_detector import make_model

from pysed.detector.checkpoint import load_network
from pysed.events import Event
from pysed.report.content import Model, Recording
from pysed.report.curves import threshold_curves
from pysed.score.evaluate import events_of_clip


def test_the_dot_is_what_stage_6_found(tmp_path):
    folder = make_model(tmp_path / "model", onsets=True)
    network = load_network(folder)
    event, onset = np.full(300, 0.01, np.float32), np.full(300, 0.001, np.float32)
    event[100:110], event[110:140] = np.linspace(0.05, 0.3, 10), 0.95  # begins at 10 s; its own score rises late
    onset[100] = 0.8
    names = [f"u{i}" for i in range(10)]
    found = events_of_clip(np.stack([event, onset], -1), network)
    assert abs(found[0].onset_s - 10) <= 0.5
    model = Model(
        "cry", "cbrnn", "devtest", folder, dict.fromkeys(names, event),
        {f"{name}.wav": found for name in names}, network.t_base, network.beta, dict.fromkeys(names, onset),
    )  # fmt: skip
    recordings = [
        Recording("cry", "devtest", name, f"{name}.wav", "", [Event(10.0, 14.0, "cry")], {"cbrnn": model}, [])
        for name in names
    ]
    curves = threshold_curves(model, recordings)
    assert curves["f"][curves["chosen"]] == curves["recall"][curves["chosen"]] == 1.0
    assert model.threshold("u0") is None
