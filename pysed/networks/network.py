"""What every detection network is: a module with frame features in and score logits out, and the keys that shape it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from pysed.errors import DataError


@dataclass(frozen=True)
class Inputs:
    """What a network is built for: F bins, A values of the recogniser (0: none), frames to a score, scenes to name.

    ``system`` and ``frontend`` are names, for messages.
    """

    system: str
    frontend: str
    num_features: int
    asr_dim: int = 0
    frames_per_label: int = 2
    num_scenes: int = 0


class DetectionNetwork(nn.Module):
    """A network, defined in a module of the model's name; built as ``Network(Network.Config(...), inputs)``.

    ``Config`` is a frozen dataclass of the network's own keys, each a ``pysed.config.setting``. The class says which
    inputs it takes; ``forward`` takes normalised features (B, T, F) without context, ``frames_per_label`` frames to a
    score, and the normalised recogniser features (B, T100, A) or None, and returns logits (B, T100), frame t covering
    [0.1·t, 0.1·(t+1)) seconds; one that scores onsets (B, T100, 2), those of the event and of its beginning.
    """

    Config: ClassVar[type]
    #: Whether recogniser features may be a second input, and whether there has to be one.
    takes_asr: ClassVar[bool] = False
    needs_asr: ClassVar[bool] = False
    #: Whether it names the background's scene too, by ``with_scene``.
    tells_scenes: ClassVar[bool] = False

    #: Whether it scores onsets too; its configuration says so by ``onsets``.
    scores_onsets: bool = False

    #: Whether maps are bfloat16; set by whoever runs the network, no part of its state.
    bfloat16_maps: bool = False

    @classmethod
    def check_inputs(cls, model: str, inputs: Inputs) -> None:
        """DataError for inputs that the network, of this model's name, does not take."""
        if inputs.asr_dim and not cls.takes_asr:
            raise DataError(f"{inputs.system}: model {model} takes no recogniser features; set asr: false")
        if cls.needs_asr and not inputs.asr_dim:
            raise DataError(f"{inputs.system}: model {model} has no other input; set asr: true")
        if inputs.num_scenes and not cls.tells_scenes:
            raise DataError(f"{inputs.system}: model {model} tells no scenes apart; set scene_weight: 0")
        if cls.tells_scenes and not inputs.num_scenes:
            raise DataError(f"{inputs.system}: model {model} tells scenes apart; set scene_weight above 0")

    def with_scene(self, features: torch.Tensor, asr: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs as forward's -> (forward's logits, scene logits (B, num_scenes)), of a network that tells scenes."""
        raise TypeError(f"{type(self).__name__} tells no scenes apart")

    def superfluous_flops(self, num_frames: int, num_bins: int) -> float:
        """Operations of a clip's training step that torch's layers count and that nobody needs; for benchmarks."""
        return 0.0


def check_frames(inputs: Inputs, model: str, expected: int) -> None:
    """DataError unless the front end gives as many frames to a score as the network, of this model's name, expects."""
    if inputs.frames_per_label != expected:
        raise DataError(
            f"{inputs.frontend}: {inputs.frames_per_label} frames to a 100 ms score; model {model} expects "
            f"{expected} of {100 / expected:g} ms; choose another front end"
        )
