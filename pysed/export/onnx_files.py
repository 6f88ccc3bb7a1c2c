"""A detector's networks as ONNX files, checked against the toolkit's own results, and what their caller computes."""

import dataclasses
import importlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pysed.decision.onsets import ACTIVE, APART_FRAMES, COLLAR_FRAMES, SHORTEST_FRAMES
from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError
from pysed.export.traced import LayerOfInputs, ScoresOfFeatures
from pysed.features.grid import FIRST_CENTRE_S, HOP_S, ROW_SHIFT_S
from pysed.features.of_samples import AsrFeatures
from pysed.kaldi.cmvn import OnlineCmvnOptions
from pysed.kaldi.options import option_lines

DETECTOR, RECOGNISER, SETTINGS, GUIDE = "detector.onnx", "recogniser.onnx", "onnx.json", "ONNX.md"
OPSET = 17
#: Scores, and rows of the recogniser, on which every file is checked before it is given out.
_CHECKED = (1, 7, 50, 51, 301)
_TOLERANCE = 1e-4


def need_onnx() -> None:
    """Raise ModuleNotFoundError where a package of the extra is missing."""
    for name in ("onnx", "onnxruntime"):
        importlib.import_module(name)


def write_onnx(network: TrainedNetwork, recogniser: AsrFeatures | None, folder: Path) -> list[str]:
    """Write the ONNX files, ``onnx.json`` and ``ONNX.md`` into the folder; returns lines about them for its card.

    Raises DataError for a network that ONNX cannot hold, and where its results differ.
    """
    rng = np.random.default_rng(0)
    worst = {DETECTOR: _write_detector(network, folder / DETECTOR, rng)}
    if recogniser is not None:
        worst[RECOGNISER] = _write_recogniser(recogniser, folder / RECOGNISER, rng)
    settings = _settings(network, recogniser)
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    (folder / GUIDE).write_text(guide(network, recogniser), encoding="utf-8")
    lines = [f"- `{name}`: differs from pysed's own results by {error:.1e} at most." for name, error in worst.items()]
    return [*lines, f"- `{GUIDE}` and `{SETTINGS}`: what the caller has to compute."]


def _write_detector(network: TrainedNetwork, path: Path, rng: np.random.Generator) -> float:
    names = ["features", "asr"][: 1 + network.config.asr]

    def inputs(num_scores: int, num_clips: int = 1) -> list[np.ndarray]:
        frames = {"features": num_scores * network.frames_per_label, "asr": num_scores}
        return [_like(network.normalisation[name], (num_clips, frames[name]), rng) for name in names]

    axes = {
        "features": {0: "clips", 1: "frames"},
        "asr": {0: "clips", 1: "scores"},
        "scores": {0: "clips", 1: "scores"},
    }
    _trace(ScoresOfFeatures(network).eval(), inputs(40), path, names, "scores", axes)
    cases = [inputs(num_scores) for num_scores in _CHECKED] + [inputs(20, 3)]
    expected = [network.tracks_of_clips(*each) for each in cases]
    return _check(path, names, cases, expected)


