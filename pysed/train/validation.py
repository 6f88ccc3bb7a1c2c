"""What is learnt from the validation clips' scores: how good an epoch is, the order of epochs, and the calibration."""

from typing import Any

import numpy as np
import torch

from pysed import parallel
from pysed.decision.calibration import calibrated, fit_logistic
from pysed.decision.onsets import detect_by_rule
from pysed.decision.postprocess import MEDIAN_FRAMES
from pysed.decision.tuning import GRIDS, Tuning, average_f, tune
from pysed.detector import checkpoint
from pysed.detector.config import SystemConfig
from pysed.features.normalise import apply_normalisation
from pysed.networks.network import DetectionNetwork
from pysed.train.clips import Clips
from pysed.train.data import of_recogniser
from pysed.train.loss import onset_labels


def scores_of(model: torch.nn.Module, clips: Clips, normalise: dict[str, dict]) -> np.ndarray:
    """Scores (N, T100) of clips, or (N, T100, 2) with those of onsets; each of several processes computes a part."""
    mine = np.array_split(np.arange(len(clips.names)), parallel.size())[parallel.rank()]
    features = apply_normalisation(clips.features[mine], normalise["features"])
    scores = checkpoint.predict(model, features, of_recogniser(clips, mine, normalise)) if len(mine) else None
    return np.concatenate([part for part in parallel.gathered(scores) if part is not None])


def cross_entropy(scores: np.ndarray, labels: np.ndarray, positive_weight: float) -> float:
    """The training's loss in float64, without that of onsets. scores: (N, T100) or (N, T100, 2), labels: (N, T100)."""
    of_event = scores[..., 0] if scores.ndim == 3 else scores
    inside = np.clip(of_event.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-(positive_weight * labels * np.log(inside) + (1 - labels) * np.log(1 - inside)).mean())


def measures(scores: np.ndarray, clips: Clips, config: SystemConfig) -> dict[str, Any]:
    """An epoch's columns of metrics.csv that tell how good it is."""
    median = config.median_frames
    tuning = tune(scores, clips.onset_s, median_frames=median, **GRIDS[config.tuned])
    return {
        "average_f": average_f(scores, clips.onset_s, median_frames=median),
        "f_measure": tuning.f_measure,
        "error_rate": tuning.error_rate,
        "onset_delay_s": onset_delay(scores, clips.onset_s, tuning, median),
    }


def onset_delay(
    scores: np.ndarray, onset_s: np.ndarray, tuning: Tuning, median_frames: int = MEDIAN_FRAMES
) -> float | None:
    """Median of detected minus true onset in seconds, of detections at most 3 s off; None without any."""
    detected, _ = detect_by_rule(
        scores, tuning.t_base, tuning.beta,
        max_gap_s=tuning.max_gap_s, low_ratio=tuning.low_ratio, median_frames=median_frames,
    )  # fmt: skip
    delay = detected - onset_s
    delay = delay[np.abs(delay) <= 3]  # NaN compares as False
    return round(float(np.median(delay)), 4) if len(delay) else None


def merit(row: dict[str, Any], select: str = "average_f") -> tuple[float, ...]:
    """Order of epochs, on validation: event-based F over many thresholds, then loss; or error rate before them. Or the
    order in which they were trained."""
    if select == "last":
        return (row["epoch"],)
    order = row["average_f"] or 0.0, -row["valid_loss"]
    if select == "average_f":
        return order
    rate = row["error_rate"]
    return -np.inf if rate is None else -rate, *order


def scene_accuracy(model: torch.nn.Module, clips: Clips, normalise: dict[str, dict], batch_size: int = 16) -> float:
    """Share of clips whose background's scene the network names rightly."""
    assert isinstance(model, DetectionNetwork) and clips.scenes is not None
    right = 0
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(clips.names), batch_size):
            part = slice(first, first + batch_size)
            features, asr = (
                None if values is None else torch.from_numpy(apply_normalisation(values[part], normalise[name]))
                for name, values in (("features", clips.features), ("asr", clips.asr))
            )
            assert features is not None
            logits = model.with_scene(features.to(device), None if asr is None else asr.to(device))[1]
            right += int((logits.argmax(dim=-1).cpu().numpy() == clips.scenes[part]).sum())
    return round(right / len(clips.names), 4)


def calibrate(raw: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Slope and offset of the scores' log odds, as a checkpoint keeps them, and the scores so calibrated.

    raw: (N, T100), or (N, T100, 2) with those of onsets, which have a slope and an offset of their own; labels: (N,
    T100) of the event.
    """
    if raw.ndim == 2:
        slope, offset = np.asarray(fit_logistic(raw, labels), np.float32)
    else:
        wanted = labels, onset_labels(torch.from_numpy(labels)).numpy()
        fits = [fit_logistic(raw[..., track], each) for track, each in enumerate(wanted)]
        slope, offset = np.asarray(fits, np.float32).T
    scores = calibrated(raw, np.float64(slope), np.float64(offset))
    return torch.as_tensor(slope), torch.as_tensor(offset), scores


def shown(values: torch.Tensor) -> str:
    """One number, or two, to three places."""
    return " / ".join(f"{value:.3f}" for value in values.reshape(-1).tolist())
