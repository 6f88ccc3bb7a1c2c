"""An nnet3 network computed from its definition, one node and frame at a time in float64, for comparison.

Written from Kaldi's documentation of descriptors and components (``nnet-descriptor.h``, ``nnet-*-component.h``);
it shares with the package only the parsed network.
"""

from collections.abc import Callable

import numpy as np

from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.descriptors import Descriptor
from pysed.kaldi.nnet3.model import Nnet

Get = Callable[[int], np.ndarray | None]  # the input at a frame, None where it cannot be computed


class Reference:
    """``Reference(nnet, {"input": {t: vector}, …}).value(node, t)``: the node at a frame, or None."""

    def __init__(self, nnet: Nnet, inputs: dict[str, dict[int, np.ndarray]]):
        self.nnet, self.inputs = nnet, inputs
        self.known: dict[tuple[str, int], np.ndarray | None] = {}
        self.dims = nnet.node_dims()

    def value(self, name: str, t: int) -> np.ndarray | None:
        if (name, t) not in self.known:
            self.known[name, t] = self._compute(name, t)
        return self.known[name, t]

    def _compute(self, name: str, t: int) -> np.ndarray | None:
        node = self.nnet.nodes[name]
        if node.kind == "input":
            return self.inputs[name].get(t)
        if node.kind == "dim-range":
            whole = self.value(node.source, t)
            return None if whole is None else whole[node.dim_offset : node.dim_offset + node.dim]
        if node.kind == "output":
            return self.read(node.input, t)
        component = self.nnet.components[node.component]
        return COMPONENTS[component.type](component.fields, lambda u: self.read(node.input, u), t)

    def read(self, d: Descriptor, t: int) -> np.ndarray | None:
        if d.op == "Node":
            return self.value(d.name, t)
        if d.op == "Offset":
            return self.read(d.parts[0], t + int(d.numbers[0]))
        if d.op == "ReplaceIndex":
            return self.read(d.parts[0], int(d.numbers[1]) if d.numbers[0] == 0 else t)
        if d.op == "Round":
            step = int(d.numbers[0])
            return self.read(d.parts[0], (t // step) * step)
        if d.op == "Switch":
            return self.read(d.parts[t % len(d.parts)], t)
        if d.op == "Const":
            return np.full(int(d.numbers[1]), d.numbers[0])
        if d.op == "Failover":
            first = self.read(d.parts[0], t)
            return self.read(d.parts[1], t) if first is None else first
        if d.op == "IfDefined":
            value = self.read(d.parts[0], t)
            return np.zeros(d.parts[0].dim(self.dims)) if value is None else value
        values = []
        for part in d.parts:
            values.append(self.read(part, t))
            if values[-1] is None:  # and no further: a recurrence ends where the input does
                return None
        if d.op == "Scale":
            return d.numbers[0] * values[0]
        return np.concatenate(values) if d.op == "Append" else sum(values)


def compute(
    nnet: Nnet, feats: np.ndarray, ivectors: np.ndarray | None, options: ChunkOptions, context: tuple[int, int]
) -> np.ndarray:
    """What nnet3-compute gives for an utterance, chunk by chunk."""
    step, last = options.frame_subsampling_factor, len(feats) - 1
    per_chunk = options.frames_per_chunk // step
    total, rows = -(-len(feats) // step), []
    for start in range(0, total, per_chunk):
        outputs = [t * step for t in range(start, min(start + per_chunk, total))]
        left, right = options.extra_left_context, options.extra_right_context
        if start == 0 and options.extra_left_context_initial >= 0:
            left = options.extra_left_context_initial
        if start + per_chunk >= total and options.extra_right_context_final >= 0:
            right = options.extra_right_context_final
        first = outputs[0]  # Kaldi shifts each chunk so that its first output is frame 0
        window = range(first - left - context[0], outputs[-1] + right + context[1] + 1)
        inputs = {"input": {t - first: feats[min(max(t, 0), last)].astype(np.float64) for t in window}}
        if ivectors is not None:
            row = (first + (outputs[-1] - first) // 2) // options.online_ivector_period
            chosen = ivectors if ivectors.ndim == 1 else ivectors[min(row, len(ivectors) - 1)]
            inputs["ivector"] = {0: chosen.astype(np.float64)}
        reference = Reference(nnet, inputs)
        rows += [reference.value("output", t - first) for t in outputs]
    return np.stack(rows)


def simple(function: Callable) -> Callable:
    def of_one_frame(f: dict, x: Get, t: int) -> np.ndarray | None:
        value = x(t)
        return None if value is None else function(f, value)

    return of_one_frame


def tdnn(f: dict, x: Get, t: int) -> np.ndarray | None:
    frames = [x(t + int(offset)) for offset in f["TimeOffsets"]]
    if any(frame is None for frame in frames):
        return None
    value = f["LinearParams"] @ np.concatenate(frames)
    return value + f["BiasParams"] if len(f["BiasParams"]) else value


def blocks(x: np.ndarray, size: int) -> list[np.ndarray]:
    return [x[i : i + size] for i in range(0, len(x), size)]


def repeated(f: dict, x: np.ndarray) -> np.ndarray:
    return np.concatenate([f["LinearParams"] @ b + f["BiasParams"] for b in blocks(x, f["LinearParams"].shape[1])])


def block_affine(f: dict, x: np.ndarray) -> np.ndarray:
    rows = len(f["BiasParams"]) // f["NumBlocks"]
    parts = zip(blocks(f["LinearParams"], rows), blocks(x, f["LinearParams"].shape[1]), strict=True)
    return np.concatenate([matrix @ part for matrix, part in parts]) + f["BiasParams"]


def batchnorm(f: dict, x: np.ndarray) -> np.ndarray:
    scale = f["TargetRms"] / np.sqrt(f["StatsVar"].astype(np.float64) + f["Epsilon"])
    return np.concatenate([(b - f["StatsMean"]) * scale for b in blocks(x, f["BlockDim"])])


def normalize(f: dict, x: np.ndarray) -> np.ndarray:
    parts = []
    for b in blocks(x, f.get("BlockDim", len(x))):
        rms = np.sqrt(max(np.mean(b * b), f["TargetRms"] ** 2 * 2.0**-66))
        parts.append(b * f["TargetRms"] / rms)
        if f.get("AddLogStddev", False):
            parts.append(np.array([np.log(rms)]))
    return np.concatenate(parts)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x - x.max()).sum()) - x.max()


def lstm(f: dict, x: np.ndarray) -> np.ndarray:
    cell = f["Params"].shape[1]
    keep_i, keep_f, keep_o = x[5 * cell :] if len(x) > 5 * cell else (1, 1, 1)
    i, forget, c, o, before = blocks(x[: 5 * cell], cell)
    w_i, w_f, w_o = f["Params"]
    new = sigmoid(forget + w_f * before) * keep_f * before + sigmoid(i + w_i * before) * keep_i * np.tanh(c)
    return np.concatenate([new, sigmoid(o + w_o * new) * keep_o * np.tanh(new)])


def extraction(f: dict, x: Get, t: int) -> np.ndarray | None:
    start = t // f["OutputPeriod"] * f["OutputPeriod"]
    found = [x(u) for u in range(start, start + f["OutputPeriod"], f["InputPeriod"])]
    found = [value for value in found if value is not None]
    if not found:
        return None
    parts = [np.array([len(found)]), np.sum(found, axis=0)]
    return np.concatenate(parts + ([np.sum(np.square(found), axis=0)] if f["IncludeVarinance"] else []))


def pooling(f: dict, x: Get, t: int) -> np.ndarray | None:
    if t % f["InputPeriod"]:
        return None
    found = [x(u) for u in range(t - f["LeftContext"], t + f["RightContext"] + 1, f["InputPeriod"])]
    found = [value for value in found if value is not None]
    if not found:
        return None
    total = np.sum(found, axis=0)
    means = total[1:] / total[0]
    if f["OutputStddevs"]:
        half = len(means) // 2
        variance = means[half:] - means[:half] ** 2
        means = np.concatenate([means[:half], np.sqrt(np.maximum(variance, f["VarianceFloor"]))])
    return np.concatenate([np.full(f["NumLogCountFeatures"], np.log(total[0])), means])


def convolution(f: dict, x: Get, t: int) -> np.ndarray | None:
    size, result = f["NumFiltersIn"], np.tile(f["BiasParams"].astype(np.float64), f["HeightOut"])
    for number, (time, height) in enumerate(f["Offsets"]):
        frame = x(t + int(time))
        if frame is None:
            if time in f["RequiredTimeOffsets"]:
                return None
            continue
        kernel = f["LinearParams"][:, number * size : (number + 1) * size]
        for out in range(f["HeightOut"]):
            row = out * f["HeightSubsampleOut"] + int(height)
            if 0 <= row < f["HeightIn"]:
                part = kernel @ frame[row * size : (row + 1) * size]
                result[out * f["NumFiltersOut"] : (out + 1) * f["NumFiltersOut"]] += part
    return result


def sums(f: dict, x: np.ndarray) -> np.ndarray:
    ends = np.cumsum(f["Sizes"])
    return np.array([x[end - size : end].sum() for end, size in zip(ends, f["Sizes"], strict=True)])


def affine(f: dict, x: np.ndarray) -> np.ndarray:
    return f["LinearParams"] @ x + f["BiasParams"]


def same(f: dict, x: np.ndarray) -> np.ndarray:
    return x


def mask(f: dict, x: Get, t: int) -> np.ndarray:
    return np.full(f["OutputDim"], 1.0 if f.get("Continuous", False) else 1.0 - f["DropoutProportion"])


COMPONENTS: dict[str, Callable] = {
    "AffineComponent": simple(affine),
    "NaturalGradientAffineComponent": simple(affine),
    "FixedAffineComponent": simple(affine),
    "LinearComponent": simple(lambda f, x: f["Params"] @ x),
    "TdnnComponent": tdnn,
    "RepeatedAffineComponent": simple(repeated),
    "NaturalGradientRepeatedAffineComponent": simple(repeated),
    "BlockAffineComponent": simple(block_affine),
    "FixedScaleComponent": simple(lambda f, x: x * f["Scales"]),
    "FixedBiasComponent": simple(lambda f, x: x + f["Bias"]),
    "PerElementScaleComponent": simple(lambda f, x: x * f["Params"]),
    "NaturalGradientPerElementScaleComponent": simple(lambda f, x: x * f["Params"]),
    "PerElementOffsetComponent": simple(lambda f, x: x + np.resize(f["Offsets"], len(x))),
    "ScaleAndOffsetComponent": simple(
        lambda f, x: x * np.resize(f["Scales"], len(x)) + np.resize(f["Offsets"], len(x))
    ),
    "ConstantFunctionComponent": simple(lambda f, x: f["Output"].astype(np.float64)),
    "RectifiedLinearComponent": simple(lambda f, x: np.maximum(x, 0)),
    "SigmoidComponent": simple(lambda f, x: sigmoid(x)),
    "TanhComponent": simple(lambda f, x: np.tanh(x)),
    "SoftmaxComponent": simple(lambda f, x: np.exp(log_softmax(x))),
    "LogSoftmaxComponent": simple(lambda f, x: log_softmax(x)),
    "BatchNormComponent": simple(batchnorm),
    "NormalizeComponent": simple(normalize),
    "NoOpComponent": simple(same),
    "DropoutComponent": simple(lambda f, x: x * (1.0 - f["DropoutProportion"])),
    "GeneralDropoutComponent": simple(same),
    "SpecAugmentTimeMaskComponent": simple(same),
    "ClipGradientComponent": simple(same),
    "BackpropTruncationComponent": simple(lambda f, x: x * f["Scale"]),
    "DropoutMaskComponent": mask,
    "ElementwiseProductComponent": simple(lambda f, x: np.prod(blocks(x, f["OutputDim"]), axis=0)),
    "PnormComponent": simple(
        lambda f, x: np.array([np.linalg.norm(b) for b in blocks(x, f["InputDim"] // f["OutputDim"])])
    ),
    "SumGroupComponent": simple(sums),
    "SumBlockComponent": simple(lambda f, x: f["Scale"] * np.sum(blocks(x, f["OutputDim"]), axis=0)),
    "PermuteComponent": simple(lambda f, x: x[f["ColumnMap"]]),
    "StatisticsExtractionComponent": extraction,
    "StatisticsPoolingComponent": pooling,
    "TimeHeightConvolutionComponent": convolution,
    "LstmNonlinearityComponent": simple(lstm),
}
