"""Recurrences: which operations of a computation form cycles, and the order in which everything can be computed.

A cycle is computed block by block of ``delay`` frames in the order of time. It must be led back through
IfDefined(Offset(node, t)), all t of one sign, as Kaldi's LSTM and GRU layers are. No torch here.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.nnet3.operations import Op

_WHOLE = {"extract", "pool", "convolution"}  # operations that read frames beside their own
Fail = Callable[[str], Exception]


@dataclass(frozen=True)
class Cycle:
    """Operations that need each other, in the order within one frame; ``remembered`` of them are read at other frames.

    All those frames are multiples of ``step`` away, at least ``delay``: negative where the past is read.
    """

    names: tuple[str, ...]
    remembered: frozenset[str]
    delay: int
    step: int


def is_memory(descriptor: Descriptor) -> bool:
    """Whether it is IfDefined(Offset(node, t)) with t other than 0."""
    if descriptor.op != "IfDefined" or descriptor.parts[0].op != "Offset":
        return False
    offset = descriptor.parts[0]
    return offset.parts[0].op == "Node" and offset.numbers[0] != 0


def arrange(ops: Mapping[str, Op], output: str, fail: Fail) -> tuple[list[str], list[Cycle]]:
    """The names in an order in which each reads only earlier ones, and the cycles, whose members stand together.

    Within a cycle the rule leaves out what is read at other frames. Raises what ``fail`` makes of a message for a cycle
    of another form.
    """
    reads = {op.name: list(dict.fromkeys(n for d in op.reads() for n in d.nodes())) for op in ops.values()}
    readers: dict[str, list[str]] = {name: [] for name in ops}
    for name, sources in reads.items():
        for source in sources:
            readers[source].append(name)
    later_first = _postorder([output], reads)[::-1]
    groups: list[list[str]] = []
    seen: set[str] = set()
    for name in later_first:
        if name not in seen:
            groups.append(_postorder([name], readers, seen))
    order, cycles = [], []
    for group in reversed(groups):
        if len(group) == 1 and group[0] not in reads[group[0]]:
            order.append(group[0])
            continue
        cycle = _cycle([ops[name] for name in group], fail)
        order.extend(cycle.names)
        cycles.append(cycle)
    return order, cycles


def _cycle(members: list[Op], fail: Fail) -> Cycle:
    inside = {op.name for op in members}
    offsets: list[int] = []
    remembered: set[str] = set()
    now: dict[str, list[str]] = {}
    for op in members:
        if op.kind in _WHOLE:
            raise fail(f"node {op.name}: a recurrence through statistics or a convolution over time; not supported")
        now[op.name] = []
        for part in (leaf for d in op.reads() for leaf in _leaves(d, inside)):
            if is_memory(part):
                offset = part.parts[0]
                offsets.append(int(offset.numbers[0]))
                remembered.add(offset.parts[0].name)
            elif part.op == "Node":
                now[op.name].append(part.name)
            else:
                raise fail(f"node {op.name}: a recurrence through {part}; expected IfDefined(Offset(node, t))")
    order = _postorder(list(now), now)
    place = {name: i for i, name in enumerate(order)}
    for name in order:
        for source in now[name]:
            if place[source] >= place[name]:
                raise fail(f"nodes {name} and {source} form a cycle without IfDefined(Offset(node, t))")
    if min(offsets) < 0 < max(offsets):
        raise fail(f"nodes {order[0]} and {order[-1]} form a cycle through past and future; not supported")
    return Cycle(tuple(order), frozenset(remembered), min(offsets, key=abs), math.gcd(*offsets))


def _leaves(descriptor: Descriptor, inside: set[str]) -> Iterable[Descriptor]:
    """The parts that read members of the cycle: nodes and memories, and whatever else cannot be taken apart."""
    if not inside.intersection(descriptor.nodes()):
        return
    if descriptor.op in ("Append", "Sum", "Scale"):
        for part in descriptor.parts:
            yield from _leaves(part, inside)
    else:
        yield descriptor


def _postorder(roots: list[str], edges: Mapping[str, list[str]], seen: set[str] | None = None) -> list[str]:
    """Everything that can be reached, each after what it leads to (as far as cycles allow); ``seen`` is left out."""
    seen = set() if seen is None else seen
    order: list[str] = []
    for root in roots:
        stack = [(root, False)]
        while stack:
            name, leave = stack.pop()
            if leave:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((source, False) for source in reversed(edges[name]) if source not in seen)
    return order
