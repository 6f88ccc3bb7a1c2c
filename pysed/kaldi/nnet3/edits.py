"""Changing a network: the directives of ``--edits``, preparation for test, learning rates.

Source: Kaldi ``src/nnet3/nnet-utils.cc`` (ReadEditConfig, SetBatchnormTestMode, SetDropoutTestMode).
"""

from collections.abc import Iterator

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.nnet3.components import AFFINE, Component
from pysed.kaldi.nnet3.config_lines import ConfigLine, config_lines
from pysed.kaldi.nnet3.model import Nnet


def apply_edits(nnet: Nnet, text: str, place: str) -> list[str]:
    """Apply edit directives, separated by lines or semicolons, in order; returns a line of log for each.

    Raises DataError for a directive that is unknown or unsupported, and for what leaves no valid network.
    """
    log = []
    for line in config_lines(text.replace(";", "\n"), place):
        if line.directive in _UNSUPPORTED:
            raise line.fail(f"{line.directive} is not supported here; Kaldi's own nnet3-copy has it")
        if line.directive not in _DIRECTIVES:
            raise line.fail(f"unknown directive; known: {', '.join(sorted(_DIRECTIVES))}")
        log.append(_DIRECTIVES[line.directive](nnet, line))
        line.finish()
    nnet.check()
    return log


def remove_orphan_nodes(nnet: Nnet, remove_inputs: bool = False) -> int:
    """Remove nodes that no output needs (input nodes only if asked to); returns how many."""
    needed: set[str] = set()
    stack = [node.name for node in nnet.nodes.values() if node.kind == "output"]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(nnet.nodes[name].sources())
    orphans = [n.name for n in nnet.nodes.values() if n.name not in needed and (remove_inputs or n.kind != "input")]
    for name in orphans:
        del nnet.nodes[name]
    return len(orphans)


def remove_orphan_components(nnet: Nnet) -> int:
    """Remove components that no node uses; returns how many."""
    used = {node.component for node in nnet.nodes.values() if node.kind == "component"}
    orphans = [name for name in nnet.components if name not in used]
    for name in orphans:
        del nnet.components[name]
    return len(orphans)


def set_batchnorm_test_mode(nnet: Nnet, test_mode: bool) -> None:
    """Set the stored test mode of every batch normalisation. Raises DataError for one without statistics."""
    for component in nnet.components.values():
        if component.type == "BatchNormComponent":
            if test_mode and not component["Count"] > 0:
                raise component.fail("no statistics were accumulated; the model is not trained")
            component.fields["TestMode"] = test_mode


def set_dropout_test_mode(nnet: Nnet, test_mode: bool) -> None:
    """Set the stored test mode of every dropout component."""
    for component in nnet.components.values():
        if component.type in ("DropoutComponent", "DropoutMaskComponent"):
            component.fields["TestMode"] = test_mode
        elif component.type in ("GeneralDropoutComponent", "SpecAugmentTimeMaskComponent"):
            component.fields.pop("TestMode", None)
            if test_mode:
                continuous = component.fields.pop("Continuous", None)
                component.fields["TestMode"] = True
                if continuous is not None:
                    component.fields["Continuous"] = True


def prepare_for_test(nnet: Nnet) -> None:
    """Test mode for batch normalisation and dropout, and no orphans.

    Kaldi also multiplies neighbouring components together here; the evaluator does that by itself when it loads a
    model, so the file keeps its components and the values are the same.
    """
    set_batchnorm_test_mode(nnet, True)
    set_dropout_test_mode(nnet, True)
    remove_orphan_nodes(nnet)
    remove_orphan_components(nnet)


def set_learning_rate(nnet: Nnet, rate: float, pattern: str = "*") -> int:
    """Set the learning rate, times each component's own factor; returns how many components matched."""
    count = 0
    for _, component in _matching(nnet, pattern):
        if component.updatable:
            _set_first(component, "LearningRate", np.float32(rate * component.get("LearningRateFactor", 1.0)))
            count += 1
    return count


def _set_first(component: Component, token: str, value: object) -> None:
    """Set a field; one that is new goes where Kaldi writes it, before the fields that are not common to all."""
    if token in component.fields:
        component.fields[token] = value
        return
    order = ["LearningRateFactor", "IsGradient", "MaxChange", "L2Regularize", "LearningRate"]
    fields = {**component.fields, token: value}
    common = {key: fields.pop(key) for key in order if key in fields}
    component.fields = {**common, **fields}


