"""What nnet3-info prints: nodes with their widths, and for each component its settings and statistics.

Source: the Info() functions of Kaldi ``src/nnet3/nnet-nnet.cc``, ``nnet-*-component.cc``, ``nnet-parse.cc``.
Sums are taken in float64, Kaldi's in float32: digits that are rounding noise there (the standard deviation of
norms that are all alike) differ.
"""

from collections.abc import Callable

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.messages import warn
from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.model import Nnet

_PERCENTILES = ((0, 1, 2, 5), (10, 20, 50, 80, 90), (95, 98, 99, 100))


def nnet_info(nnet: Nnet) -> str:
    """The text of nnet3-info. Raises DataError for a network whose widths do not fit.

    Context is left out, with a warning, where it cannot be found (recurrent networks).
    """
    lines = []
    if nnet.is_simple():
        from pysed.kaldi.nnet3.indexes import context

        try:
            left, right = context(nnet)
            lines = [f"left-context: {left}", f"right-context: {right}"]
        except DataError as error:
            warn(f"no context: {error}")
    lines += [f"num-parameters: {nnet.num_parameters()}", f"modulus: {nnet.modulus()}"]
    lines += nnet.config_lines(include_dim=True)
    with np.errstate(all="ignore"):  # a damaged model may hold any number
        lines += [f"component name={name} type={component_info(c)}" for name, c in nnet.components.items()]
    return "".join(f"{line}\n" for line in lines)


def component_info(component: Component) -> str:
    """One component in one line, without its name."""
    if component.type in _INFO:
        return _INFO[component.type](component)
    return _updatable(component) if component.updatable else _plain(component)


def brief(value: float) -> str:
    """A number in few digits, as in the summaries of vectors."""
    size = abs(value)
    if 10.0 <= size < 10000.0:
        return f"{value:.0f}"
    if size >= 0.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.01 else f"{value:.1g}"


