"""The operations of a cycle, computed some frames at a time in the order in which they need each other.

What they read from outside the cycle is computed for all frames at once, the products of matrices included.
"""

from collections.abc import Callable

import numpy as np
import torch

from pysed.kaldi.nnet3.cycles import Cycle, is_memory
from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.nnet3.kernels import FRAMEWISE
from pysed.kaldi.nnet3.operations import Op
from pysed.kaldi.nnet3.steps import BATCH, Step, Values, Weights

Rows = slice | torch.Tensor | None  # where a block's earlier frames are; None: nowhere
Part = Callable[["Block"], torch.Tensor]


class Block:
    """The frames at hand: their ``number`` and ``rows``, and the (T, B, D) values from outside and of the members."""

    def __init__(self, outside: list[torch.Tensor], members: Values):
        self.outside, self.members = outside, members
        self.number, self.rows = 0, slice(0, 0)


class Recurrence:
    """``recurrence(values)`` puts the values of all members of ``cycle`` at the frames ``ts`` into ``values``.

    ``members`` are the cycle's operations in its order; ``outside(descriptor, ts)`` is the step that gives what is read
    from outside of it.
    """

    def __init__(
        self,
        cycle: Cycle,
        members: list[Op],
        ts: np.ndarray,
        weights: Weights,
        outside: Callable[[Descriptor, np.ndarray], Step],
    ):
        self.cycle, self.members, self.ts = cycle, members, ts
        self.weights, self.outside = weights, outside
        self.dims = {op.name: op.dim for op in members}
        self.blocks = _blocks(ts, cycle.delay)
        self._outside: list[Step] = []
        self._memories: dict[int, list[tuple[Rows, torch.Tensor | None]]] = {}
        self._parts = [(op, self._op(op)) for op in self.members]

    def __call__(self, values: Values) -> None:
        shape = len(self.ts), values[BATCH].shape[1]
        members = {op.name: values[BATCH].new_empty(*shape, op.dim) for op in self.members}
        block = Block([step(values) for step in self._outside], members)
        for block.number, block.rows in enumerate(self.blocks):
            for op, part in self._parts:
                members[op.name][block.rows] = part(block)
        values.update(members)

    def _op(self, op: Op) -> Part:
        part = self._linear(op) if op.kind == "linear" else self._other(op)
        added = self.weights.added.get(op.name)
        return part if added is None else lambda block: part(block) + added

    def _other(self, op: Op) -> Part:
        if op.kind == "identity":
            return self._read(op.input)
        kernel, source = FRAMEWISE[op.kind](op), self._read(op.input)
        return lambda block: kernel(source(block))

    def _linear(self, op: Op) -> Part:
        matrices, bias = self.weights.linear[op.name], self.weights.bias[op.name]
        if len(matrices) < len(op.params["blocks"]):
            matrices = list(matrices[0].split([w.shape[1] for _, w in op.params["blocks"]]))
        pairs = [(d, m) for (d, _), m in zip(op.params["blocks"], matrices, strict=True)]
        outer = [(self.outside(d, self.ts), m) for d, m in pairs if not self._inside(d)]
        inner = [(self._read(d), m) for d, m in pairs if self._inside(d)]
        base = self._from_outside(lambda values: self._affine(bias, outer, values))
        residual = self._read(op.params["residual"]) if "residual" in op.params else None
        scale, relu = op.params.get("residual_scale", 1.0), op.params.get("relu", False)

        def part(block: Block) -> torch.Tensor:
            result = base(block)
            shape = result.shape
            result = result.reshape(-1, op.dim)
            for read, matrix in inner:
                rows = read(block)
                result = torch.addmm(result, rows.reshape(-1, rows.shape[2]), matrix)
            result = (result.relu() if relu else result).view(shape)
            return result if residual is None else torch.add(result, residual(block), alpha=scale)

        return part

    def _affine(self, bias: torch.Tensor, pairs: list[tuple[Step, torch.Tensor]], values: Values) -> torch.Tensor:
        """Bias and products with what is outside, (T, B, D)."""
        result = bias.expand(len(self.ts) * values[BATCH].shape[1], -1)
        for step, matrix in pairs:
            rows = step(values)
            result = torch.addmm(result, rows.reshape(-1, rows.shape[2]), matrix)
        return result.view(len(self.ts), -1, len(bias))

    def _inside(self, descriptor: Descriptor) -> bool:
        return any(name in self.cycle.names for name in descriptor.nodes())

    def _from_outside(self, step: Step) -> Part:
        index = len(self._outside)
        self._outside.append(step)
        return lambda block: block.outside[index][block.rows]

    def _read(self, descriptor: Descriptor) -> Part:
        if not self._inside(descriptor):
            return self._from_outside(self.outside(descriptor, self.ts))
        if descriptor.op == "Node":
            return lambda block: block.members[descriptor.name][block.rows]
        if is_memory(descriptor):
            offset = descriptor.parts[0]
            return self._memory(offset.parts[0].name, int(offset.numbers[0]))
        parts = [self._read(part) for part in descriptor.parts]
        if descriptor.op == "Append":
            return lambda block: torch.cat([part(block) for part in parts], dim=2)
        if descriptor.op == "Scale":
            return lambda block: parts[0](block) * float(descriptor.numbers[0])
        return lambda block: sum((part(block) for part in parts[1:]), parts[0](block))

    def _memory(self, name: str, offset: int) -> Part:
        """A member's value some frames away, zero where it has none."""
        if offset not in self._memories:
            self._memories[offset] = [_earlier(self.ts, rows, offset) for rows in self.blocks]
        places = self._memories[offset]
        dim = self.dims[name]

        def part(block: Block) -> torch.Tensor:
            rows, known = places[block.number]
            source = block.members[name]
            if known is None:
                return source[rows]
            count = block.rows.stop - block.rows.start
            result = source.new_zeros(count, source.shape[1], dim)
            if rows is not None:
                result[known] = source[rows]
            return result

        return part


def _blocks(ts: np.ndarray, delay: int) -> list[slice]:
    """Rows of runs of at most |delay| frames, in the order in which they can be computed."""
    numbers = (ts - ts[0]) // abs(delay)
    edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=numbers[-1] + 1)).tolist()
    blocks = [slice(start, stop) for start, stop in zip(edges, edges[1:], strict=False)]
    return blocks if delay < 0 else blocks[::-1]


def _earlier(ts: np.ndarray, rows: slice, offset: int) -> tuple[Rows, torch.Tensor | None]:
    """Where the frames ``offset`` away from those of a block are, and for which of them there is one (None: all)."""
    wanted = ts[rows] + offset
    places = np.searchsorted(ts, wanted)
    known = (places < len(ts)) & (ts[np.minimum(places, len(ts) - 1)] == wanted)
    places = places[known]
    if not len(places):
        return None, torch.from_numpy(known)
    whole = slice(int(places[0]), int(places[-1]) + 1)
    found = whole if len(places) == whole.stop - whole.start else torch.from_numpy(places)
    return found, None if known.all() else torch.from_numpy(known)
