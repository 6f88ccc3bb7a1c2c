"""Components from configuration lines, with random weights: what ``--nnet-config`` may define.

Source: the InitFromConfig() functions of Kaldi ``src/nnet3/nnet-*-component.cc``.
"""

from typing import Any

import numpy as np

from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.config_lines import ConfigLine
from pysed.kaldi.plain_numbers import plain


def component_from_config(line: ConfigLine, name: str) -> Component:
    """The component that a ``component name=… type=…`` line defines.

    Random weights are drawn from a generator seeded by the line itself, so that equal lines give equal weights.
    Raises DataError for a type that cannot be built and for values that do not fit.
    """
    kind = line.text("type")
    if kind not in _BUILDERS:
        raise line.fail(f"type={kind}: cannot be built; supported: {', '.join(sorted(_BUILDERS))}")
    rng = np.random.default_rng(list(line.line.encode()))
    fields = _BUILDERS[kind](line, rng)
    line.finish()
    component = Component(kind, fields, f"{line.place}: component {name}")
    component.dims()
    return component


def _dim(line: ConfigLine, key: str) -> int:
    value = line.integer(key)
    if not 0 < value <= 1 << 17:
        raise line.fail(f"{key}={value} is out of range")
    return value


def _updatable(line: ConfigLine) -> dict:
    fields = {}
    factor = line.real("learning-rate-factor", 1.0)
    if factor != 1.0:
        fields["LearningRateFactor"] = np.float32(factor)
    for key, token in (("max-change", "MaxChange"), ("l2-regularize", "L2Regularize")):
        value = line.real(key, 0.0)
        if value != 0.0:
            fields[token] = np.float32(value)
    fields["LearningRate"] = np.float32(line.real("learning-rate", 0.001) * factor)
    return fields


def _matrix(line: ConfigLine, rng: np.random.Generator, rows: int, columns: int, fan_in: int) -> np.ndarray:
    if rows * columns > 1 << 27:
        raise line.fail(f"a matrix of {rows} x {columns}")
    scale = line.real("param-stddev", 1.0 / np.sqrt(fan_in))
    return (scale * rng.standard_normal((rows, columns), np.float32)).astype(np.float32)


def _bias(line: ConfigLine, rng: np.random.Generator, dim: int) -> np.ndarray:
    mean, scale = line.real("bias-mean", 0.0), line.real("bias-stddev", 1.0)
    return (mean + scale * rng.standard_normal(dim, np.float32)).astype(np.float32)


def _affine(line: ConfigLine, rng: np.random.Generator) -> dict:
    dim_in, dim_out = _dim(line, "input-dim"), _dim(line, "output-dim")
    fields = _updatable(line)
    fields["LinearParams"] = _matrix(line, rng, dim_out, dim_in, dim_in)
    fields["BiasParams"] = _bias(line, rng, dim_out)
    return fields


def _natural_affine(line: ConfigLine, rng: np.random.Generator) -> dict:
    fields = _affine(line, rng)
    fields["RankIn"], fields["RankOut"] = line.integer("rank-in", 20), line.integer("rank-out", 80)
    constraint = line.real("orthonormal-constraint", 0.0)
    if constraint != 0.0:
        fields["OrthonormalConstraint"] = np.float32(constraint)
    fields["UpdatePeriod"] = line.integer("update-period", 4)
    fields["NumSamplesHistory"] = np.float32(line.real("num-samples-history", 2000.0))
    fields["Alpha"] = np.float32(line.real("alpha", 4.0))
    return fields


