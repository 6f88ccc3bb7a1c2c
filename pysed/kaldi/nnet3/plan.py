"""A network compiled for one shape of chunk: the operations with their frames resolved to slices."""

from collections.abc import Callable

import numpy as np
import torch

from pysed.kaldi.nnet3.computation import Computation
from pysed.kaldi.nnet3.cycles import Cycle
from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.nnet3.indexes import Frames, computable, mapped, needed_frames
from pysed.kaldi.nnet3.kernels import FRAMEWISE, WINDOWED, window_rows
from pysed.kaldi.nnet3.operations import Op
from pysed.kaldi.nnet3.recurrence import Recurrence
from pysed.kaldi.nnet3.steps import BATCH, Step, Values, Weights, constant


class Plan:
    """``plan.run({"input": (T, B, F), "ivector": (1, B, I), BATCH: (1, B, 0)})`` → (T_out, B, D).

    ``frames`` says which t each value holds.
    """

    def __init__(self, computation: Computation, weights: Weights, outputs: np.ndarray, inputs: Frames):
        self.computation, self.weights = computation, weights
        self.frames = {name: ts for name, ts in needed_frames(computation, outputs, inputs).items() if len(ts)}
        self.output = computation.output
        self.steps: list[tuple[Callable[[Values], None], list[str]]] = []
        chosen = [op for op in computation.ops.values() if op.name in self.frames and op.kind != "input"]
        cycles = {name: cycle for cycle in computation.cycles for name in cycle.names}
        place = {op.name: cycles[op.name].names[0] if op.name in cycles else op.name for op in chosen}
        last_use = {name: place[op.name] for op in chosen for d in op.reads() for name in d.nodes()}
        for op in chosen:
            if place[op.name] != op.name:
                continue
            dead = [name for name, user in last_use.items() if user == op.name and name != self.output]
            cycle = cycles.get(op.name)
            self.steps.append((self._setting(op) if cycle is None else self._recurrence(cycle), dead))

    def run(self, values: Values) -> torch.Tensor:
        """Compute the output; ``values`` is emptied on the way."""
        for step, dead in self.steps:
            step(values)
            for old in dead:
                values.pop(old, None)
        return values[self.output]

    def _setting(self, op: Op) -> Callable[[Values], None]:
        step = self._step(op)

        def setting(values: Values) -> None:
            values[op.name] = step(values)

        return setting

    def _recurrence(self, cycle: Cycle) -> Recurrence:
        ops = [self.computation.ops[name] for name in cycle.names]
        return Recurrence(cycle, ops, self.frames[cycle.names[0]], self.weights, self.descriptor)

    def num_products(self) -> int:
        """Multiplications in the matrix products of one chunk."""
        linear = (op for op in self.computation.ops.values() if op.kind == "linear" and op.name in self.frames)
        return sum(len(self.frames[op.name]) * sum(w.size for _, w in op.params["blocks"]) for op in linear)

    def _step(self, op: Op) -> Step:
        ts = self.frames[op.name]
        step = self._linear(op, ts) if op.kind == "linear" else self._other(op, ts)
        added = self.weights.added.get(op.name)
        return step if added is None else lambda values: step(values) + added.to(values[BATCH].device)

    def _other(self, op: Op, ts: np.ndarray) -> Step:
        if op.kind == "identity":
            return self.descriptor(op.input, ts)
        if op.kind == "constant":
            value, count = constant(op.params["value"]), len(ts)
            return lambda values: value.expand(count, _batch(values), -1)
        if op.kind in WINDOWED:
            every, rows, present = window_rows(op, ts, self._all_frames())
            source, kernel = self.descriptor(op.input, every), WINDOWED[op.kind](op, rows, present)
        else:
            source, kernel = self.descriptor(op.input, ts), FRAMEWISE[op.kind](op)
        return lambda values: kernel(source(values))

    def _linear(self, op: Op, ts: np.ndarray) -> Step:
        sources = [self.descriptor(d, ts) for d, _ in op.params["blocks"]]
        matrices, bias = self.weights.linear[op.name], self.weights.bias[op.name]
        relu, num_frames, dim = op.params.get("relu", False), len(ts), op.dim
        residual = self.descriptor(op.params["residual"], ts) if "residual" in op.params else None
        scale = op.params.get("residual_scale", 1.0)
        joined = len(matrices) < len(sources)

        def step(values: Values) -> torch.Tensor:
            parts = [source(values) for source in sources]
            if joined:
                parts = [torch.cat(parts, dim=2)]
            rows = [part.reshape(-1, part.shape[2]) for part in parts]
            result = torch.addmm(bias, rows[0], matrices[0])
            for part, matrix in zip(rows[1:], matrices[1:], strict=True):
                result.addmm_(part, matrix)
            if relu:
                result.relu_()
            result = result.view(num_frames, -1, dim)
            return result if residual is None else result.add_(residual(values), alpha=scale)

        return step

    def descriptor(self, descriptor: Descriptor, ts: np.ndarray) -> Step:
        """A function from the values to the descriptor's value at ``ts``: (len(ts), B, D)."""
        op, parts = descriptor.op, descriptor.parts
        if op == "Node":
            return self._gather(descriptor.name, ts)
        if op in ("Offset", "Round", "ReplaceIndex"):
            return self.descriptor(parts[0], mapped(descriptor, ts))
        if op == "Const":
            return self._constant(descriptor, len(ts))
        if op == "Switch":
            choice = ts % len(parts)
            return self._choose([(part, choice == i) for i, part in enumerate(parts)], ts)
        if op in ("Failover", "IfDefined"):
            first = computable(parts[0], ts, self._all_frames())
            alternatives = [(parts[0], first)]
            if op == "Failover":
                alternatives.append((parts[1], ~first))
            return self._choose(alternatives, ts)
        steps = [self.descriptor(part, ts) for part in parts]
        if op == "Append":
            return steps[0] if len(steps) == 1 else lambda values: torch.cat([step(values) for step in steps], dim=2)
        if op == "Scale":
            factor = float(descriptor.numbers[0])
            return lambda values: steps[0](values) * factor
        return lambda values: _sum([step(values) for step in steps])

    def _all_frames(self) -> Frames:
        empty = np.zeros(0, np.int64)
        return {name: self.frames.get(name, empty) for name in self.computation.ops}

    def _choose(self, alternatives: list[tuple[Descriptor, np.ndarray]], ts: np.ndarray) -> Step:
        """Each frame from the alternative whose mask holds there, zero where none does."""
        used = [(part, mask) for part, mask in alternatives if mask.any()]
        if len(used) == 1 and used[0][1].all():
            return self.descriptor(used[0][0], ts)
        dim = alternatives[0][0].dim({name: op.dim for name, op in self.computation.ops.items()})
        steps = [(torch.from_numpy(np.flatnonzero(mask)), self.descriptor(part, ts[mask])) for part, mask in used]

        def step(values: Values) -> torch.Tensor:
            result = values[BATCH].new_zeros(len(ts), _batch(values), dim)
            for rows, part in steps:
                result[rows] = part(values)
            return result

        return step

    def _constant(self, descriptor: Descriptor, count: int) -> Step:
        value, dim = float(descriptor.numbers[0]), int(descriptor.numbers[1])
        return lambda values: values[BATCH].new_full((count, _batch(values), dim), value)

    def _gather(self, name: str, ts: np.ndarray) -> Step:
        rows = np.searchsorted(self.frames[name], ts)
        steps = np.unique(np.diff(rows))
        if len(rows) == len(self.frames[name]) and (len(steps) == 0 or (len(steps) == 1 and steps[0] == 1)):
            return lambda values: values[name]
        if len(rows) == 1 or (len(steps) == 1 and steps[0] > 0):
            part = slice(int(rows[0]), int(rows[-1]) + 1, int(steps[0]) if len(steps) else 1)
            return lambda values: values[name][part]
        if len(steps) == 1 and steps[0] == 0:
            row, count = int(rows[0]), len(rows)
            return lambda values: values[name][row : row + 1].expand(count, -1, -1)
        index = torch.from_numpy(rows)
        return lambda values: values[name].index_select(0, index.to(values[name].device))


def _batch(values: Values) -> int:
    return values[BATCH].shape[1]


def _sum(terms: list[torch.Tensor]) -> torch.Tensor:
    total = terms[0] + terms[1]
    for term in terms[2:]:
        total += term
    return total