def _like(statistics: dict[str, Any], shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Random values that the statistics could be of: (*shape, F) float32."""
    scale = np.asarray(statistics["scale"])
    spread = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    return (statistics["shift"] + spread * rng.standard_normal((*shape, len(scale)))).astype(np.float32)


def _write_recogniser(recogniser: AsrFeatures, path: Path, rng: np.random.Generator) -> float:
    computer, period = recogniser.network, recogniser.network.options.online_ivector_period
    names = ["feats", "ivectors"][: 1 + (computer.ivector_dim > 0)]

    def inputs(num_frames: int) -> list[np.ndarray]:
        feats = rng.normal(0, 10, (num_frames, computer.input_dim))
        ivectors = rng.normal(0, 1, (-(-num_frames // period), computer.ivector_dim))
        return [each.astype(np.float32) for each in (feats, ivectors)[: len(names)]]

    axes = {"feats": {0: "frames"}, "ivectors": {0: "periods"}, "rows": {0: "rows"}}
    _trace(LayerOfInputs(computer).eval(), inputs(400), path, names, "rows", axes)
    cases = [inputs(3 * rows - missing) for rows in _CHECKED for missing in (0, 2)]
    scale = max(1.0, max(float(np.abs(computer.compute(*each)).max()) for each in cases))
    return _check(path, names, cases, [computer.compute(*each) for each in cases], scale)


def _trace(
    module: torch.nn.Module, inputs: list[np.ndarray], path: Path, names: list[str], output: str, axes: dict
) -> None:
    """Write a module as ONNX by tracing it, its own compiled layers in their plain form."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of what a trace makes constant: _check() says whether that is right
        try:
            torch.onnx.export(
                module,
                tuple(map(torch.from_numpy, inputs)),
                str(path),
                input_names=names,
                output_names=[output],
                dynamic_axes={name: axes[name] for name in [*names, output]},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # torch raises many kinds
            reason = str(error).split("\n")[0][:200]
            raise DataError(f"{path.name}: this network cannot be written as ONNX ({reason})") from None


def _check(
    path: Path, names: list[str], cases: list[list[np.ndarray]], expected: list[np.ndarray], scale: float = 1.0
) -> float:
    """The largest difference from what is expected, ``scale`` being one; DataError where it is not small."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = {each.name for each in session.get_inputs()}
    worst = 0.0
    for inputs, wanted in zip(cases, expected, strict=True):
        (found,) = session.run(None, {k: v for k, v in zip(names, inputs, strict=True) if k in taken})
        error = float(np.abs(found - wanted).max()) / scale if found.shape == wanted.shape else np.inf
        if not error <= _TOLERANCE:
            raise DataError(
                f"{path.name}: as ONNX it gives other results for input of shape {inputs[0].shape} (by {error:.2g}); "
                "export the detector without --format onnx"
            )
        worst = max(worst, error)
    return worst


def _settings(network: TrainedNetwork, recogniser: AsrFeatures | None) -> dict[str, Any]:
    """All numbers that a caller needs."""
    found: dict[str, Any] = {
        "event": network.event,
        "detector": {"file": DETECTOR, "frames_per_score": network.frames_per_label, "score_s": HOP_S},
        "front_end": network.frontend,
        "window_s": network.window_s,
        "decision": {
            "threshold": network.t_base,
            "beta": network.beta,
            "low_ratio": network.low_ratio,
            "max_gap_s": network.max_gap_s,
            "median_frames": network.config.median_frames,
        },
    }
    if recogniser is not None:
        settings, extractor = recogniser.settings, recogniser.extractor
        found["recogniser"] = {
            "file": RECOGNISER,
            "subsampling": recogniser.network.options.frame_subsampling_factor,
            "ivector_period": None if extractor is None else extractor.options.ivector_period,
            "row_shift_s": ROW_SHIFT_S,
            "first_centre_s": FIRST_CENTRE_S,
            "mfcc": dataclasses.asdict(settings.mfcc),
            "cmvn": None if settings.cmvn is None else option_lines(settings.cmvn),
            "cmvn_is_online": isinstance(settings.cmvn, OnlineCmvnOptions),
        }
    return found


_BY_RUNS = (
    "Decide with the values of `decision`. The threshold is `threshold` plus `beta` times the mean of the clip's "
    "scores. An event is a run of scores above `low_ratio` times the threshold that holds a score above the "
    "threshold. Before that, both decisions go through a median filter of `median_frames` frames, and pauses in a "
    "run of up to `max_gap_s` seconds (null: any) are closed."
)
_BY_ONSETS = (
    f"Decide with the values of `decision`. Sum the second score over {COLLAR_FRAMES} frames on both sides of each: "
    f"the onsets to be expected there. Where the sum is above `threshold` and the highest within {APART_FRAMES} frames "
    "on both sides, an event begins, in the frame at which half of that sum is reached. It goes on for at least "
    f"{SHORTEST_FRAMES} frames, until the first score, after a median filter of `median_frames` frames and with pauses "
    f"of up to `max_gap_s` seconds closed, is no longer above {ACTIVE:g}; these scores "
    f"may begin up to {COLLAR_FRAMES} frames after the event. A pause before the next "
    "onset is not closed."
)
_GUIDE = """# How to run this detector with ONNX

The numbers that are named here are in `{settings}`. Any number of frames may be given.

{steps}
"""


def guide(network: TrainedNetwork, recogniser: AsrFeatures | None) -> str:
    """What the caller of the ONNX files has to compute, as Markdown."""
    width, frontend = len(network.normalisation["features"]["shift"]), network.frontend or {}
    inputs = f"`features` (clips, frames, {width})"
    if network.asr is not None:
        inputs += f" and `asr` (clips, scores, {network.asr['dim']})"
    given = "`scores` (clips, scores) from 0 to 1, one for each 100 ms"
    if network.scores_onsets:
        given = "`scores` (clips, scores, 2) from 0 to 1, two for each 100 ms: that the event is there, that it begins"
    window = "" if network.window_s is None else f" It was trained on clips of {network.window_s:g} s."
    steps = [
        f"Bring the sound to {frontend.get('sample_frequency_hz', 16000):g} Hz and one channel. Multiply samples from "
        "-1 to 1 by 32768, round them, and limit them to the range of 16-bit integers.",
        "Compute log-mel energies as Kaldi's `compute-fbank-feats` does, with the values of `front_end`. Take the mean "
        "of each `average_frames` frames, and repeat the last frame where the last group is short. This gives "
        f"`features`, not normalised. Repeat the last row until their number is a multiple of "
        f"{network.frames_per_label}, the rows to a score.",
        *([] if recogniser is None else _recogniser_steps(recogniser)),
        f"Run `{DETECTOR}`: {inputs} give {given}. Normalisation is inside.{window}",
        _BY_ONSETS if network.scores_onsets else _BY_RUNS,
    ]
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return _GUIDE.format(settings=SETTINGS, steps=numbered)


def _recogniser_steps(recogniser: AsrFeatures) -> list[str]:
    computer, extractor, cmvn = recogniser.network, recogniser.extractor, recogniser.settings.cmvn
    steps = ["Compute MFCC as Kaldi's `compute-mfcc-feats` does, with the values of `recogniser.mfcc`."]
    inputs = f"`feats` (T, {computer.input_dim}), the MFCC,"
    if extractor is not None:
        steps.append(
            "Compute i-vectors of these MFCC as Kaldi's `ivector-extract-online2` does, with the files of "
            "`recogniser/extractor` and `recogniser/conf/ivector.conf`, each clip a speaker of its own."
        )
        inputs += f" and `ivectors` (P, {computer.ivector_dim}), one for each `ivector_period` frames,"
    if cmvn is not None:
        command = "apply-cmvn-online" if isinstance(cmvn, OnlineCmvnOptions) else "apply-cmvn"
        steps.append(f"Normalise the MFCC as Kaldi's `{command}` does, with the options of `recogniser.cmvn`.")
    return [
        *steps,
        f"Run `{RECOGNISER}`: {inputs} give `rows` (T / `subsampling`, rounded up; {computer.output_dim}). Row j is of "
        "the time `first_centre_s` + j times `row_shift_s`.",
        "Bring the rows to a grid of 100 ms: read them as a function of time that is linear in between and constant "
        "before the first and after the last, and take its mean over each 100 ms. This gives `asr`.",
    ]
