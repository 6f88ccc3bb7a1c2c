"""Which frames of which operation a result needs: the backward analysis that Kaldi's compiler does.

Source: Kaldi ``src/nnet3/nnet-computation-graph.cc``, ``nnet-utils.cc`` (ComputeSimpleNnetContext).
All frame sets are sorted int64 arrays of t.
"""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.nnet3.computation import Computation, build_computation
from pysed.kaldi.nnet3.cycles import Cycle
from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.operations import Op

Frames = dict[str, np.ndarray]
Add = Callable[[str, np.ndarray], None]
_MAX_WINDOW = 20_000_000
_MAX_SPAN = 10_000_000


def mapped(descriptor: Descriptor, ts: np.ndarray) -> np.ndarray:
    """The frames at which Offset, Round and ReplaceIndex read their part."""
    if descriptor.op == "Offset":
        return ts + int(descriptor.numbers[0])
    if descriptor.op == "Round":
        return ts - ts % int(descriptor.numbers[0])
    if descriptor.op == "ReplaceIndex" and descriptor.numbers[0] == 0:
        return np.full_like(ts, int(descriptor.numbers[1]))
    return ts


def _visit(descriptor: Descriptor, ts: np.ndarray, add: Add, have: Frames | None) -> None:
    """Tell ``add`` the frames a descriptor reads; with ``have``, only alternatives that can be computed."""
    op = descriptor.op
    if op == "Node":
        add(descriptor.name, ts)
    elif op == "Switch":
        for i, part in enumerate(descriptor.parts):
            _visit(part, ts[ts % len(descriptor.parts) == i], add, have)
    elif have is not None and op == "Failover":
        first = computable(descriptor.parts[0], ts, have)
        _visit(descriptor.parts[0], ts[first], add, have)
        _visit(descriptor.parts[1], ts[~first], add, have)
    elif have is not None and op == "IfDefined":
        _visit(descriptor.parts[0], ts[computable(descriptor.parts[0], ts, have)], add, have)
    else:
        for part in descriptor.parts:
            _visit(part, mapped(descriptor, ts), add, have)


def computable(descriptor: Descriptor, ts: np.ndarray, have: Frames) -> np.ndarray:
    """For each t, whether the descriptor can be computed: (N,) bool."""
    op = descriptor.op
    if op == "Node":
        return np.isin(ts, have[descriptor.name])
    if op in ("Const", "IfDefined"):
        return np.ones(len(ts), bool)
    if op == "Switch":
        found = np.zeros(len(ts), bool)
        for i, part in enumerate(descriptor.parts):
            chosen = ts % len(descriptor.parts) == i
            found[chosen] = computable(part, ts[chosen], have)
        return found
    parts = [computable(part, mapped(descriptor, ts), have) for part in descriptor.parts]
    return np.logical_or.reduce(parts) if op == "Failover" else np.logical_and.reduce(parts)


