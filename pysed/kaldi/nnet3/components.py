"""The components an nnet3 model may hold: which tokens each is stored with, and its widths.

A component is kept as the ordered fields of its file form, so that writing it gives back what was read.
Source: the Read() and Write() functions of Kaldi ``src/nnet3/nnet-*-component.cc``.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysed.errors import DataError

# Field kinds: i integer, r real, d real of 8 bytes, b boolean, v vector, m matrix, I integers, p pairs of integers,
# ii / rr two of a kind under one token, - a token alone.
_UPDATABLE = "LearningRateFactor:r IsGradient:b MaxChange:r L2Regularize:r LearningRate:r "
_NONLINEAR = (
    "Dim:i BlockDim:i ValueAvg:v DerivAvg:v Count:d OderivRms:v OderivCount:d NumDimsSelfRepaired:d "
    "NumDimsProcessed:d SelfRepairLowerThreshold:r SelfRepairUpperThreshold:r SelfRepairScale:r"
)
_GRU = (
    "CellDim:i RecurrentDim:i w_h:m ValueAvg:v DerivAvg:v SelfRepairTotal:d Count:d SelfRepairThreshold:r "
    "SelfRepairScale:r Alpha:r RankInOut:ii Rank:i UpdatePeriod:i"
)
_SPECIFICATIONS = {
    "AffineComponent": _UPDATABLE + "LinearParams:m BiasParams:v OrthonormalConstraint:r",
    "NaturalGradientAffineComponent": _UPDATABLE
    + "LinearParams:m BiasParams:v RankIn:i RankOut:i OrthonormalConstraint:r UpdatePeriod:i NumSamplesHistory:r "
    "Alpha:r MaxChangePerSample:r UpdateCount:r ActiveScalingCount:r MaxChangeScaleStats:r",
    "LinearComponent": _UPDATABLE
    + "Params:m OrthonormalConstraint:r UseNaturalGradient:b RankInOut:ii Alpha:r NumSamplesHistory:r UpdatePeriod:i",
    "TdnnComponent": _UPDATABLE
    + "TimeOffsets:I LinearParams:m BiasParams:v OrthonormalConstraint:r UseNaturalGradient:b NumSamplesHistory:r "
    "AlphaInOut:rr Alpha:r RankInOut:ii",
    "FixedAffineComponent": "LinearParams:m BiasParams:v",
    "FixedScaleComponent": "Scales:v",
    "FixedBiasComponent": "Bias:v",
    "RepeatedAffineComponent": _UPDATABLE + "NumRepeats:i LinearParams:m BiasParams:v",
    "NaturalGradientRepeatedAffineComponent": _UPDATABLE + "NumRepeats:i LinearParams:m BiasParams:v",
    "BlockAffineComponent": _UPDATABLE + "NumBlocks:i LinearParams:m BiasParams:v",
    "PerElementScaleComponent": _UPDATABLE + "Params:v",
    "NaturalGradientPerElementScaleComponent": _UPDATABLE
    + "Params:v Rank:i UpdatePeriod:i NumSamplesHistory:r Alpha:r MaxChangePerMinibatch:r",
    "PerElementOffsetComponent": _UPDATABLE + "Offsets:v Dim:i UseNaturalGradient:b",
    "ScaleAndOffsetComponent": _UPDATABLE + "Dim:i Scales:v Offsets:v UseNaturalGradient:b Rank:i",
    "ConstantFunctionComponent": _UPDATABLE + "InputDim:i Output:v IsUpdatable:b UseNaturalGradient:b",
    "ConstantComponent": _UPDATABLE + "Output:v IsUpdatable:b UseNaturalGradient:b",
    "RectifiedLinearComponent": _NONLINEAR,
    "SigmoidComponent": _NONLINEAR,
    "TanhComponent": _NONLINEAR,
    "SoftmaxComponent": _NONLINEAR,
    "LogSoftmaxComponent": _NONLINEAR,
    "BatchNormComponent": "Dim:i BlockDim:i Epsilon:r TargetRms:r TestMode:b Count:d StatsMean:v StatsVar:v",
    "NormalizeComponent": "InputDim:i Dim:i BlockDim:i TargetRms:r AddLogStddev:b ValueAvg:v DerivAvg:v Count:r",
    "NoOpComponent": "Dim:i ValueAvg:v DerivAvg:v Count:r OderivRms:v OderivCount:r NumDimsSelfRepaired:r "
    "NumDimsProcessed:r BackpropScale:r",
    "DropoutComponent": "Dim:i DropoutProportion:r DropoutPerFrame:b TestMode:b",
    "GeneralDropoutComponent": "Dim:i BlockDim:i TimePeriod:i DropoutProportion:r SpecAugmentMaxProportion:r "
    "SpecAugmentMaxRegions:i TestMode:- Continuous:-",
    "DropoutMaskComponent": "OutputDim:i DropoutProportion:r TestMode:b Continuous:-",
    "SpecAugmentTimeMaskComponent": "Dim:i ZeroedProportion:r TimeMaskMaxFrames:i TestMode:-",
    "ElementwiseProductComponent": "InputDim:i OutputDim:i",
    "PnormComponent": "InputDim:i OutputDim:i",
    "SumGroupComponent": "Sizes:I",
    "SumBlockComponent": "InputDim:i OutputDim:i Scale:r",
    "PermuteComponent": "ColumnMap:I",
    "ClipGradientComponent": "Dim:i ClippingThreshold:r NormBasedClipping:b SelfRepairClippedProportionThreshold:r "
    "SelfRepairTarget:r SelfRepairScale:r NumElementsClipped:i NumElementsProcessed:i NumSelfRepaired:i "
    "NumBackpropped:i",
    "BackpropTruncationComponent": "Dim:i Scale:r ClippingThreshold:r ZeroingThreshold:r ZeroingInterval:i "
    "RecurrenceInterval:i NumElementsClipped:d NumElementsZeroed:d NumElementsProcessed:d NumZeroingBoundaries:d",
    "StatisticsExtractionComponent": "InputDim:i InputPeriod:i OutputPeriod:i IncludeVarinance:b",
    "StatisticsPoolingComponent": "InputDim:i InputPeriod:i LeftContext:i RightContext:i NumLogCountFeatures:i "
    "OutputStddevs:b VarianceFloor:r",
    "TimeHeightConvolutionComponent": _UPDATABLE
    + "Model:- ConvolutionModel:- NumFiltersIn:i NumFiltersOut:i HeightIn:i HeightOut:i HeightSubsampleOut:i Offsets:p "
    "RequiredTimeOffsets:I /ConvolutionModel:- LinearParams:m BiasParams:v MaxMemoryMb:r UseNaturalGradient:b "
    "NumMinibatchesHistory:r AlphaInOut:rr RankInOut:ii",
    "LstmNonlinearityComponent": _UPDATABLE
    + "Params:m ValueAvg:m DerivAvg:m SelfRepairConfig:v SelfRepairProb:v UseDropout:b Count:d",
    "GruNonlinearityComponent": _UPDATABLE + _GRU,
    "OutputGruNonlinearityComponent": _UPDATABLE + _GRU,
}
SCHEMAS: dict[str, dict[str, str]] = {
    kind: dict(entry.split(":") for entry in text.split()) for kind, text in _SPECIFICATIONS.items()
}
IDENTITIES = {
    "NoOpComponent",
    "GeneralDropoutComponent",
    "SpecAugmentTimeMaskComponent",
    "ClipGradientComponent",
}
AFFINE = {"AffineComponent", "NaturalGradientAffineComponent", "FixedAffineComponent"}
_WIDTHS = {  # (field of the input width, field of the output width)
    **{kind: ("Dim", "Dim") for kind, schema in SCHEMAS.items() if "Dim" in schema},
    **{kind: ("InputDim", "OutputDim") for kind, schema in SCHEMAS.items() if {"InputDim", "OutputDim"} <= set(schema)},
}
MAX_DIM = 1 << 20


@dataclass
class Component:
    """One component: its type, the fields of its file form in their order, and the place it was read from."""

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    place: str = "component"

    def __getitem__(self, token: str) -> Any:
        try:
            return self.fields[token]
        except KeyError:
            raise DataError(f"{self.place}: {self.type} without <{token}>; the model is damaged") from None

    def get(self, token: str, default: Any = None) -> Any:
        """The field, or the default where it is not stored."""
        return self.fields.get(token, default)

    @property
    def updatable(self) -> bool:
        """True for components that training changes."""
        return "LearningRate" in SCHEMAS[self.type]

    def fail(self, message: str) -> DataError:
        """A DataError that names the component."""
        return DataError(f"{self.place}: {self.type}: {message}")

    def dims(self) -> tuple[int, int]:
        """(input width, output width). Raises DataError where fields contradict each other."""
        dim_in, dim_out = self._dims()
        least = 0 if self.type in _WITHOUT_INPUT else 1
        if not (least <= dim_in <= MAX_DIM and 0 < dim_out <= MAX_DIM):
            raise self.fail(f"widths {dim_in} and {dim_out}")
        return int(dim_in), int(dim_out)

    def _dims(self) -> tuple[int, int]:
        kind = self.type
        if kind in AFFINE:
            return self._matrix_dims(self["LinearParams"], self["BiasParams"])
        if kind == "LinearComponent":
            return self["Params"].shape[1], self["Params"].shape[0]
        if kind == "TdnnComponent":
            rows, columns = self["LinearParams"].shape
            offsets = len(self["TimeOffsets"])
            if offsets == 0 or columns % offsets or len(self["BiasParams"]) not in (0, rows):
                raise self.fail(f"{rows} x {columns} parameters do not fit {offsets} time offsets or the bias")
            return columns // offsets, rows
        if kind.endswith("RepeatedAffineComponent"):
            dim_in, dim_out = self._matrix_dims(self["LinearParams"], self["BiasParams"])
            return dim_in * self["NumRepeats"], dim_out * self["NumRepeats"]
        if kind == "BlockAffineComponent":
            dim_in, dim_out = self._matrix_dims(self["LinearParams"], self["BiasParams"])
            if self["NumBlocks"] < 1 or dim_out % self["NumBlocks"]:
                raise self.fail(f"{dim_out} rows in {self['NumBlocks']} blocks")
            return dim_in * self["NumBlocks"], dim_out
        for token in ("Scales", "Bias", "Params", "Offsets", "ColumnMap"):
            if token in SCHEMAS[kind] and "Dim" not in self.fields and kind not in _OWN_WIDTHS:
                return len(self[token]), len(self[token])
        if kind in _OWN_WIDTHS:
            return _OWN_WIDTHS[kind](self)
        if kind in ("NormalizeComponent",):
            dim = self.get("InputDim", self.get("Dim", 0))
            block = self.get("BlockDim", dim)
            if block < 1 or dim % block:
                raise self.fail(f"width {dim} in blocks of {block}")
            return dim, dim + (dim // block if self.get("AddLogStddev", False) else 0)
        token_in, token_out = _WIDTHS[kind]
        return self[token_in], self[token_out]

    def _matrix_dims(self, matrix: np.ndarray, bias: np.ndarray) -> tuple[int, int]:
        if len(bias) != matrix.shape[0]:
            raise self.fail(f"{matrix.shape[0]} rows of parameters, {len(bias)} of bias")
        return matrix.shape[1], matrix.shape[0]

    def num_parameters(self) -> int:
        """How many trainable numbers it holds (0 for a component that is not updatable)."""
        if not self.updatable:
            return 0
        names = ("LinearParams", "BiasParams", "Params", "Scales", "Offsets", "Output", "w_h")
        if not self.get("IsUpdatable", True):
            return 0
        return sum(self.fields[n].size for n in names if n in self.fields and SCHEMAS[self.type][n] in "vm")


def _extraction_dims(c: Component) -> tuple[int, int]:
    return c["InputDim"], 1 + c["InputDim"] * (2 if c["IncludeVarinance"] else 1)


def _convolution_dims(c: Component) -> tuple[int, int]:
    return c["NumFiltersIn"] * c["HeightIn"], c["NumFiltersOut"] * c["HeightOut"]


def _lstm_dims(c: Component) -> tuple[int, int]:
    cell = c["Params"].shape[1]
    return cell * 5 + (3 if c.get("UseDropout", False) else 0), cell * 2


def _gru_dims(c: Component) -> tuple[int, int]:
    cell, recurrent = c["CellDim"], c["RecurrentDim"]
    return (4 * cell, 2 * cell) if cell == recurrent else (3 * cell + 2 * recurrent, 2 * cell)


_WITHOUT_INPUT = ("ConstantComponent", "DropoutMaskComponent")
_OWN_WIDTHS = {
    "StatisticsExtractionComponent": _extraction_dims,
    "StatisticsPoolingComponent": lambda c: (c["InputDim"], c["InputDim"] - 1 + c["NumLogCountFeatures"]),
    "TimeHeightConvolutionComponent": _convolution_dims,
    "LstmNonlinearityComponent": _lstm_dims,
    "GruNonlinearityComponent": _gru_dims,
    "OutputGruNonlinearityComponent": lambda c: (3 * c["CellDim"], 2 * c["CellDim"]),
    "ConstantFunctionComponent": lambda c: (c["InputDim"], len(c["Output"])),
    "ConstantComponent": lambda c: (0, len(c["Output"])),
    "DropoutMaskComponent": lambda c: (0, c["OutputDim"]),
    "SumGroupComponent": lambda c: (int(np.sum(c["Sizes"], dtype=np.int64)), len(c["Sizes"])),
}
