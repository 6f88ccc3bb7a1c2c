"""The operations of the evaluator, and which of them, with which constants, each component is.

Source: the Propagate() functions of Kaldi ``src/nnet3/nnet-*-component.cc``.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysed.kaldi.nnet3.components import AFFINE, IDENTITIES, Component
from pysed.kaldi.nnet3.descriptors import Descriptor

NOTHING = Descriptor("Nothing")

_ELEMENTWISE = {
    "RectifiedLinearComponent": "relu",
    "SigmoidComponent": "sigmoid",
    "TanhComponent": "tanh",
    "SoftmaxComponent": "softmax",
    "LogSoftmaxComponent": "log_softmax",
}

Operation = tuple[str, dict[str, Any]]  # kind, parameters


@dataclass
class Op:
    """One operation: the value of ``name`` at t from the value of ``input`` at t + offsets.

    ``linear`` ops hold blocks of weights: params["blocks"] is a list of (descriptor, (out, in) float64);
    the value is relu?(sum of blocks + bias) + residual_scale · residual.
    ``deferred`` (dim,) is a constant that consumers add: true value = stored value + deferred.
    """

    name: str
    kind: str
    dim: int
    input: Descriptor = NOTHING
    params: dict[str, Any] = field(default_factory=dict)
    deferred: np.ndarray | None = None

    def reads(self) -> list[Descriptor]:
        """The descriptors it reads."""
        if self.kind == "linear":
            found = [block[0] for block in self.params["blocks"]]
            return [*found, self.params["residual"]] if "residual" in self.params else found
        return [] if self.input is NOTHING else [self.input]


def operation_of(component: Component) -> Operation:
    """(kind, parameters) of a component in test mode. Raises DataError for one that cannot be computed."""
    kind = component.type
    if kind in _ELEMENTWISE:
        return _ELEMENTWISE[kind], {}
    if kind in IDENTITIES:
        return "identity", {}
    if kind in _LINEAR:
        weights, bias = _LINEAR[kind](component)
        bias = np.zeros(weights[0][1].shape[0]) if bias is None else np.asarray(bias, np.float64)
        return "linear", {"weights": weights, "bias": bias}
    if kind in _SCALES:
        scale, offset = _SCALES[kind](component)
        return "scale_offset", {"scale": np.asarray(scale, np.float64), "offset": np.asarray(offset, np.float64)}
    if kind in _OTHERS:
        return _OTHERS[kind](component)
    raise component.fail("it can be read and copied, but not computed with")


Linear = tuple[list[tuple[int, np.ndarray]], np.ndarray | None]  # (time offset, matrix) pairs, bias
Scale = tuple[np.ndarray, np.ndarray]  # scale, offset


def _affine(component: Component) -> Linear:
    return [(0, component["LinearParams"].astype(np.float64))], component["BiasParams"]


def _linear(component: Component) -> Linear:
    return [(0, component["Params"].astype(np.float64))], None


def _tdnn(component: Component) -> Linear:
    matrix = component["LinearParams"].astype(np.float64)
    offsets = [int(t) for t in component["TimeOffsets"]]
    if max(map(abs, offsets)) > 100_000:
        raise component.fail(f"time offsets {offsets}")
    bias = component["BiasParams"]
    weights = list(zip(offsets, np.split(matrix, len(offsets), axis=1), strict=True))
    return weights, bias if len(bias) else None


def _repeated(component: Component) -> Linear:
    dim_in, dim_out = component.dims()
    _check_dense(component, dim_in, dim_out)
    repeats = component["NumRepeats"]
    matrix = np.kron(np.eye(repeats), component["LinearParams"].astype(np.float64))
    return [(0, matrix)], np.tile(component["BiasParams"], repeats)


def _block(component: Component) -> Linear:
    dim_in, dim_out = component.dims()
    _check_dense(component, dim_in, dim_out)
    matrix = np.zeros((dim_out, dim_in))
    for i, part in enumerate(np.split(component["LinearParams"].astype(np.float64), component["NumBlocks"])):
        rows, columns = part.shape
        matrix[i * rows : (i + 1) * rows, i * columns : (i + 1) * columns] = part
    return [(0, matrix)], component["BiasParams"]


def _check_dense(component: Component, dim_in: int, dim_out: int) -> None:
    if dim_in * dim_out > 1 << 26:
        raise component.fail(f"a matrix of {dim_out} x {dim_in}; too large to compute with")


_LINEAR = {
    **dict.fromkeys(AFFINE, _affine),
    "LinearComponent": _linear,
    "TdnnComponent": _tdnn,
    "RepeatedAffineComponent": _repeated,
    "NaturalGradientRepeatedAffineComponent": _repeated,
    "BlockAffineComponent": _block,
}


def _batchnorm(component: Component) -> Scale:
    mean, variance = component["StatsMean"].astype(np.float64), component["StatsVar"].astype(np.float64)
    block, dim = component["BlockDim"], component["Dim"]
    if len(mean) != block or len(variance) != block or block < 1 or dim % block:
        raise component.fail(f"statistics of {len(mean)} and {len(variance)} for {dim} in blocks of {block}")
    if not component["Count"] > 0:
        raise component.fail("no statistics were accumulated; the model is not trained")
    scale = float(component["TargetRms"]) / np.sqrt(np.maximum(variance, 0.0) + float(component["Epsilon"]))
    return _tile(scale, dim), _tile(-mean * scale, dim)


def _tile(vector: np.ndarray, dim: int) -> np.ndarray:
    return np.tile(vector, dim // len(vector))


def _blocks(component: Component, vector: np.ndarray) -> np.ndarray:
    dim = component.dims()[0]
    if len(vector) == 0 or dim % len(vector):
        raise component.fail(f"{len(vector)} values for a width of {dim}")
    return _tile(vector.astype(np.float64), dim)


def _scale_and_offset(component: Component) -> Scale:
    return _blocks(component, component["Scales"]), _blocks(component, component["Offsets"])


def _constant_scale(component: Component, scale: float) -> Scale:
    dim = component.dims()[0]
    return np.full(dim, float(scale)), np.zeros(dim)


_SCALES = {
    "BatchNormComponent": _batchnorm,
    "FixedScaleComponent": lambda c: (c["Scales"], np.zeros(len(c["Scales"]))),
    "FixedBiasComponent": lambda c: (np.ones(len(c["Bias"])), c["Bias"]),
    "PerElementScaleComponent": lambda c: (c["Params"], np.zeros(len(c["Params"]))),
    "NaturalGradientPerElementScaleComponent": lambda c: (c["Params"], np.zeros(len(c["Params"]))),
    "PerElementOffsetComponent": lambda c: (np.ones(c.dims()[0]), _blocks(c, c["Offsets"])),
    "ScaleAndOffsetComponent": _scale_and_offset,
    "BackpropTruncationComponent": lambda c: _constant_scale(c, c.get("Scale", 1.0)),
    # In test mode Kaldi scales by what dropout leaves on average; the newer GeneralDropoutComponent does not.
    "DropoutComponent": lambda c: _constant_scale(c, 1.0 - c["DropoutProportion"]),
}


def _normalize(component: Component) -> Operation:
    dim = component.dims()[0]
    return "normalize", {
        "block": component.get("BlockDim", dim),
        "target_rms": float(component.get("TargetRms", 1.0)),
        "log_stddev": bool(component.get("AddLogStddev", False)),
    }


def _groups(component: Component) -> dict[str, Any]:
    dim_in, dim_out = component.dims()
    if dim_in % dim_out:
        raise component.fail(f"widths {dim_in} and {dim_out}: one must divide the other")
    return {"groups": dim_in // dim_out}


def _sum_group(component: Component) -> Operation:
    sizes = component["Sizes"]
    if len(sizes) == 0 or np.any(sizes < 1):
        raise component.fail("group sizes must be positive")
    _check_dense(component, component.dims()[0], len(sizes))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    matrix = np.zeros((len(sizes), len(rows)))
    matrix[rows, np.arange(len(rows))] = 1.0
    return "linear", {"weights": [(0, matrix)], "bias": np.zeros(len(sizes))}


def _sum_block(component: Component) -> Operation:
    return "sum_block", {**_groups(component), "scale": float(component["Scale"])}


def _permute(component: Component) -> Operation:
    columns = component["ColumnMap"]
    if not np.array_equal(np.sort(columns), np.arange(len(columns))):
        raise component.fail("the column map is not a permutation")
    return "permute", {"columns": columns.astype(np.int64)}


def _extraction(component: Component) -> Operation:
    period_in, period_out = component["InputPeriod"], component["OutputPeriod"]
    if not 0 < period_in <= period_out < 10_000 or period_out % period_in:
        raise component.fail(f"periods {period_in} and {period_out}")
    return "extract", {
        "period_in": period_in,
        "period_out": period_out,
        "variance": bool(component["IncludeVarinance"]),
    }


def _pooling(component: Component) -> Operation:
    period, left, right = component["InputPeriod"], component["LeftContext"], component["RightContext"]
    if period < 1 or not (0 <= left < 1_000_000 and 0 <= right < 1_000_000) or left % period or right % period:
        raise component.fail(f"period {period}, contexts {left} and {right}")
    logs, stddevs = component["NumLogCountFeatures"], bool(component["OutputStddevs"])
    if logs < 0 or (stddevs and (component["InputDim"] - 1) % 2):
        raise component.fail(f"{logs} log-count features, input width {component['InputDim']}")
    return "pool", {
        "period": period,
        "left": left,
        "right": right,
        "log_counts": logs,
        "stddevs": stddevs,
        "floor": float(component["VarianceFloor"]),
    }


def _convolution(component: Component) -> Operation:
    c = component
    filters_in, filters_out = c["NumFiltersIn"], c["NumFiltersOut"]
    height_in, height_out, subsample = c["HeightIn"], c["HeightOut"], c["HeightSubsampleOut"]
    offsets = np.asarray(c["Offsets"])
    rows, columns = c["LinearParams"].shape
    if rows != filters_out or columns != filters_in * len(offsets) or len(c["BiasParams"]) != filters_out:
        raise c.fail(
            f"{rows} x {columns} parameters for {len(offsets)} offsets and {filters_in} -> {filters_out} filters"
        )
    if min(filters_in, filters_out, height_in, height_out, subsample, len(offsets)) < 1:
        raise c.fail("a size that is not positive")
    times = sorted({int(t) for t in offsets[:, 0]})
    if max(map(abs, times)) > 100_000:
        raise c.fail(f"time offsets {times}")
    _check_dense(c, height_in * filters_in * len(times), height_out * filters_out)
    required = {int(t) for t in c["RequiredTimeOffsets"]}
    if not required or not required <= set(times):
        raise c.fail(f"required time offsets {sorted(required)} of {times}")
    matrices = {t: np.zeros((height_out * filters_out, height_in * filters_in)) for t in times}
    for k, (t, h) in enumerate(offsets):
        part = c["LinearParams"][:, k * filters_in : (k + 1) * filters_in].astype(np.float64)
        for out in range(height_out):
            source = out * subsample + int(h)
            if 0 <= source < height_in:
                place = np.s_[
                    out * filters_out : (out + 1) * filters_out, source * filters_in : (source + 1) * filters_in
                ]
                matrices[int(t)][place] += part
    return "convolution", {
        "weights": [(t, matrices[t], t in required) for t in times],
        "bias": np.tile(c["BiasParams"].astype(np.float64), height_out),
    }


def _lstm(component: Component) -> Operation:
    dim_in, dim_out = component.dims()
    if component["Params"].shape[0] != 3:
        raise component.fail(f"{component['Params'].shape[0]} rows of parameters; expected 3")
    return "lstm", {"peepholes": component["Params"].astype(np.float64), "dropout": dim_in % 5 == 3}


def _mask(component: Component) -> Operation:
    value = 1.0 if component.get("Continuous", False) else 1.0 - float(component["DropoutProportion"])
    return "constant", {"value": np.full(component["OutputDim"], value)}


_OTHERS = {
    "NormalizeComponent": _normalize,
    "ElementwiseProductComponent": lambda c: ("product", _groups(c)),
    "PnormComponent": lambda c: ("pnorm", _groups(c)),
    "SumGroupComponent": _sum_group,
    "SumBlockComponent": _sum_block,
    "PermuteComponent": _permute,
    "StatisticsExtractionComponent": _extraction,
    "StatisticsPoolingComponent": _pooling,
    "TimeHeightConvolutionComponent": _convolution,
    "LstmNonlinearityComponent": _lstm,
    "ConstantFunctionComponent": lambda c: ("constant", {"value": c["Output"].astype(np.float64)}),
    "ConstantComponent": lambda c: ("constant", {"value": c["Output"].astype(np.float64)}),
    "DropoutMaskComponent": _mask,
}
