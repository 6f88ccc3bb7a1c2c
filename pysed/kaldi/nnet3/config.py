"""Configuration lines of an nnet3 network: nodes, and the components that ``--nnet-config`` may add.

Source: Kaldi ``src/nnet3/nnet-nnet.cc`` (ReadConfig).
"""

import re

from pysed.kaldi.nnet3.components import MAX_DIM
from pysed.kaldi.nnet3.config_lines import ConfigLine, config_lines
from pysed.kaldi.nnet3.construct import component_from_config
from pysed.kaldi.nnet3.descriptors import parse_descriptor
from pysed.kaldi.nnet3.model import Nnet, Node

_NAME = re.compile(r"[A-Za-z_*][A-Za-z0-9_.\-]*\Z")


def apply_config(nnet: Nnet, text: str, place: str) -> None:
    """Add the nodes and components of ``text`` to the network, or replace those of the same name.

    Raises DataError for a line it cannot make sense of, and for a network that is then not well defined.
    """
    lines = config_lines(text, place)
    components: set[str] = set()
    nodes: set[str] = set()
    for line in lines:
        name = _name(line)
        seen = components if line.directive == "component" else nodes
        if name in seen:
            raise line.fail(f"{name} is defined twice in the same configuration")
        seen.add(name)
        if line.directive == "component":
            nnet.components[name] = component_from_config(line, name)
            continue
        nnet.nodes.pop(name, None)  # a line that comes later takes the later place, as in Kaldi
        nnet.nodes[name] = _node(line, name)
        line.finish()
    nnet.check()


def _name(line: ConfigLine) -> str:
    name = line.text("name")
    if not _NAME.match(name):
        raise line.fail(f"{name!r} is not a name")
    return name


def _node(line: ConfigLine, name: str) -> Node:
    kinds = {
        "input-node": "input",
        "component-node": "component",
        "output-node": "output",
        "dim-range-node": "dim-range",
    }
    if line.directive not in kinds:
        raise line.fail(f"expected {', '.join(kinds)} or component")
    node = Node(name, kinds[line.directive])
    if node.kind in ("component", "output"):
        node.input = parse_descriptor(line.text("input"), line.place)
    if node.kind == "component":
        node.component = line.text("component")
    if node.kind == "output":
        node.objective = line.text("objective", "linear")
        if node.objective not in ("linear", "quadratic"):
            raise line.fail(f"objective={node.objective}: expected linear or quadratic")
    if node.kind == "dim-range":
        node.source, node.dim_offset = line.text("input-node"), line.integer("dim-offset")
    if node.kind in ("input", "dim-range"):
        node.dim = line.integer("dim")
        if not 0 < node.dim <= MAX_DIM or node.dim_offset < 0:
            raise line.fail(f"dim={node.dim} is out of range")
    # nnet3-info adds these to the lines it prints; they say nothing new.
    for key in ("input-dim", "output-dim", "dim"):
        if node.kind in ("component", "output"):
            line.text(key, "")
    return node
