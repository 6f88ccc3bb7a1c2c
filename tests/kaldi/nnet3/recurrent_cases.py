"""Recurrent layers in the form that Kaldi's xconfig writes them (steps/libs/nnet3/xconfig/{lstm,gru}.py), narrow."""

import numpy as np
from nnet3_cases import LSTM_STATS, RATES, components, network, real

from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.model import Nnet

INPUT, CELL, MEMORY, SKIPPED = 4, 6, 3, 2  # widths: features, cell, the remembered projection, the other one


class Parts:
    """Components with random numbers, collected beside the lines that use them."""

    def __init__(self, seed: int):
        self.rng, self.like = np.random.default_rng(seed), components()
        self.components: dict[str, Component] = {}
        self.lines = [f"input-node name=input dim={INPUT}"]

    def node(self, name: str, kind: str, source: str, **fields) -> None:
        """A component of this type, its other fields as in nnet3_cases, and its node."""
        self.add(name, kind, source, {**self.like[kind].fields, **fields})

    def add(self, name: str, kind: str, source: str, fields: dict) -> None:
        """The same with all fields given, in the order of the file."""
        self.components[name] = Component(kind, fields, name)
        self.lines.append(f"component-node name={name} component={name} input={source}")

    def affine(self, name: str, dim_in: int, dim_out: int, source: str) -> None:
        params = self.rng.standard_normal((dim_out, dim_in)).astype(np.float32)
        bias = self.rng.standard_normal(dim_out).astype(np.float32)
        self.node(name, "NaturalGradientAffineComponent", source, LinearParams=params, BiasParams=bias)

    def scale(self, name: str, source: str) -> None:
        params = self.rng.standard_normal(CELL).astype(np.float32)
        fields = dict(self.like["NaturalGradientPerElementScaleComponent"].fields)
        before = {key: fields.pop(key) for key in RATES}
        self.add(
            name,
            "NaturalGradientPerElementScaleComponent",
            source,
            {**before, "Params": params, "IsGradient": False, **{k: v for k, v in fields.items() if k != "Params"}},
        )

    def product(self, name: str, source: str) -> None:
        self.node(name, "ElementwiseProductComponent", source, InputDim=2 * CELL, OutputDim=CELL)

    def columns(self, name: str, source: str, offset: int, dim: int) -> None:
        self.lines.append(f"dim-range-node name={name} input-node={source} dim-offset={offset} dim={dim}")

    def network(self, output: str) -> Nnet:
        self.lines.append(f"output-node name=output input={output}")
        return network("\n".join(self.lines), self.components)


def _projected(p: Parts, name: str, cell: str, delay: int) -> None:
    """The recurrent and the other projection, and what of cell and projection is remembered."""
    p.affine(f"{name}.rp", CELL, MEMORY + SKIPPED, f"{name}.m")
    p.columns(f"{name}.r", f"{name}.rp", 0, MEMORY)
    trunc = {"Dim": CELL + MEMORY, "Scale": real(0.9)}
    p.node(f"{name}.cr_trunc", "BackpropTruncationComponent", f"Append({cell}, {name}.r)", **trunc)
    p.columns(f"{name}.c_trunc", f"{name}.cr_trunc", 0, CELL)
    p.columns(f"{name}.r_trunc", f"{name}.cr_trunc", CELL, MEMORY)


def lstmp(p: Parts, name: str, source: str, dim: int, delay: int) -> str:
    """lstmp-layer."""
    past = {what: f"IfDefined(Offset({name}.{what}_trunc, {delay}))" for what in "cr"}
    for gate, kind in (("i", "Sigmoid"), ("f", "Sigmoid"), ("g", "Tanh"), ("o", "Sigmoid")):
        p.affine(f"{name}.{gate}1", dim + MEMORY, CELL, f"Append({source}, {past['r']})")
        if gate != "g":
            p.scale(f"{name}.{gate}2", f"{name}.c" if gate == "o" else past["c"])
        total = f"{name}.g1" if gate == "g" else f"Sum({name}.{gate}1, {name}.{gate}2)"
        p.node(f"{name}.{gate}", f"{kind}Component", total, Dim=CELL)
    p.product(f"{name}.c1", f"Append({name}.f, {past['c']})")
    p.product(f"{name}.c2", f"Append({name}.i, {name}.g)")
    p.node(f"{name}.c", "NoOpComponent", f"Sum({name}.c1, {name}.c2)", Dim=CELL)
    p.node(f"{name}.h", "TanhComponent", f"{name}.c", Dim=CELL)
    p.product(f"{name}.m", f"Append({name}.o, {name}.h)")
    _projected(p, name, f"{name}.c", delay)
    return f"{name}.rp"


