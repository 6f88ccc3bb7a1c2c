"""An untrained detector in a model folder, and a data directory for it."""

from pathlib import Path

import numpy as np

from pysed.features.frontend import load_frontend
from pysed.kaldi.tables import TableWriter

FRONTEND = Path(__file__).parents[2] / "conf/frontends/logmel40.yaml"
ASR_DIM = 6


def make_model(
    folder: Path, asr: dict | None = None, event: str = "cry", system: dict | None = None, onsets=False, **changes
) -> Path:
    """A folder with ``final.pt``: a small network with random weights, seeded; ``system``: its configuration;
    ``onsets``: it scores those too, and finds one every few seconds."""
    import torch

    from pysed.detector.checkpoint import FORMAT, save
    from pysed.detector.config import config_from_dict
    from pysed.networks import build_model

    sizes = dict(channels=8, temporal_hidden=8, gru_hidden=4, onsets=onsets)
    config = config_from_dict(system or dict(system="gradual" if asr else "cbrnn", asr=bool(asr), **sizes), "test")
    torch.manual_seed(1)
    asr_dim = asr["dim"] if asr else 0
    model = build_model(config, 40, asr_dim)
    if onsets:
        with torch.no_grad():
            model.classifier.weight[1] *= 20
    normalisation = {
        "features": {"kind": "standard", "shift": torch.full((40,), 10.0), "scale": torch.full((40,), 0.3)}
    }
    if asr:
        normalisation["asr"] = {"kind": "standard", "shift": torch.zeros(asr_dim), "scale": torch.ones(asr_dim)}
    folder.mkdir(parents=True)
    content = {
        "format": FORMAT, "config": config.as_dict(), "event": event, "state": model.state_dict(),
        "frontend": load_frontend(FRONTEND).as_dict(), "asr": asr, "normalisation": normalisation,
        "t_base": 0.5, "beta": 0.0, "max_gap_s": 1.0, "seed": 1, **changes,
    }  # fmt: skip
    save(folder / "final.pt", content)
    return folder


def make_data_dir(folder: Path) -> Path:
    """A data directory of random features: two utterances of 600 frames, one of 41."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = {"u1": 600, "u2": 600, "u3": 41}
    (folder / "wav.scp").write_text("".join(f"{name} audio/{name}.wav\n" for name in names))
    (folder / "events.tsv").write_text("u2\t3.0\t4.0\tcry\n")
    with TableWriter(f"ark,scp:{folder}/f.ark,{folder}/feats_logmel40.scp", "matrix") as table:
        for name, frames in names.items():
            table.write(name, rng.normal(10, 3, (frames, 40)).astype(np.float32))
    with TableWriter(f"ark,scp:{folder}/p.ark,{folder}/prefinal.scp", "matrix") as table:
        for name, frames in names.items():
            table.write(name, rng.normal(size=(frames * 5 // 3, ASR_DIM)).astype(np.float32))
    return folder
