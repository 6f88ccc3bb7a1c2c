"""What training makes small: weighted cross-entropy of the frames, and of the scenes for a network that names them."""

import torch
from torch.nn import functional

from pysed.detector.config import SystemConfig
from pysed.networks.network import DetectionNetwork


def batch_loss(
    model: torch.nn.Module,
    features: torch.Tensor,
    asr: torch.Tensor | None,
    labels: torch.Tensor,
    scenes: torch.Tensor | None,
    config: SystemConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(loss, logits) of a batch: features (B, T, F), asr (B, T100, A) or None, labels (B, T100), scenes (B,).

    Frames of the event count ``positive_weight`` times. Of a network that scores onsets ``onset_weight`` times their
    cross-entropy is added, of one that tells scenes ``scene_weight`` times the scenes'.
    """
    added: torch.Tensor | float = 0.0
    if scenes is None:
        logits = model(features, asr)
    else:
        assert isinstance(model, DetectionNetwork)
        logits, scene_logits = model.with_scene(features, asr)
        added = config.scene_weight * functional.cross_entropy(scene_logits, scenes)
    of_event = logits
    if logits.ndim == 3:
        of_event = logits[..., 0]
        added = added + config.onset_weight * functional.binary_cross_entropy_with_logits(
            logits[..., 1], onset_labels(labels)
        )
    weight = torch.tensor(config.positive_weight, device=labels.device)
    return functional.binary_cross_entropy_with_logits(of_event, labels, pos_weight=weight) + added, logits


def onset_labels(labels: torch.Tensor) -> torch.Tensor:
    """1 in the first frame of every event; where one is under way in the first frame of all, its onset is not there.
    labels: (B, T100) -> the same."""
    onsets = torch.zeros_like(labels)
    onsets[:, 1:] = labels[:, 1:] * (1 - labels[:, :-1])
    return onsets
