"""The operations that compute one output of an nnet3 network, in order, and their parameters as numpy arrays.

Components become operations; batch normalisation, fixed scales, dropout and chained affine layers are folded
into their neighbours, which changes nothing but rounding. Kaldi does part of this in CollapseModel
(``src/nnet3/nnet-utils.cc``). No torch here.
"""

from dataclasses import dataclass, field

import numpy as np

from pysed.kaldi.nnet3.cycles import Cycle, Fail, arrange
from pysed.kaldi.nnet3.descriptors import Descriptor, node
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.operations import NOTHING, Op, operation_of

_MAX_NODES = 2000


@dataclass
class Computation:
    """Operations in an order in which each reads only earlier ones (but for ``cycles``), and the one that is wanted."""

    ops: dict[str, Op]
    output: str
    modulus: int
    cycles: list[Cycle] = field(default_factory=list)

    def arrange(self, fail: Fail) -> None:
        """Bring the operations into that order and find the cycles."""
        order, self.cycles = arrange(self.ops, self.output, fail)
        self.ops = {name: self.ops[name] for name in order}


def shift(descriptor: Descriptor, t: int) -> Descriptor:
    """The descriptor's value t frames later."""
    if t == 0:
        return descriptor
    if descriptor.op == "Offset" and descriptor.numbers[1] == 0:
        return shift(descriptor.parts[0], int(descriptor.numbers[0]) + t)
    return Descriptor("Offset", (descriptor,), "", (t, 0))


def build_computation(nnet: Nnet, output: str = "output", fold: bool = True) -> Computation:
    """The operations for one output node (or any other node, by its name).

    Raises DataError for a node or component that the evaluator does not know, and for cycles of unknown form.
    """
    dims = nnet.node_dims()
    if output not in nnet.nodes:
        raise nnet.fail(f"no node {output!r}; its nodes are {', '.join(list(nnet.nodes)[-8:])} and others")
    names = _needed(nnet, output)
    if len(names) > _MAX_NODES:
        raise nnet.fail(f"{len(names)} nodes to compute; at most {_MAX_NODES} are supported")
    with np.errstate(all="ignore"):  # a damaged model may hold any number
        computation = Computation({name: _make_op(nnet, name, dims) for name in names}, output, nnet.modulus())
        computation.arrange(nnet.fail)
        if fold:
            _fold(computation)
            computation.arrange(nnet.fail)
    return computation


def _needed(nnet: Nnet, output: str) -> list[str]:
    """The nodes that the output needs."""
    found, waiting = {output}, [output]
    while waiting:
        fresh = set(nnet.nodes[waiting.pop()].sources()) - found
        found |= fresh
        waiting.extend(fresh)
    return [name for name in nnet.nodes if name in found]


def _make_op(nnet: Nnet, name: str, dims: dict[str, int]) -> Op:
    entry = nnet.nodes[name]
    if entry.kind == "input":
        return Op(name, "input", entry.dim)
    if entry.kind == "dim-range":
        columns = slice(entry.dim_offset, entry.dim_offset + entry.dim)
        return Op(name, "columns", entry.dim, node(entry.source), {"columns": columns})
    assert entry.input is not None
    if _replaces_x(entry.input):
        raise nnet.fail(f"node {name}: index x in {entry.input}; not supported by the evaluator")
    if entry.kind == "output":
        return Op(name, "identity", dims[name], entry.input)
    component = nnet.components[entry.component]
    kind, params = operation_of(component)
    # A constant is there at every frame, whatever its node is said to read.
    needs_input = component.type not in ("ConstantComponent", "DropoutMaskComponent")
    op = Op(name, kind, dims[name], entry.input if needs_input else NOTHING, params)
    if kind == "linear":
        weights = params.pop("weights")
        if entry.input.op != "Append" or len(weights) > 1:
            parts = [(shift(entry.input, t), w) for t, w in weights]
        else:  # one block per part of the Append, so that nothing need be copied together
            edges = np.cumsum([0] + [part.dim(dims) for part in entry.input.parts])
            matrix = weights[0][1]
            whole = shift(entry.input, weights[0][0])
            source = whole.parts if whole.op == "Append" else [shift(p, weights[0][0]) for p in entry.input.parts]
            parts = [(p, matrix[:, a:b]) for p, a, b in zip(source, edges, edges[1:], strict=False)]
        params["blocks"] = parts
    return op


