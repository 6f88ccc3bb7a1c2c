"""A network in two: the lower part computed once, the upper part, its last layers, trained.

Both follow the recipe's chunks, so that together they give what nnet3-compute gives: of each chunk the lower part is
computed at just the frames of which the upper part has need, those beside the chunk included.
"""

import numpy as np
import torch

from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.model import Nnet, Node
from pysed.kaldi.nnet3.module import NnetModule
from pysed.kaldi.nnet3.plan import Plan
from pysed.kaldi.nnet3.steps import BATCH, Values, Weights


def node_below(nnet: Nnet, output: str, num_layers: int) -> str:
    """The node under the last ``num_layers`` layers of ``output``.

    A layer is what lies between two nodes that everything passes, and has weights: of a TDNN-F network one
    factorised layer with its bypass. Raises DataError where there are not as many, with a layer left below.
    """
    if output not in nnet.nodes:
        raise nnet.fail(f"no node {output!r}; expected the layer used in training")
    above, layers = set[str](), 0
    module = NnetModule(nnet, output)
    for name in reversed([op for op in module.computation.ops if op != output]):
        kept = _reached(nnet, output, name)
        if any(nnet.nodes[node].kind == "input" for node in kept):
            continue  # something goes past it
        layers += any(node in module.trained for node in kept - above)
        above = kept
        if layers == num_layers:
            return name
    raise nnet.fail(f"{layers} layers below {output}; expected more than {num_layers} to train the last {num_layers}")


def _reached(nnet: Nnet, output: str, stop: str) -> set[str]:
    """Nodes that ``output`` needs without going below ``stop``, itself not counted."""
    found: set[str] = set()
    stack = [output]
    while stack:
        name = stack.pop()
        if name not in found and name != stop:
            found.add(name)
            stack.extend(nnet.nodes[name].sources())
    return found


class UpperLayers(NnetModule):
    """``upper(rows (N, R, D))`` → (N, T, A): ``output`` of N chunks from the values of node ``below``.

    R are the frames ``frames`` of the node, relative to a chunk's first; the weights are trainable.
    """

    def __init__(self, nnet: Nnet, below: str, output: str, options: ChunkOptions):
        nodes = {name: node for name, node in nnet.nodes.items() if name in _reached(nnet, output, below)}
        used = {node.component for node in nodes.values()}
        nodes[below] = Node(below, "input", dim=nnet.node_dims()[below])
        upper = Nnet(nodes, {name: part for name, part in nnet.components.items() if name in used}, nnet.place)
        super().__init__(upper, output)
        self.below = below
        self.outputs = np.arange(0, options.frames_per_chunk, options.frame_subsampling_factor)
        self.frames = self._chunk_plan().frames[below]

    def _chunk_plan(self) -> Plan:
        if 0 not in self._plans:
            reach = np.arange(-self.left_context, self.outputs[-1] + self.right_context + 1)
            self._plans[0] = self.plan(self.outputs, {self.below: reach})
        return self._plans[0]

    def forward(self, rows: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """rows: (N, R, D) -> (N, T, A)."""
        values: Values = {BATCH: rows.new_empty(1, len(rows), 0), self.below: rows.transpose(0, 1)}
        return self._chunk_plan().run(values).transpose(0, 1)


class LowerLayers(NnetComputer):
    """``lower.rows(feats (T, F), ivectors)`` → (chunks, R, D): a node at ``frames`` of each chunk."""

    def __init__(self, nnet: Nnet, output: str, frames: np.ndarray, options: ChunkOptions):
        super().__init__(nnet, output, options)
        weights = Weights(self.computation)
        reach = np.arange(frames[0] - self.left_context, frames[-1] + self.right_context + 1)
        self._whole = Plan(self.computation, weights, frames, {"input": reach, "ivector": np.zeros(1, np.int64)})

    def _plan(self, shape) -> Plan:
        return self._whole  # a last, shorter chunk too: what it has too much is left out in the end

    def rows(self, feats: np.ndarray, ivectors: np.ndarray | None) -> np.ndarray:
        """The node's values at the chunks' frames, float32."""
        feats, ivectors = self._check(feats, ivectors)
        num_outputs, source = -(-len(feats) // self.options.frame_subsampling_factor), torch.from_numpy(feats)
        with torch.inference_mode():
            found = [self._run(shape, firsts, source, ivectors) for shape, firsts in self._batches(num_outputs)]
        return torch.cat(found, dim=1).transpose(0, 1).numpy()  # (R, chunks, D) -> (chunks, R, D)