def _ranks(line: ConfigLine, dim_in: int, dim_out: int) -> tuple[int, int]:
    rank_in = line.integer("rank-in", min(20, (dim_in + 1) // 2))
    return rank_in, line.integer("rank-out", min(80, (dim_out + 1) // 2))


def _linear(line: ConfigLine, rng: np.random.Generator) -> dict:
    dim_in, dim_out = _dim(line, "input-dim"), _dim(line, "output-dim")
    fields = _updatable(line)
    fields["Params"] = _matrix(line, rng, dim_out, dim_in, dim_in)
    constraint = line.real("orthonormal-constraint", 0.0)
    if constraint != 0.0:
        fields["OrthonormalConstraint"] = np.float32(constraint)
    fields["UseNaturalGradient"] = line.boolean("use-natural-gradient", True)
    fields["RankInOut"] = _ranks(line, dim_in, dim_out)
    fields["Alpha"] = np.float32(line.real("alpha", 4.0))
    fields["NumSamplesHistory"] = np.float32(line.real("num-samples-history", 2000.0))
    fields["UpdatePeriod"] = line.integer("update-period", 4)
    return fields


def _tdnn(line: ConfigLine, rng: np.random.Generator) -> dict:
    dim_in, dim_out = _dim(line, "input-dim"), _dim(line, "output-dim")
    try:
        offsets = np.array([int(t) for t in plain(line.text("time-offsets")).split(",")], np.int32)
    except (ValueError, OverflowError):
        raise line.fail("time-offsets: expected whole numbers with commas") from None
    fields = _updatable(line)
    fields["TimeOffsets"] = offsets
    columns = dim_in * len(offsets)
    fields["LinearParams"] = _matrix(line, rng, dim_out, columns, columns)
    use_bias = line.boolean("use-bias", True)
    bias = _bias(line, rng, dim_out)
    fields["BiasParams"] = bias if use_bias else np.zeros(0, np.float32)
    fields["OrthonormalConstraint"] = np.float32(line.real("orthonormal-constraint", 0.0))
    fields["UseNaturalGradient"] = line.boolean("use-natural-gradient", True)
    fields["NumSamplesHistory"] = np.float32(line.real("num-samples-history", 2000.0))
    fields["AlphaInOut"] = (np.float32(line.real("alpha-in", 4.0)), np.float32(line.real("alpha-out", 4.0)))
    fields["RankInOut"] = _ranks(line, columns, dim_out)
    return fields


def _fixed_affine(line: ConfigLine, rng: np.random.Generator) -> dict:
    dim_in, dim_out = _dim(line, "input-dim"), _dim(line, "output-dim")
    matrix = _matrix(line, rng, dim_out, dim_in, dim_in)
    return {"LinearParams": matrix, "BiasParams": rng.standard_normal(dim_out, np.float32)}


def _nonlinear(line: ConfigLine, rng: np.random.Generator) -> dict:
    fields: dict[str, Any] = {"Dim": _dim(line, "dim")}
    block = line.integer("block-dim", fields["Dim"])
    if block != fields["Dim"]:
        fields["BlockDim"] = block
    empty = np.zeros(0, np.float32)
    fields.update(ValueAvg=empty, DerivAvg=empty, Count=np.float64(0))
    fields.update(NumDimsSelfRepaired=np.float64(0), NumDimsProcessed=np.float64(0))
    repair = line.real("self-repair-scale", 0.0)
    if repair != 0.0:
        fields["SelfRepairScale"] = np.float32(repair)
    return fields


def _batchnorm(line: ConfigLine, rng: np.random.Generator) -> dict:
    dim = _dim(line, "dim")
    block = line.integer("block-dim", dim)
    if block < 1 or dim % block:
        raise line.fail(f"block-dim={block} does not divide dim={dim}")
    return {
        "Dim": dim,
        "BlockDim": block,
        "Epsilon": np.float32(line.real("epsilon", 0.001)),
        "TargetRms": np.float32(line.real("target-rms", 1.0)),
        "TestMode": line.boolean("test-mode", False),
        "Count": np.float64(0),
        "StatsMean": np.zeros(block, np.float32),
        "StatsVar": np.zeros(block, np.float32),
    }


def _noop(line: ConfigLine, rng: np.random.Generator) -> dict:
    return {"Dim": _dim(line, "dim"), "BackpropScale": np.float32(line.real("backprop-scale", 1.0))}


def _general_dropout(line: ConfigLine, rng: np.random.Generator) -> dict:
    fields: dict[str, Any] = {"Dim": _dim(line, "dim")}
    fields["BlockDim"] = line.integer("block-dim", fields["Dim"])
    fields["TimePeriod"] = line.integer("time-period", 0)
    fields["DropoutProportion"] = np.float32(line.real("dropout-proportion", 0.5))
    if line.boolean("continuous", False):
        fields["Continuous"] = True
    return fields


_BUILDERS = {
    "AffineComponent": _affine,
    "NaturalGradientAffineComponent": _natural_affine,
    "LinearComponent": _linear,
    "TdnnComponent": _tdnn,
    "FixedAffineComponent": _fixed_affine,
    **dict.fromkeys(
        ("RectifiedLinearComponent", "SigmoidComponent", "TanhComponent", "SoftmaxComponent", "LogSoftmaxComponent"),
        _nonlinear,
    ),
    "BatchNormComponent": _batchnorm,
    "NoOpComponent": _noop,
    "GeneralDropoutComponent": _general_dropout,
}