def _matching(nnet: Nnet, pattern: str) -> Iterator[tuple[str, Component]]:
    """Components whose name matches a pattern in which ``*`` stands for any characters."""
    for name, component in list(nnet.components.items()):
        if matches(name, pattern):
            yield name, component


def matches(name: str, pattern: str) -> bool:
    """Whether the whole name matches; ``*`` is the only special character."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first) or not name.endswith(rest[-1]) or len(name) < len(first) + len(rest[-1]):
        return False
    middle = name[len(first) : len(name) - len(rest[-1])]
    for part in rest[:-1]:
        _, found, middle = middle.partition(part) if part else ("", "x", middle)
        if not found:
            return False
    return True


def _orphan_nodes(nnet: Nnet, line: ConfigLine) -> str:
    return f"Removed {remove_orphan_nodes(nnet, line.boolean('remove-orphan-inputs', False))} orphan nodes."


def _orphan_components(nnet: Nnet, line: ConfigLine) -> str:
    return f"Removed {remove_orphan_components(nnet)} orphan components."


def _orphans(nnet: Nnet, line: ConfigLine) -> str:
    return f"{_orphan_nodes(nnet, line)[:-1]}, {remove_orphan_components(nnet)} orphan components."


def _set_learning_rate(nnet: Nnet, line: ConfigLine) -> str:
    count = set_learning_rate(nnet, line.real("learning-rate"), line.text("name", "*"))
    return f"Set learning rates for {count} components."


def _set_factor(nnet: Nnet, line: ConfigLine) -> str:
    factor, count = line.real("learning-rate-factor"), 0
    for _, component in _matching(nnet, line.text("name", "*")):
        if component.updatable:
            _set_first(component, "LearningRateFactor", np.float32(factor))
            count += 1
    return f"Set learning rate factors for {count} components."


def _rename_node(nnet: Nnet, line: ConfigLine) -> str:
    old, new = line.text("old-name"), line.text("new-name")
    if old not in nnet.nodes:
        raise line.fail(f"there is no node {old!r}")
    if new in nnet.nodes:
        raise line.fail(f"there is a node {new!r} already")
    renamed = {}
    for node in nnet.nodes.values():
        if node.name == old:
            node.name = new
        if node.source == old:
            node.source = new
        if node.input is not None:
            node.input = node.input.renamed({old: new})
        renamed[node.name] = node
    nnet.nodes = renamed
    return f"Renamed node {old} to {new}."


def _remove_outputs(nnet: Nnet, line: ConfigLine) -> str:
    pattern = line.text("name")
    outputs = [node.name for node in nnet.nodes.values() if node.kind == "output"]
    removed = [name for name in outputs if matches(name, pattern)]
    if len(removed) == len(outputs):
        raise line.fail("that removes all outputs")
    for name in removed:
        del nnet.nodes[name]
    return f"Removed {len(removed)} output nodes."


def _set_dropout(nnet: Nnet, line: ConfigLine) -> str:
    proportion, count = line.real("proportion"), 0
    if not 0 <= proportion <= 1:
        raise line.fail(f"proportion={proportion:g}: expected 0 to 1")
    for _, component in _matching(nnet, line.text("name", "*")):
        if component.type in ("DropoutComponent", "DropoutMaskComponent", "GeneralDropoutComponent"):
            component.fields["DropoutProportion"] = np.float32(proportion)
            count += 1
    return f"Set dropout proportions for {count} components."


def _fix_affine(nnet: Nnet, line: ConfigLine) -> str:
    count = 0
    for _, component in _matching(nnet, line.text("name", "*")):
        if component.type in AFFINE - {"FixedAffineComponent"}:
            component.type = "FixedAffineComponent"
            component.fields = {key: component[key] for key in ("LinearParams", "BiasParams")}
            count += 1
    return f"Converted {count} components to FixedAffineComponent."


_DIRECTIVES = {
    "remove-orphans": _orphans,
    "remove-orphan-nodes": _orphan_nodes,
    "remove-orphan-components": _orphan_components,
    "set-learning-rate": _set_learning_rate,
    "set-learning-rate-factor": _set_factor,
    "rename-node": _rename_node,
    "remove-output-nodes": _remove_outputs,
    "set-dropout-proportion": _set_dropout,
    "convert-to-fixed-affine": _fix_affine,
}
_UNSUPPORTED = ("apply-svd", "reduce-rank")


def refuse(option: str) -> DataError:
    """The error for an option of Kaldi's that is known but not supported."""
    return DataError(f"command line: --{option}: not supported here; Kaldi's own command has it")