def _replaces_x(descriptor: Descriptor) -> bool:
    own = (descriptor.op == "Offset" and descriptor.numbers[1] != 0) or (
        descriptor.op == "ReplaceIndex" and descriptor.numbers[0] == 1 and descriptor.numbers[1] != 0
    )
    return own or any(_replaces_x(part) for part in descriptor.parts)


def _fold(computation: Computation) -> None:
    _alias_identities(computation)
    _fold_scales(computation)
    _fold_rectifiers(computation)
    _fold_linear_chains(computation)
    _fold_residuals(computation)
    _defer_offsets(computation)


def _consumers(computation: Computation) -> dict[str, list[tuple[Op, Descriptor]]]:
    found: dict[str, list[tuple[Op, Descriptor]]] = {name: [] for name in computation.ops}
    for op in computation.ops.values():
        for descriptor in op.reads():
            for name in descriptor.nodes():
                found[name].append((op, descriptor))
    return found


def _rename(computation: Computation, old: str, new: str) -> None:
    """Everyone who read ``old`` reads ``new``."""
    for op in computation.ops.values():
        if op.kind == "linear":
            op.params["blocks"] = [(d.renamed({old: new}), w) for d, w in op.params["blocks"]]
            if "residual" in op.params:
                op.params["residual"] = op.params["residual"].renamed({old: new})
        elif op.input is not NOTHING:
            op.input = op.input.renamed({old: new})
    del computation.ops[old]


def _alias_identities(computation: Computation) -> None:
    for op in list(computation.ops.values()):
        if op.kind == "identity" and op.input.op == "Node" and op.name != computation.output:
            _rename(computation, op.name, op.input.name)


def _only_reader(computation: Computation, op: Op, kind: str) -> Op | None:
    """The op of this kind that ``op`` reads, as it is, if nobody else reads that."""
    if op.input.op != "Node":
        return None
    source = computation.ops[op.input.name]
    if source.kind != kind or len(_consumers(computation)[source.name]) != 1:
        return None
    return source


def _fold_scales(computation: Computation) -> None:
    """linear → [relu →] scale and offset: the scale goes into the weights, the offset is kept beside."""
    for op in list(computation.ops.values()):
        if op.kind != "scale_offset":
            continue
        scale, offset = op.params["scale"], op.params["offset"]
        source = _only_reader(computation, op, "relu")
        rectifier = source
        if rectifier is not None and np.all(scale > 0):
            source = _only_reader(computation, rectifier, "linear")
        elif rectifier is None:
            source = _only_reader(computation, op, "linear")
        else:
            source = None
        if source is None:
            continue
        source.params["blocks"] = [(d, w * scale[:, None]) for d, w in source.params["blocks"]]
        bias = source.params["bias"] * scale
        if rectifier is None:
            source.params["bias"] = bias + offset
        else:
            source.params["bias"] = bias
            rectifier.deferred = offset
        last = rectifier if rectifier is not None else source
        if op.name == computation.output:
            op.kind, op.params = "identity", {}
        else:
            _rename(computation, op.name, last.name)


def _fold_rectifiers(computation: Computation) -> None:
    for op in list(computation.ops.values()):
        if op.kind == "relu" and (source := _only_reader(computation, op, "linear")) is not None:
            _absorb(computation, op, source)
            op.params["relu"] = True


def _absorb(computation: Computation, op: Op, source: Op) -> None:
    """``op`` takes the place and the parameters of the linear op it alone reads."""
    op.kind, op.params, op.input = "linear", dict(source.params), NOTHING
    del computation.ops[source.name]


