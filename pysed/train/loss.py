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
    """(loss, logits (B, T100)) of a batch: features (B, T, F), asr (B, T100, A) or None, labels (B, T100), scenes (B,).

    Frames of the event count ``positive_weight`` times; ``scene_weight`` times the scenes' cross-entropy is added.
    """
    weight = torch.tensor(config.positive_weight, device=labels.device)
    if scenes is None:
        logits = model(features, asr)
        return functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight), logits
    assert isinstance(model, DetectionNetwork)
    logits, scene_logits = model.with_scene(features, asr)
    loss = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight)
    return loss + config.scene_weight * functional.cross_entropy(scene_logits, scenes), logits