def window(op: Op, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The frames an op reads of its input for each t, (N, K), and which of the K it must have (None: any one)."""
    if op.kind == "extract":
        _check_window(op, len(ts) * (op.params["period_out"] // op.params["period_in"]))
        start = ts - ts % op.params["period_out"]
        return start[:, None] + np.arange(0, op.params["period_out"], op.params["period_in"]), None
    if op.kind == "pool":
        _check_window(op, len(ts) * ((op.params["left"] + op.params["right"]) // op.params["period"] + 1))
        steps = np.arange(-op.params["left"], op.params["right"] + 1, op.params["period"])
        return ts[:, None] + steps, None
    if op.kind == "convolution":
        offsets = np.array([t for t, _, _ in op.params["weights"]])
        return ts[:, None] + offsets, np.array([required for _, _, required in op.params["weights"]])
    return ts[:, None], np.ones(1, bool)


def _check_window(op: Op, size: int) -> None:
    if size > _MAX_WINDOW:
        raise DataError(
            f"node {op.name}: statistics over {size} frames in a chunk; at most {_MAX_WINDOW} are supported"
        )


def _visit_op(op: Op, ts: np.ndarray, add: Add, have: Frames | None) -> None:
    if op.kind not in ("extract", "pool", "convolution"):
        for descriptor in op.reads():
            _visit(descriptor, ts, add, have)
        return
    frames = np.unique(window(op, ts)[0])
    if have is not None:
        frames = frames[computable(op.input, frames, have)]
    _visit(op.input, frames, add, have)


def _op_computable(op: Op, ts: np.ndarray, have: Frames) -> np.ndarray:
    if op.kind not in ("extract", "pool", "convolution"):
        found = np.ones(len(ts), bool)
        for descriptor in op.reads():
            found = found & computable(descriptor, ts, have)
        return found
    frames, required = window(op, ts)
    present = computable(op.input, frames.ravel(), have).reshape(frames.shape)
    found = np.any(present, axis=1) if required is None else np.all(present[:, required], axis=1)
    if op.kind == "pool":
        found = np.logical_and(found, ts % op.params["period"] == 0)
    return found


def _groups(computation: Computation) -> list[tuple[list[Op], Cycle | None]]:
    """The operations in order, those of a cycle together."""
    cycles = {name: cycle for cycle in computation.cycles for name in cycle.names}
    grouped = itertools.groupby(
        computation.ops.values(), lambda op: cycles[op.name].names if op.name in cycles else op.name
    )
    groups = [list(ops) for _, ops in grouped]
    return [(ops, cycles.get(ops[0].name)) for ops in groups]


def _backward(computation: Computation, outputs: np.ndarray, have: Frames | None, inputs: Frames) -> Frames:
    wanted: dict[str, list[np.ndarray]] = {name: [] for name in computation.ops}
    wanted[computation.output].append(outputs)
    found: Frames = {}
    spans = _spans(computation, inputs) if computation.cycles and have is None else {}
    for ops, cycle in reversed(_groups(computation)):
        if cycle is None:
            ts = _merge(wanted[ops[0].name])
        else:
            ts = _merge([frames for op in ops for frames in wanted[op.name]])
            within = spans[ops[0].name] if have is None else _span(have[ops[0].name])
            ts = _all_along(cycle, ts, within)
            if have is not None:
                ts = ts[np.isin(ts, have[ops[0].name])]
        for op in ops:
            found[op.name] = ts
            if len(ts):
                _visit_op(op, ts, lambda name, frames: wanted[name].append(frames), have)
    return found


Span = tuple[float, float]  # first and last frame


def _span(ts: np.ndarray) -> Span:
    return (float(ts[0]), float(ts[-1])) if len(ts) else (math.inf, -math.inf)


def _spans(computation: Computation, inputs: Frames) -> dict[str, Span]:
    """Frames beyond which an operation cannot be computed from the inputs, however much is left undefined."""
    found: dict[str, Span] = {}

    def reach(descriptor: Descriptor) -> Span:
        op, everywhere = descriptor.op, (-math.inf, math.inf)
        if op == "Node":
            return found.get(descriptor.name, everywhere)
        if op in ("Const", "IfDefined", "ReplaceIndex"):
            return everywhere
        parts = [reach(part) for part in descriptor.parts]
        if op in ("Switch", "Failover"):
            return min(p[0] for p in parts), max(p[1] for p in parts)
        first, last = max(p[0] for p in parts), min(p[1] for p in parts)
        if op == "Offset":
            return first - descriptor.numbers[0], last - descriptor.numbers[0]
        return (first, last + descriptor.numbers[0]) if op == "Round" else (first, last)

    for ops, cycle in _groups(computation):
        for op in ops:
            before, after = _whole_window(op)
            parts = [reach(descriptor) for descriptor in op.reads()]
            parts += [_span(inputs.get(op.name, np.zeros(0)))] if op.kind == "input" else []
            found[op.name] = (
                max((p[0] for p in parts), default=-math.inf) - after,
                min((p[1] for p in parts), default=math.inf) + before,
            )
        if cycle is not None:
            common = max(found[op.name][0] for op in ops), min(found[op.name][1] for op in ops)
            if math.inf in (-common[0], common[1]):
                raise DataError(f"node {ops[0].name}: a recurrence without any input that begins and ends")
            found.update({op.name: common for op in ops})
    return found


def _whole_window(op: Op) -> tuple[int, int]:
    """How many frames before and after its own an operation may read at most."""
    if op.kind == "extract":
        return op.params["period_out"], op.params["period_out"]
    if op.kind == "pool":
        return op.params["left"], op.params["right"]
    if op.kind == "convolution":
        times = [t for t, _, _ in op.params["weights"]]
        return max(0, -min(times)), max(0, max(times))
    return 0, 0


def _all_along(cycle: Cycle, ts: np.ndarray, within: Span) -> np.ndarray:
    """The frames of a cycle that those wanted lead to: all of the same remainders, up to the end of ``within``."""
    ts = ts[(ts >= within[0]) & (ts <= within[1])]
    if not len(ts):
        return ts
    first, last = (within[0], ts[-1]) if cycle.delay < 0 else (ts[0], within[1])
    if last - first > _MAX_SPAN:
        raise DataError(f"node {cycle.names[0]}: a recurrence over {last - first:.0f} frames; at most {_MAX_SPAN}")
    every = np.arange(int(first), int(last) + 1)
    return every[np.isin(every % cycle.step, np.unique(ts % cycle.step))]


def _merge(arrays: list[np.ndarray]) -> np.ndarray:
    if not arrays:
        return np.zeros(0, np.int64)
    return np.unique(arrays[0] if len(arrays) == 1 else np.concatenate(arrays)).astype(np.int64)


def _forward(computation: Computation, wanted: Frames, inputs: Frames) -> Frames:
    have: Frames = {}
    for ops, cycle in _groups(computation):
        for op in ops:
            ts = wanted[op.name]
            if op.kind == "input":
                have[op.name] = ts[np.isin(ts, inputs.get(op.name, ts[:0]))]
            else:
                have[op.name] = ts[_op_computable(op, ts, have)] if len(ts) else ts
        if cycle is not None:
            common = functools.reduce(np.intersect1d, (have[op.name] for op in ops))
            for op in ops:
                if op.name in cycle.remembered and len(have[op.name]) > len(common):
                    raise DataError(f"node {op.name}: remembered at frames at which its recurrence does not exist yet")
                have[op.name] = common
    return have


def needed_frames(computation: Computation, outputs: np.ndarray, inputs: Frames) -> Frames:
    """The frames to compute of each operation for the output frames, given the input frames there are.

    Raises DataError where an output frame cannot be computed from these inputs.
    """
    outputs = np.asarray(outputs, np.int64)
    have = _forward(computation, _backward(computation, outputs, None, inputs), inputs)
    missing = np.setdiff1d(outputs, have[computation.output])
    if len(missing):
        spans = ", ".join(f"{k} {v.min()}..{v.max()}" if len(v) else f"{k} none" for k, v in inputs.items())
        raise DataError(
            f"node {computation.output}: frame {missing[0]} cannot be computed from the input frames {spans}"
        )
    return _backward(computation, outputs, have, inputs)


def context(nnet: Nnet, output: str = "output") -> tuple[int, int]:
    """(left, right) context in frames, found as Kaldi does: which outputs a window of inputs gives.

    Raises DataError where a window of 800 frames gives none.
    """
    return context_of(nnet, build_computation(nnet, output, fold=False))


def context_of(nnet: Nnet, computation: Computation) -> tuple[int, int]:
    """The same for a network's computation."""
    size = 40
    while size < 800:
        found = [_context_for_shift(computation, start, size) for start in range(computation.modulus + 1)]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) == len(found):
            return max(p[0] for p in pairs), max(p[1] for p in pairs)
        size *= 2
    raise nnet.fail(f"no output of node {computation.output} can be computed from {size // 2} frames of input")


def _context_for_shift(computation: Computation, start: int, size: int) -> tuple[int, int] | None:
    outputs = np.arange(start, start + size)
    inputs = {op.name: outputs for op in computation.ops.values() if op.kind == "input"}
    if "ivector" in inputs:
        inputs["ivector"] = np.arange(min(0, start - computation.modulus), start + size)
    have = _forward(computation, _backward(computation, outputs, None, inputs), inputs)
    good = np.isin(outputs, have[computation.output])
    if not good.any():
        return None
    first = int(np.argmax(good))
    after = good[first:]
    length = len(after) if after.all() else int(np.argmin(after))
    return first, size - first - length
