"""A network without the layers above one of its nodes: what a detector needs of a recogniser. No torch here."""

from pysed.kaldi.nnet3.descriptors import node
from pysed.kaldi.nnet3.indexes import context
from pysed.kaldi.nnet3.model import AcousticModel, Nnet, Node


def cut_to(model: AcousticModel, output: str) -> AcousticModel:
    """The acoustic model whose network ends at node ``output``, which its node ``output`` of that name gives out too.

    The values of the node are the same: components are those of the model, not copies. Input nodes stay, and
    transitions; priors, which are the former output's, go. A network whose upper part decides how its frames are laid
    out stays whole. Raises DataError for an unknown node.
    """
    nnet = model.nnet
    if output not in nnet.nodes:
        raise nnet.fail(f"no node {output!r}; expected the layer used in training")
    needed, waiting = {output}, [output]
    while waiting:
        fresh = set(nnet.nodes[waiting.pop()].sources()) - needed
        needed |= fresh
        waiting.extend(fresh)
    nodes = {name: each for name, each in nnet.nodes.items() if name in needed or each.kind == "input"}
    if nodes[output].kind != "output":
        nodes["output"] = Node("output", "output", node(output))
    used = {each.component for each in nodes.values()}
    cut = Nnet(nodes, {name: part for name, part in nnet.components.items() if name in used}, nnet.place)
    if cut.modulus() != nnet.modulus():
        return model
    return AcousticModel(cut, model.transitions, *context(cut))
