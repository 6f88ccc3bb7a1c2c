"""A finished experiment in miniature: eight files of 3 s, two systems of known scores."""

import json
from pathlib import Path

import numpy as np
import torch

from pysed.audio import write_wav
from pysed.datadir.directory import Utterance, write_data_dir
from pysed.decision.postprocess import detect_batch
from pysed.detector import checkpoint
from pysed.detector.config import config_from_dict
from pysed.events import Event, write_events
from pysed.kaldi.tables import TableWriter
from pysed.networks import build_model
from pysed.score.event_based import evaluate

EVENT = "cry"
NAMES = [f"file_{index}" for index in range(8)]
ONSETS = [0.5, 1.0, 1.5, 0.8, None, None, None, None]
# system -> where its scores are high, by file: hit, hit, onset off, miss; two false alarms or none, correct rejections
FOUND = {
    "cbrnn": [0.5, 1.0, 2.3, None, 1.0, 1.5, None, None],
    "gradual": [0.5, 1.0, 1.5, None, 1.0, None, None, None],
}
VERDICTS = {
    "cbrnn": ["hit", "hit", "onset off", "miss", "false alarm", "false alarm"] + 2 * ["correct rejection"],
    "gradual": ["hit", "hit", "hit", "miss", "false alarm"] + 3 * ["correct rejection"],
}


def write_experiment(root: Path) -> tuple[Path, Path]:
    """Write data/tiny and exp/tiny below ``root`` and return both."""
    data, results = root / "data" / "tiny", root / "exp" / "tiny"
    test = data / EVENT / "devtest"
    random = np.random.default_rng(0)
    utterances = []
    for name, onset in zip(NAMES, ONSETS, strict=True):
        samples = random.normal(0, 0.02, 48000)
        events: tuple = ()
        if onset is not None:
            part = slice(int(16000 * onset), int(16000 * (onset + 0.5)))
            samples[part] += 0.3 * np.sin(2 * np.pi * 900 * np.arange(48000)[part] / 16000)
            events = ((onset, onset + 0.5, EVENT),)
        (test / "audio").mkdir(parents=True, exist_ok=True)
        write_wav(test / "audio" / f"{name}.wav", samples, 16000)
        utterances.append(Utterance(name, str(test / "audio" / f"{name}.wav"), 3.0, events, "park"))
    write_data_dir(test, utterances)
    (test / "phones.ctm").write_text(
        "".join(f"{name} 1 0.00 1.20 SIL\n{name} 1 1.20 0.30 EH1_S\n" for name in NAMES), encoding="utf-8"
    )
    with TableWriter(f"ark,scp:{test}/feats_logmel40.ark,{test}/feats_logmel40.scp", "matrix") as table:
        for name in NAMES:
            table.write(name, random.normal(0, 1, (60, 40)).astype(np.float32))
    for system in FOUND:
        write_system(results / EVENT / system, system)
    return data, results


def write_system(folder: Path, system: str) -> None:
    """A model's folder as stages 5 and 6 leave it."""
    folder.mkdir(parents=True)
    scores = np.full((8, 30), 0.1, dtype=np.float32)
    for row, onset in zip(scores, FOUND[system], strict=True):
        if onset is not None:
            row[int(10 * onset) : int(10 * onset) + 5] = 0.8
    onset_s, offset_s = detect_batch(scores, 0.5, 0.0, max_gap_s=1.0)
    detected = {
        f"{name}.wav": [] if np.isnan(start) else [Event(start, end, EVENT)]
        for name, start, end in zip(NAMES, onset_s, offset_s, strict=True)
    }
    reference = {
        f"{name}.wav": [] if onset is None else [Event(onset, onset + 0.5, EVENT)]
        for name, onset in zip(NAMES, ONSETS, strict=True)
    }
    with TableWriter(f"ark,scp:{folder}/scores_devtest.ark,{folder}/scores_devtest.scp", "matrix") as table:
        for name, row in zip(NAMES, scores, strict=True):
            table.write(name, row[:, None])
    write_events(folder / "events_devtest.tsv", detected)
    score = {"event": EVENT, "system": system, "subset": "devtest", "seed": 1, **evaluate(reference, detected, EVENT)}
    (folder / "score_devtest.json").write_text(json.dumps(score), encoding="utf-8")
    (folder / "metrics.csv").write_text("epoch,average_f\n1,0.2\n2,0.5\n3,0.4\n", encoding="utf-8")
    config = config_from_dict(dict(system=system, channels=32, temporal_hidden=12, gru_hidden=6), "test")
    torch.manual_seed(0)
    model = build_model(config, 40, 0, 2)
    checkpoint.save(
        folder / "final.pt",
        {
            "format": checkpoint.FORMAT, "config": config.as_dict(), "event": EVENT, "seed": 1, "epoch": 2,
            "state": model.state_dict(), "frontend": None, "t_base": 0.5, "beta": 0.0, "max_gap_s": 1.0, "asr": None,
            "normalisation": {"features": {"kind": "clip", "shift": torch.zeros(40), "scale": torch.ones(40)}},
        },
    )  # fmt: skip
