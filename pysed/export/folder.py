"""A model folder that travels: checkpoint, recogniser cut to what is needed, model card and checksums."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from pysed.atomic import naming, temporary_beside
from pysed.detect.decide import Decision
from pysed.detect.decision_file import read_decision
from pysed.detector import checkpoint
from pysed.detector.checkpoint import TrainedNetwork, load_network
from pysed.detector.entries import ENTRIES
from pysed.detector.exported import write_sums
from pysed.errors import DataError
from pysed.export.card import CARD, card
from pysed.features.of_samples import RATE_HZ, RECOGNISER, AsrFeatures, find_asr_model
from pysed.freshness.marks import clear_left_beside
from pysed.kaldi.cut_model import write_cut_model

#: Files of a recogniser's folder that say what it is and what may be done with it.
_ABOUT = ("MODEL_CARD.md", "README.md", "README", "LICENSE", "LICENCE", "COPYING", "NOTICE")
DECISION = "decision.yaml"  # as pysed tune calls it
_LONGEST = 1 << 20  # bytes of one of them


def export_model(
    model: str | os.PathLike,
    out: str | os.PathLike,
    asr_model: str | os.PathLike | None = None,
    notes: str = "",
    command: str = "",
    more: Callable[[TrainedNetwork, AsrFeatures | None, Path], list[str]] | None = None,
    threshold: float | None = None,
) -> Path:
    """Write a trained detector to the new folder ``out``, which then needs nothing beside it; returns ``out``.

    ``asr_model``: the recogniser's folder, where it is not the one that the checkpoint names; ``notes``: Markdown for
    the model card; ``command``: what the card says made the folder; ``more``: writes further files into the folder and
    returns lines about them for the card; ``threshold``: the detector's own from now on, for that of its training (what
    ``pysed tune`` noted is then left out). The folder appears whole or not at all. Raises DataError for a model that
    lacks something, for an ``out`` that exists, and for a threshold beyond 0 to 1.
    """
    out = Path(out)
    network = load_network(model)
    own: dict[str, Any] = {}
    if threshold is not None:
        own = {"t_base": Decision(threshold).threshold, "beta": 0.0}
        network = dataclasses.replace(network, **own)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out}: exists already; remove it, or choose another name")
    recogniser = None if network.asr is None else open_recogniser(network, asr_model)
    temporary = temporary_beside(out)
    clear_left_beside(out)
    try:
        with naming(out):
            temporary.mkdir(parents=True)
            checkpoint.save(temporary / "final.pt", {**_content(model, recogniser), **own})
            if recogniser is not None:
                assert network.asr is not None
                write_cut_model(recogniser.settings, network.asr["layer"], temporary / RECOGNISER)
                _copy_about(recogniser.settings.path, temporary / RECOGNISER)
                _check_same(recogniser, temporary, network.asr)
            decided = None if own else _copy_decision(network, temporary)
            further = [] if more is None else more(network, recogniser, temporary)
            text = card(network, model, out.name, recogniser, notes, command, further, decided)
            (temporary / CARD).write_text(text, encoding="utf-8")
            write_sums(temporary)
            load_network(temporary)
            os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def open_recogniser(network: TrainedNetwork, asr_model: str | os.PathLike | None = None) -> AsrFeatures:
    """The recogniser that the network needs, its tuned layers in place.

    A name in the checkpoint that leads to any place of the machine is followed only if ``asr_model`` says it as well.
    """
    assert network.asr is not None
    name, folder = network.asr["model"], network.folder
    if asr_model is None and name and (PurePath(name).is_absolute() or ".." in PurePath(name).parts):
        raise DataError(
            f"{folder}: its checkpoint names the recogniser {name}; if that is the right one, give it: --asr"
        )
    place = Path(asr_model) if asr_model is not None else find_asr_model(name, folder)
    recogniser = AsrFeatures(place, network.asr["layer"], network.asr.get("tuned"))
    recogniser.check_settings(network.asr.get("settings"), str(folder))
    if recogniser.network.output_dim != network.asr["dim"]:
        raise DataError(
            f"{place}: layer {network.asr['layer']} of width {recogniser.network.output_dim}; "
            f"{folder} was trained with {network.asr['dim']}; give the recogniser of its training: --asr"
        )
    return recogniser


def _content(model: str | os.PathLike, recogniser: AsrFeatures | None) -> dict[str, Any]:
    """The checkpoint's content, of what a detector uses alone."""
    content = checkpoint.load(checkpoint.checkpoint_of(model))
    kept = {key: value for key, value in content.items() if key in ENTRIES or key == "format"}
    if recogniser is None:
        return {**kept, "asr": None}
    asr = {key: value for key, value in content["asr"].items() if key in ("layer", "dim", "tuned")}
    return {**kept, "asr": {**asr, "model": RECOGNISER, "settings": recogniser.settings.fingerprint()}}


def _copy_about(source: Path, out: Path) -> None:
    for name in _ABOUT:
        path = source / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LONGEST:
            shutil.copyfile(path, out / name)


def _copy_decision(network: TrainedNetwork, out: Path) -> Decision | None:
    """What ``pysed tune`` left beside the model, copied; None where there is nothing. DataError where it is wrong."""
    source = network.folder / DECISION
    if not source.is_file():
        return None
    decision = read_decision(source, network, {})
    shutil.copyfile(source, out / DECISION)
    return decision


def _check_same(recogniser: AsrFeatures, folder: Path, asr: dict[str, Any]) -> None:
    """Raise DataError unless the recogniser that was written gives what the one it was made from does."""
    samples = np.random.default_rng(0).normal(0, 3000, 3 * RATE_HZ).astype(np.float32)
    written = AsrFeatures(folder / RECOGNISER, asr["layer"], asr.get("tuned"))
    if not np.array_equal(written.compute(samples), recogniser.compute(samples)):
        raise DataError(f"{recogniser.settings.path}: cut to layer {asr['layer']} it computes other values")
