"""The state that a run which was cut off goes on from: all that the rest of it depends on."""

import hashlib
import random as python_random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed import parallel
from pysed.detector import checkpoint
from pysed.detector.config import SystemConfig
from pysed.errors import DataError
from pysed.train.clips import Clips

_WRITTEN = ("checkpoint.pt", "final.pt", "config.yaml", "metrics.csv")


def seed_everything(seed: int) -> None:
    """Seed every generator that initialisation, dropout or augmentation may draw from."""
    python_random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def run_identity(config: SystemConfig, event: str, seed: int, clips: Clips, valid: Clips) -> str:
    """What a checkpoint must have been made from to be gone on from."""
    digest = hashlib.sha256()
    digest.update(repr((config.as_dict(), event, seed)).encode())
    for some in (clips, valid):
        digest.update(repr((some.names, some.features.shape)).encode())
        for part in (some.features, some.asr, some.labels, some.onset_s, some.scenes):
            for clip in () if part is None else part:
                digest.update(np.ascontiguousarray(clip).data)
    return digest.hexdigest()


def save_state(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    random: np.random.Generator,
    history: list[dict[str, Any]],
    best: dict[str, Any],
) -> None:
    """Write the state of a run after an epoch."""
    checkpoint.save(
        path,
        {
            "format": checkpoint.FORMAT, "identity": identity, "model": model.state_dict(),
            "average": average.state_dict(), "optimiser": optimiser.state_dict(),
            "torch_random": torch.get_rng_state(), "random": random.bit_generator.state,
            "history": history, "best": best,
            "cuda_random": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        },
    )  # fmt: skip


def resume(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    random: np.random.Generator,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Put a cut-off run's state back and return its history and best epoch, both empty where there is none.

    Another run's state, or a damaged one, counts as none. Several processes take the first one's.
    """
    state = parallel.from_first(_read(path, identity) if parallel.rank() == 0 else None)
    if state is None:
        return [], {}
    try:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["torch_random"])
        if state["cuda_random"] is not None:
            torch.cuda.set_rng_state(state["cuda_random"])
        random.bit_generator.state = state["random"]
        return state["history"], state["best"]
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}); remove it to train from the start") from None


def _read(path: Path, identity: str) -> dict[str, Any] | None:
    for name in _WRITTEN:  # of a run killed while it wrote; what else lies there is of others, such as another seed's
        for left in path.parent.glob(f".{name}.*.tmp"):
            left.unlink()
    try:
        state = checkpoint.load(path)
    except DataError:
        return None
    return state if state.get("identity") == identity else None
