"""The networks of the compared systems and the layers that they are made of. Uses the compiled layers; used by
``detector`` and ``train``."""

from typing import TYPE_CHECKING

from pysed.errors import DataError

if TYPE_CHECKING:
    from torch import nn

    from pysed.train.config import SystemConfig

#: Model name -> module under pysed.networks with ``build(config, num_features, asr_dim, frames_per_label)``.
MODELS = {
    "cbrnn": "cbrnn",
    "multitask": "multitask",
    "finetune": "finetune",
    "crnn": "crnn",
    "cnn1d_rnn": "cnn1d_rnn",
    "mlp": "mlp",
}


def build_model(
    config: "SystemConfig", num_features: int, asr_dim: int = 0, frames_per_label: int = 2, num_scenes: int = 0
) -> "nn.Module":
    """The network of ``config``, freshly initialised.

    Its ``forward(features, asr)`` takes normalised features (B, T, F) without context, ``frames_per_label`` frames to a
    score, and the normalised recogniser features (B, T100, A) or None; it returns logits (B, T100), frame t covering
    [0.1·t, 0.1·(t+1)) seconds. ``num_features`` is F, ``asr_dim`` is A (0: none). With ``num_scenes`` it has
    ``with_scene(features, asr)`` too, which returns the logits and those of the background's scene (B, num_scenes).

    Raises DataError for an unknown model, and for inputs that the model does not take.
    """
    import importlib

    if config.model not in MODELS:
        raise DataError(f"model {config.model!r}: unknown; one of {', '.join(MODELS)}")
    if num_scenes and config.model != "multitask":
        raise DataError(f"{config.system}: model {config.model} tells no scenes apart; set scene_weight: 0")
    module = importlib.import_module(f"pysed.networks.{MODELS[config.model]}")
    return module.build(
        config, num_features, asr_dim, frames_per_label, **({"num_scenes": num_scenes} if num_scenes else {})
    )