def _fold_linear_chains(computation: Computation) -> None:
    """linear → linear, where one product of matrices costs less than two layers."""
    for op in list(computation.ops.values()):
        if op.kind != "linear":
            continue
        blocks = op.params["blocks"]
        if len(blocks) != 1 or blocks[0][0].op != "Node":
            continue
        source = computation.ops[blocks[0][0].name]
        if source.kind != "linear" or source.params.get("relu") or len(_consumers(computation)[source.name]) != 1:
            continue
        outer, inner = blocks[0][1], source.params["blocks"]
        width = sum(w.shape[1] for _, w in inner)
        if width * outer.shape[0] > width * outer.shape[1] + outer.size:
            continue
        op.params["bias"] = op.params["bias"] + outer @ source.params["bias"]
        op.params["blocks"] = [(d, outer @ w) for d, w in inner]
        del computation.ops[source.name]


def _fold_residuals(computation: Computation) -> None:
    """Sum(Scale(s, X), L) with a linear L that nobody else reads: L adds s·X itself."""
    for op in list(computation.ops.values()):
        if op.kind != "identity" or op.input.op != "Sum" or len(op.input.parts) != 2:
            continue
        for part, other in (op.input.parts, op.input.parts[::-1]):
            if other.op != "Node" or len(list(part.nodes())) != 1:
                continue
            scale, rest = (part.numbers[0], part.parts[0]) if part.op == "Scale" else (1.0, part)
            source = computation.ops[other.name]
            if rest.op != "Node" or source.kind != "linear" or "residual" in source.params:
                continue
            if len(_consumers(computation)[source.name]) != 1 or rest.name == source.name:
                continue
            deferred = source.deferred
            _absorb(computation, op, source)
            op.deferred = deferred
            op.params.update(residual=rest, residual_scale=scale)
            break


_TRANSPARENT = {"Node", "Append", "Sum", "Scale", "Offset", "ReplaceIndex", "Round"}


def _transparent(descriptor: Descriptor) -> bool:
    return descriptor.op in _TRANSPARENT and all(map(_transparent, descriptor.parts))


def deferred_of(computation: Computation, descriptor: Descriptor) -> np.ndarray:
    """The constant by which the descriptor's true value exceeds its stored one."""
    if descriptor.op == "Node":
        deferred = computation.ops[descriptor.name].deferred
        return np.zeros(computation.ops[descriptor.name].dim) if deferred is None else deferred
    parts = [deferred_of(computation, part) for part in descriptor.parts]
    if descriptor.op == "Append":
        return np.concatenate(parts)
    if descriptor.op == "Sum":
        return np.sum(np.stack(parts), axis=0)
    return parts[0] * descriptor.numbers[0] if descriptor.op == "Scale" else parts[0]


def _defer_offsets(computation: Computation) -> None:
    """Move constants added after a rectifier into the biases of the layers that follow."""
    consumers = _consumers(computation)
    order = list(computation.ops.values())
    keeps = {"linear", "identity"}
    for op in order:
        if op.kind in keeps and all(map(_transparent, op.reads())):
            if op.kind == "linear":
                for descriptor, weights in op.params["blocks"]:
                    op.params["bias"] = op.params["bias"] + weights @ deferred_of(computation, descriptor)
                if "residual" in op.params:
                    rest = deferred_of(computation, op.params["residual"]) * op.params["residual_scale"]
                    op.deferred = rest + (0.0 if op.deferred is None else op.deferred)
            else:
                op.deferred = deferred_of(computation, op.input)
        if op.deferred is None or not np.any(op.deferred):
            op.deferred = None
            continue
        for reader, _ in consumers[op.name]:
            if reader.kind not in keeps or not all(map(_transparent, reader.reads())):
                op.params["added"] = op.deferred
                op.deferred = None
                break
    last = computation.ops[computation.output]
    if last.deferred is not None:
        last.params["added"], last.deferred = last.deferred, None
