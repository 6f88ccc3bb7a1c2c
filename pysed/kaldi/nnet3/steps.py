"""What plans are made of: values, the steps that compute one from others, and the weights that plans share.

Values are (T, B, D): frames first, so that a run of frames of a batch of chunks is one matrix.
"""

from collections.abc import Callable, Collection

import numpy as np
import torch

from pysed.kaldi.nnet3.computation import Computation
from pysed.kaldi.nnet3.operations import Op

Values = dict[str, torch.Tensor]
Step = Callable[[Values], torch.Tensor]
BATCH = ""  # no node has this name: a value that is there for its size only
_GATHER_WIDTH = 1024


def constant(array: np.ndarray) -> torch.Tensor:
    """An operation's constant as a contiguous float32 tensor."""
    with np.errstate(all="ignore"):  # a damaged model may hold any number
        return torch.from_numpy(np.ascontiguousarray(array, np.float32))


class Weights:
    """The constants of a computation's operations as float32 tensors, shared by all its plans.

    ``without`` names operations whose weights are kept elsewhere.
    """

    def __init__(self, computation: Computation, without: Collection[str] = ()):
        self.linear: dict[str, list[torch.Tensor]] = {}
        self.bias: dict[str, torch.Tensor] = {}
        self.added: dict[str, torch.Tensor] = {}
        with np.errstate(all="ignore"):  # a damaged model may hold any number
            self._convert([op for op in computation.ops.values() if op.name not in without])

    def _convert(self, ops: list[Op]) -> None:
        for op in ops:
            if op.kind == "linear":
                matrices = [torch.from_numpy(w.T.astype(np.float32)).contiguous() for _, w in op.params["blocks"]]
                if joins(op):
                    matrices = [torch.cat(matrices)]
                self.linear[op.name] = matrices
                self.bias[op.name] = torch.from_numpy(op.params["bias"].astype(np.float32))
            if "added" in op.params:
                self.added[op.name] = torch.from_numpy(op.params["added"].astype(np.float32))


def joins(op: Op) -> bool:
    """Whether a layer's narrow inputs are copied side by side for one product instead of several."""
    widths = [w.shape[1] for _, w in op.params["blocks"]]
    return len(widths) > 1 and sum(widths) <= _GATHER_WIDTH