def summary(vector: np.ndarray) -> str:
    """A vector (N,): all its numbers, from 10 on percentiles, mean and standard deviation."""
    if len(vector) < 10:
        return "[ " + "".join(f"{brief(value)} " for value in vector.tolist()) + "]"
    ordered, last = np.sort(vector), len(vector) - 1
    values = " ".join(",".join(brief(float(ordered[last * p // 100])) for p in group) for group in _PERCENTILES)
    names = " ".join(",".join(map(str, group)) for group in _PERCENTILES)
    mean, stddev = _mean_stddev(vector)
    return f"[percentiles({names})=({values}), mean={mean:.3g}, stddev={stddev:.3g}]"


def _mean_stddev(values: np.ndarray) -> tuple[float, float]:
    values = values.astype(np.float64)
    return float(values.mean()), float(values.std())


def _stats(name: str, values: np.ndarray, mean: bool = False, norms: bool = False) -> str:
    if values.size == 0:
        return f", {name}-rms=nan"
    if mean:
        average, stddev = _mean_stddev(values)
        return f", {name}-{{mean,stddev}}={average:.4g},{stddev:.4g}"
    squares = np.square(values.astype(np.float64))
    text = f", {name}-rms={np.sqrt(squares.mean()):.4g}"
    if norms:
        text += f", {name}-row-norms={summary(np.sqrt(squares.sum(axis=1)))}"
        text += f", {name}-col-norms={summary(np.sqrt(squares.sum(axis=0)))}"
    return text


def _flag(value: object) -> str:
    return "true" if value else "false"


def _plain(c: Component) -> str:
    dim_in, dim_out = c.dims()
    return f"{c.type}, input-dim={dim_in}, output-dim={dim_out}"


def _updatable(c: Component) -> str:
    text = f"{_plain(c)}, learning-rate={c.get('LearningRate', 0.001):g}"
    if c.get("IsGradient", False):
        text += ", is-gradient=true"
    if c.get("L2Regularize", 0.0) != 0:
        text += f", l2-regularize={c['L2Regularize']:g}"
    if c.get("LearningRateFactor", 1.0) != 1:
        text += f", learning-rate-factor={c['LearningRateFactor']:g}"
    if c.get("MaxChange", 0.0) > 0:
        text += f", max-change={c['MaxChange']:g}"
    return text


def _constraint(c: Component) -> str:
    value = c.get("OrthonormalConstraint", 0.0)
    return f", orthonormal-constraint={value:g}" if value != 0 else ""


def _affine(c: Component) -> str:
    text = _updatable(c) + _constraint(c) + _stats("linear-params", c["LinearParams"], norms=True)
    return text + _stats("bias", c["BiasParams"], mean=True)


def _natural_affine(c: Component) -> str:
    history = f"num-samples-history={c.get('NumSamplesHistory', 2000.0):g}, update-period={c.get('UpdatePeriod', 4)}"
    ranks = f"rank-in={c.get('RankIn', 20)}, rank-out={c.get('RankOut', 80)}"
    return f"{_affine(c)}, {ranks}, {history}, alpha={c.get('Alpha', 4.0):g}"


def _linear(c: Component) -> str:
    text = _updatable(c) + _stats("params", c["Params"], norms=True) + _constraint(c)
    rank_in, rank_out = c["RankInOut"]
    text += f", use-natural-gradient={_flag(c['UseNaturalGradient'])}, rank-in={rank_in}, rank-out={rank_out}"
    return text + (
        f", num-samples-history={c['NumSamplesHistory']:g}, update-period={c['UpdatePeriod']}, alpha={c['Alpha']:g}"
    )


def _tdnn(c: Component) -> str:
    text = _updatable(c) + _constraint(c) + ", time-offsets=" + ",".join(map(str, c["TimeOffsets"].tolist()))
    text += _stats("linear-params", c["LinearParams"], norms=True)
    text += _stats("bias", c["BiasParams"], mean=True) if len(c["BiasParams"]) else ", has-bias=false"
    if not c["UseNaturalGradient"]:
        return text + ", use-natural-gradient=false"
    alpha_in, alpha_out = c.get("AlphaInOut", (c.get("Alpha", 4.0),) * 2)
    rank_in, rank_out = c["RankInOut"]
    text += f", rank-in={rank_in}, rank-out={rank_out}, num-samples-history={c['NumSamplesHistory']:g}"
    return f"{text}, update-period=4, alpha-in={alpha_in:g}, alpha-out={alpha_out:g}"


def _fixed_affine(c: Component) -> str:
    return _plain(c) + _stats("linear-params", c["LinearParams"]) + _stats("bias", c["BiasParams"], mean=True)


def _repeated(number: str, title: str) -> Callable[[Component], str]:
    def describe(c: Component) -> str:
        text = f"{_updatable(c)}, {title}={c[number]}"
        return text + _stats("linear-params", c["LinearParams"]) + _stats("bias", c["BiasParams"], mean=True)

    return describe


def _nonlinear(c: Component) -> str:
    dim, text = c["Dim"], f"{c.type}, dim={c['Dim']}"
    if c.get("BlockDim", dim) != dim:
        text += f", block-dim={c['BlockDim']}"
    for token, name in (
        ("SelfRepairLowerThreshold", "self-repair-lower-threshold"),
        ("SelfRepairUpperThreshold", "self-repair-upper-threshold"),
        ("SelfRepairScale", "self-repair-scale"),
    ):
        if token in c.fields:
            text += f", {name}={c[token]:g}"
    if c["Count"] > 0 and len(c["ValueAvg"]) == dim:
        processed = c.get("NumDimsProcessed", 0.0)
        repaired = c.get("NumDimsSelfRepaired", 0.0) / processed if processed > 0 else 0.0
        text += f", count={c['Count']:.3g}, self-repaired-proportion={repaired:g}"
        text += f", value-avg={summary(c['ValueAvg'])}"
        if len(c["DerivAvg"]) == dim:
            text += f", deriv-avg={summary(c['DerivAvg'])}"
    if c.get("OderivCount", 0.0) > 0 and len(c["OderivRms"]) == dim:
        text += f", oderiv-rms={summary(c['OderivRms'])}, oderiv-count={c['OderivCount']:g}"
    return text


def _batchnorm(c: Component) -> str:
    text = f"{c.type}, dim={c['Dim']}, block-dim={c['BlockDim']}, epsilon={c['Epsilon']:g}"
    text += f", target-rms={c['TargetRms']:g}, count={c['Count']:g}, test-mode={_flag(c['TestMode'])}"
    if c["Count"] > 0:
        stddev = np.sqrt(np.maximum(c["StatsVar"], 0.0))
        text += f", data-mean={summary(c['StatsMean'])}, data-stddev={summary(stddev)}"
    return text


def _normalize(c: Component) -> str:
    text = f"{_plain(c)}, target-rms={c.get('TargetRms', 1.0):g}, add-log-stddev={_flag(c.get('AddLogStddev', False))}"
    block = c.get("BlockDim", c.dims()[0])
    return text if block == c.dims()[0] else f"{text}, block-dim={block}"


def _noop(c: Component) -> str:
    scale = c.get("BackpropScale", 1.0)
    return f"{c.type}, dim={c['Dim']}" + (f", backprop-scale={scale:g}" if scale != 1 else "")


def _dropout(c: Component) -> str:
    per_frame = _flag(c.get("DropoutPerFrame", False))
    return f"{c.type}, dim={c['Dim']}, dropout-proportion={c['DropoutProportion']:g}, dropout-per-frame={per_frame}"


def _general_dropout(c: Component) -> str:
    text = f"{c.type}, dim={c['Dim']}, block-dim={c['BlockDim']}, dropout-proportion={c['DropoutProportion']:g}"
    if c.get("Continuous", False):
        text += ", continuous=true"
    if c.get("SpecAugmentMaxProportion", 0.0) != 0:
        text += f", specaugment-max-proportion={c['SpecAugmentMaxProportion']:g}"
        text += f", specaugment-max-regions={c.get('SpecAugmentMaxRegions', 1)}"
    return text + (f", time-period={c['TimePeriod']}" if c["TimePeriod"] > 0 else "")


def _dropout_mask(c: Component) -> str:
    text = f"{c.type}, output-dim={c['OutputDim']}, dropout-proportion={c['DropoutProportion']:g}"
    return text + (", continuous=true" if c.get("Continuous", False) else "")


def _spec_augment(c: Component) -> str:
    proportion = f"zeroed-proportion={c['ZeroedProportion']:g}"
    return f"{c.type}, dim={c['Dim']}, {proportion}, time-mask-max-frames={c['TimeMaskMaxFrames']}"


def _element_scale(c: Component) -> str:
    scales = c["Params"]
    text = f"{_updatable(c)}, scales-min={scales.min():g}, scales-max={scales.max():g}"
    text += _stats("scales", scales, mean=True)
    if c.type == "PerElementScaleComponent":
        return text
    text += f", rank={c['Rank']}, update-period={c['UpdatePeriod']}"
    return f"{text}, num-samples-history={c['NumSamplesHistory']:g}, alpha={c['Alpha']:g}"


def _element_offset(c: Component) -> str:
    offsets = c["Offsets"]
    if not len(offsets):
        raise c.fail("no offsets")
    text = f"{_updatable(c)}, offsets-min={offsets.min():g}, offsets-max={offsets.max():g}, block-dim={len(offsets)}"
    text += f", use-natural-gradient={_flag(c.get('UseNaturalGradient', True))}"
    return text + _stats("offsets", offsets, mean=True)


def _scale_and_offset(c: Component) -> str:
    text = f"{_updatable(c)}, rank={c['Rank']}"
    if len(c["Scales"]) != c["Dim"]:
        text += f", block-size={len(c['Scales'])}"
    return text + _stats("scales", c["Scales"], mean=True) + _stats("offsets", c["Offsets"], mean=True)


def _constant(c: Component) -> str:
    widths = f"output-dim={c.dims()[1]}"
    if c.type == "ConstantFunctionComponent":
        widths = f"input-dim={c.dims()[0]}, {widths}"
    flags = f"is-updatable={_flag(c['IsUpdatable'])}, use-natural-gradient={_flag(c['UseNaturalGradient'])}"
    return f"{_updatable(c)}, {c.type}, {widths}, {flags}" + _stats("output", c["Output"], mean=True)


def _permute(c: Component) -> str:
    columns = c["ColumnMap"].tolist()
    shown = "".join(f"{column} " for column in columns[:5]) + ("... " if len(columns) > 5 else "")
    return f"{c.type}, dim={len(columns)} , column-map=[ {shown}]"


def _truncation(c: Component) -> str:
    processed, boundaries = c.get("NumElementsProcessed", 0.0), c.get("NumZeroingBoundaries", 0.0)
    clipped = c.get("NumElementsClipped", 0.0) / processed if processed > 0 else 0.0
    zeroed = c.get("NumElementsZeroed", 0.0) / boundaries if boundaries > 0 else 0.0
    text = f"{c.type}, dim={c['Dim']}, scale={c.get('Scale', 1.0):g}, count={processed:.3g}"
    text += f", recurrence-interval={c.get('RecurrenceInterval', 1)}, clipping-threshold={c['ClippingThreshold']:g}"
    text += f", clipped-proportion={clipped:g}, zeroing-threshold={c['ZeroingThreshold']:g}"
    text += f", zeroing-interval={c['ZeroingInterval']}, zeroed-proportion={zeroed:g}"
    return f"{text}, count-zeroing-boundaries={boundaries:.0f}"


def _convolution(c: Component) -> str:
    text = f"{_updatable(c)} num-filters-in={c['NumFiltersIn']}, num-filters-out={c['NumFiltersOut']}"
    text += f", height-in={c['HeightIn']}, height-out={c['HeightOut']}, height-subsample-out={c['HeightSubsampleOut']}"
    text += ", {time,height}-offsets=[" + " ".join(f"{t},{h}" for t, h in c["Offsets"].tolist())
    text += "], required-time-offsets=[" + ",".join(map(str, sorted(c["RequiredTimeOffsets"].tolist())))
    dim_in, dim_out = c.dims()
    text += f"], input-dim={dim_in}, output-dim={dim_out}" + _stats("filter-params", c["LinearParams"])
    text += _stats("bias-params", c["BiasParams"], mean=True)
    text += f", num-params={c.num_parameters()}, max-memory-mb={c['MaxMemoryMb']:g}"
    text += f", use-natural-gradient={int(c['UseNaturalGradient'])}"
    if not c["UseNaturalGradient"]:
        return text
    (rank_in, rank_out), alpha = c["RankInOut"], c["AlphaInOut"][0]
    history = f"num-minibatches-history={c['NumMinibatchesHistory']:g}"
    return f"{text}, {history}, rank-in={rank_in}, rank-out={rank_out}, alpha={alpha:g}"


_INFO: dict[str, Callable[[Component], str]] = {
    "AffineComponent": _affine,
    "NaturalGradientAffineComponent": _natural_affine,
    "LinearComponent": _linear,
    "TdnnComponent": _tdnn,
    "FixedAffineComponent": _fixed_affine,
    "FixedScaleComponent": lambda c: _plain(c) + _stats("scales", c["Scales"], mean=True),
    "FixedBiasComponent": lambda c: _plain(c) + _stats("bias", c["Bias"], mean=True),
    "RepeatedAffineComponent": _repeated("NumRepeats", "num-repeats"),
    "NaturalGradientRepeatedAffineComponent": _repeated("NumRepeats", "num-repeats"),
    "BlockAffineComponent": _repeated("NumBlocks", "num-blocks"),
    **dict.fromkeys(
        ("RectifiedLinearComponent", "SigmoidComponent", "TanhComponent", "SoftmaxComponent", "LogSoftmaxComponent"),
        _nonlinear,
    ),
    "BatchNormComponent": _batchnorm,
    "NormalizeComponent": _normalize,
    "NoOpComponent": _noop,
    "DropoutComponent": _dropout,
    "GeneralDropoutComponent": _general_dropout,
    "DropoutMaskComponent": _dropout_mask,
    "SpecAugmentTimeMaskComponent": _spec_augment,
    "PerElementScaleComponent": _element_scale,
    "NaturalGradientPerElementScaleComponent": _element_scale,
    "PerElementOffsetComponent": _element_offset,
    "ScaleAndOffsetComponent": _scale_and_offset,
    "ConstantFunctionComponent": _constant,
    "ConstantComponent": _constant,
    "SumBlockComponent": lambda c: f"{_plain(c)}, scale={c['Scale']:g}",
    "PermuteComponent": _permute,
    "BackpropTruncationComponent": _truncation,
    "TimeHeightConvolutionComponent": _convolution,
}