def fast_lstmp(p: Parts, name: str, source: str, dim: int, delay: int) -> str:
    """fast-lstmp-layer."""
    p.affine(f"{name}.W_all", dim + MEMORY, 4 * CELL, f"Append({source}, IfDefined(Offset({name}.r_trunc, {delay})))")
    stats = {k: np.zeros((5, CELL), np.float32) if k in ("ValueAvg", "DerivAvg") else v for k, v in LSTM_STATS.items()}
    params = p.rng.standard_normal((3, CELL)).astype(np.float32)
    inputs = f"Append({name}.W_all, IfDefined(Offset({name}.c_trunc, {delay})))"
    count = stats.pop("Count")
    fields = {**RATES, "Params": params, **stats, "UseDropout": False, "Count": count}
    p.add(f"{name}.lstm", "LstmNonlinearityComponent", inputs, fields)
    p.columns(f"{name}.c", f"{name}.lstm", 0, CELL)
    p.columns(f"{name}.m", f"{name}.lstm", CELL, CELL)
    _projected(p, name, f"{name}.c", delay)
    return f"{name}.rp"


def gru(p: Parts, name: str, source: str, dim: int, delay: int) -> str:
    """gru-layer."""
    past = f"IfDefined(Offset({name}.s_trunc, {delay}))"
    for gate in "zr":
        p.affine(f"{name}.{gate}_pre", dim + CELL, CELL, f"Append({source}, {past})")
        p.node(f"{name}.{gate}", "SigmoidComponent", f"{name}.{gate}_pre", Dim=CELL)
    p.product(f"{name}.h1", f"Append({name}.r, {past})")
    p.affine(f"{name}.h_pre", dim + CELL, CELL, f"Append({source}, {name}.h1)")
    p.node(f"{name}.h", "TanhComponent", f"{name}.h_pre", Dim=CELL)
    p.product(f"{name}.y1", f"Append({name}.h, Sum(Scale(-1.0, {name}.z), Const(1.0, {CELL})))")
    p.product(f"{name}.y2", f"Append({past}, {name}.z)")
    p.node(f"{name}.y", "NoOpComponent", f"Sum({name}.y1, {name}.y2)", Dim=CELL)
    p.node(f"{name}.s_trunc", "BackpropTruncationComponent", f"{name}.y", Dim=CELL, Scale=real(0.95))
    return f"{name}.y"


def _two(layer, width: int, delays: tuple[int, int]):
    """TDNN, recurrent layer, TDNN, recurrent layer, output layer."""

    def build() -> Nnet:
        p = Parts(1)
        p.affine("tdnn1", 3 * INPUT, 5, "Append(Offset(input, -1), input, Offset(input, 2))")
        p.node("tdnn1.relu", "RectifiedLinearComponent", "tdnn1", Dim=5)
        first = layer(p, "a", "tdnn1.relu", 5, delays[0])
        p.affine("tdnn2", 2 * width, 5, f"Append(Offset({first}, -3), {first})")
        second = layer(p, "b", "tdnn2", 5, delays[1])
        p.affine("out", width, 4, second)
        return p.network("out")

    return build


def _both_ways() -> Nnet:
    p = Parts(2)
    forward = fast_lstmp(p, "forward", "input", INPUT, -1)
    backward = fast_lstmp(p, "backward", "input", INPUT, 1)
    p.affine("out", 2 * (MEMORY + SKIPPED), 4, f"Append({forward}, {backward})")
    return p.network("out")


NETWORKS = {
    "lstmp": _two(lstmp, MEMORY + SKIPPED, (-1, -3)),
    "fast-lstmp": _two(fast_lstmp, MEMORY + SKIPPED, (-3, -3)),
    "gru": _two(gru, CELL, (-3, -1)),
    "both ways": _both_ways,
}
