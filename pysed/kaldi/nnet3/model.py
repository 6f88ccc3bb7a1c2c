"""An nnet3 network as plain data: nodes, components, and the acoustic model around them.

Source: Kaldi ``src/nnet3/nnet-nnet.{h,cc}``, ``am-nnet-simple.{h,cc}``. No torch here.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.transitions import TransitionModel

_MAX_MODULUS = 1000


@dataclass
class Node:
    """One line of the network's configuration.

    ``kind`` is ``input`` (``dim``), ``component`` (``component``, ``input``), ``output`` (``input``, ``objective``)
    or ``dim-range`` (``source``, ``dim_offset``, ``dim``).
    """

    name: str
    kind: str
    input: Descriptor | None = None
    component: str = ""
    dim: int = 0
    objective: str = "linear"
    source: str = ""
    dim_offset: int = 0

    def sources(self) -> list[str]:
        """The names of the nodes it reads."""
        if self.kind == "dim-range":
            return [self.source]
        return list(self.input.nodes()) if self.input is not None else []


@dataclass
class Nnet:
    """Nodes by name in the order of the file, components by name in the order of the file."""

    nodes: dict[str, Node] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    place: str = "nnet"

    def fail(self, message: str) -> DataError:
        """A DataError that names the network's file."""
        return DataError(f"{self.place}: {message}")

    def node_dims(self) -> dict[str, int]:
        """Width of every node. Raises DataError where a width does not fit, or a node or component is missing."""
        dims: dict[str, int] = {}
        widths = {name: component.dims() for name, component in self.components.items()}
        for node in self.nodes.values():
            if node.kind == "component":
                if node.component not in widths:
                    raise self.fail(f"node {node.name}: no component {node.component!r}")
                dims[node.name] = widths[node.component][1]
            elif node.kind in ("input", "dim-range"):
                dims[node.name] = node.dim
        for node in self.nodes.values():
            for source in node.sources():
                if source not in dims:
                    raise self.fail(f"node {node.name}: no node {source!r} to read from")
            if node.input is None:
                if node.kind == "dim-range" and node.dim_offset + node.dim > dims[node.source]:
                    raise self.fail(
                        f"node {node.name}: columns up to {node.dim_offset + node.dim} of {dims[node.source]}"
                    )
                continue
            try:
                dim = node.input.dim(dims)
            except ValueError as error:
                raise self.fail(f"node {node.name}: {error}") from None
            if node.kind == "output":
                dims[node.name] = dim
            elif dim != widths[node.component][0] and widths[node.component][0] != 0:
                raise self.fail(
                    f"node {node.name}: input width {dim}, component {node.component} expects "
                    f"{widths[node.component][0]}"
                )
        return dims

    def check(self) -> None:
        """Raise DataError unless every node is well defined and there is an output."""
        if not any(node.kind == "output" for node in self.nodes.values()):
            raise self.fail("no output-node; a network needs one")
        self.node_dims()

    def input_dim(self, name: str) -> int:
        """Width of the input node, 0 where there is none."""
        node = self.nodes.get(name)
        return node.dim if node is not None and node.kind == "input" else 0

    def output_dim(self, name: str = "output") -> int:
        """Width of an output node. Raises DataError where there is none."""
        if name not in self.nodes or self.nodes[name].kind != "output":
            raise self.fail(f"no output node {name!r}")
        return self.node_dims()[name]

    def modulus(self) -> int:
        """The number of frames by which the network may be shifted without changing its result.

        Raises DataError where it is more than 1000, which only a damaged model has.
        """
        modulus = 1
        for node in self.nodes.values():
            modulus = modulus if node.input is None else math.lcm(modulus, node.input.modulus())
            if modulus > _MAX_MODULUS:
                raise self.fail(f"node {node.name}: the network repeats itself only every {modulus} frames")
        return modulus

    def num_parameters(self) -> int:
        """Trainable numbers in all components."""
        return sum(component.num_parameters() for component in self.components.values())

    def is_simple(self) -> bool:
        """True for one input ``input``, perhaps ``ivector``, and one output ``output``, as nnet3-compute needs."""
        inputs = {node.name for node in self.nodes.values() if node.kind == "input"}
        has_output = "output" in self.nodes and self.nodes["output"].kind == "output"
        return "input" in inputs and inputs <= {"input", "ivector"} and has_output

    def config_lines(self, include_dim: bool = False) -> list[str]:
        """The lines that define the nodes, as Kaldi writes them."""
        dims = self.node_dims() if include_dim else {}
        lines = []
        for node in self.nodes.values():
            if node.kind == "input":
                lines.append(f"input-node name={node.name} dim={node.dim}")
            elif node.kind == "dim-range":
                columns = f"dim-offset={node.dim_offset} dim={node.dim}"
                lines.append(f"dim-range-node name={node.name} input-node={node.source} {columns}")
            elif node.kind == "output":
                dim = f" dim={dims[node.name]}" if include_dim else ""
                lines.append(f"output-node name={node.name} input={node.input}{dim} objective={node.objective}")
            else:
                line = f"component-node name={node.name} component={node.component} input={node.input}"
                if include_dim and node.input is not None:
                    line += f" input-dim={node.input.dim(dims)} output-dim={dims[node.name]}"
                lines.append(line)
        return lines


@dataclass
class AcousticModel:
    """A ``.mdl`` file: transition model, network, its context in frames, and the priors (P,) (perhaps empty).

    ``left_context`` and ``right_context`` are the file's own, which its network may have outgrown.
    """

    nnet: Nnet
    transitions: TransitionModel
    left_context: int = 0
    right_context: int = 0
    priors: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
