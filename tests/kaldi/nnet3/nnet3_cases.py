"""Small networks and components with random numbers, in the form in which a file holds them."""

import numpy as np

from pysed.kaldi.nnet3.components import Component
from pysed.kaldi.nnet3.config import apply_config
from pysed.kaldi.nnet3.model import AcousticModel, Nnet
from pysed.kaldi.transitions import HmmState, TransitionModel

EMPTY = np.zeros(0, np.float32)
RATES = {"LearningRateFactor": np.float32(0.5), "MaxChange": np.float32(0.75), "LearningRate": np.float32(0.001)}
STATS = {
    "ValueAvg": EMPTY,
    "DerivAvg": EMPTY,
    "Count": np.float64(0),
    "OderivRms": EMPTY,
    "OderivCount": np.float64(0),
    "NumDimsSelfRepaired": np.float64(0),
    "NumDimsProcessed": np.float64(0),
}


def real(value: float) -> np.float32:
    return np.float32(value)


def components(seed: int = 1) -> dict[str, Component]:
    """One component of each type that the evaluator knows, variants under ``type/variant``, all of small width."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def positive(size: int) -> np.ndarray:
        return rng.uniform(0.5, 2.0, size).astype(np.float32)

    def integers(*values: int) -> np.ndarray:
        return np.array(values, np.int32)

    affine = {"LinearParams": normal(5, 6), "BiasParams": normal(5)}
    natural = {"RankIn": 2, "RankOut": 3, "UpdatePeriod": 4, "NumSamplesHistory": real(2000), "Alpha": real(4)}
    tdnn = {
        "OrthonormalConstraint": real(-1),
        "UseNaturalGradient": True,
        "NumSamplesHistory": real(2000),
        "AlphaInOut": (real(4), real(4)),
        "RankInOut": (2, 3),
    }
    batchnorm = {"Epsilon": real(0.001), "TargetRms": real(0.5), "TestMode": True, "Count": np.float64(100)}
    convolution = {
        "Model": True,
        "NumFiltersIn": 2,
        "NumFiltersOut": 3,
        "HeightIn": 4,
        "HeightOut": 2,
        "HeightSubsampleOut": 2,
        "Offsets": np.array([(-1, -1), (-1, 0), (0, 0), (0, 1), (1, 1)], np.int32),
        "RequiredTimeOffsets": integers(0),
        "LinearParams": normal(3, 10),
        "BiasParams": normal(3),
        "MaxMemoryMb": real(200),
        "UseNaturalGradient": True,
        "NumMinibatchesHistory": real(4),
        "AlphaInOut": (real(4), real(4)),
        "RankInOut": (2, 3),
    }
    statistics = {"InputDim": 3, "InputPeriod": 1, "OutputPeriod": 3, "IncludeVarinance": True}
    pool = {"InputPeriod": 3, "LeftContext": 6, "RightContext": 3, "NumLogCountFeatures": 2}
    clipping = {"ClippingThreshold": real(30), "ZeroingThreshold": real(15), "ZeroingInterval": 20}
    nonlinear = {"Dim": 6, **STATS, "SelfRepairScale": real(1e-5)}
    found = {
        "AffineComponent": {**RATES, **affine},
        "NaturalGradientAffineComponent": {**RATES, **affine, **natural},
        "FixedAffineComponent": affine,
        "LinearComponent": {
            **RATES,
            "Params": normal(4, 6),
            "OrthonormalConstraint": real(0),
            "UseNaturalGradient": True,
            "RankInOut": (2, 3),
            "Alpha": real(4),
            "NumSamplesHistory": real(2000),
            "UpdatePeriod": 4,
        },
        "TdnnComponent": {
            **RATES,
            "TimeOffsets": integers(-3, 0, 2),
            "LinearParams": normal(5, 18),
            "BiasParams": normal(5),
            **tdnn,
        },
        "TdnnComponent/no bias": {
            **RATES,
            "TimeOffsets": integers(0, 1),
            "LinearParams": normal(5, 12),
            "BiasParams": EMPTY,
            **tdnn,
        },
        "RepeatedAffineComponent": {**RATES, "NumRepeats": 2, "LinearParams": normal(4, 3), "BiasParams": normal(4)},
        "NaturalGradientRepeatedAffineComponent": {
            **RATES,
            "NumRepeats": 3,
            "LinearParams": normal(4, 2),
            "BiasParams": normal(4),
        },
        "BlockAffineComponent": {**RATES, "NumBlocks": 2, "LinearParams": normal(4, 3), "BiasParams": normal(4)},
        "FixedScaleComponent": {"Scales": normal(6)},
        "FixedBiasComponent": {"Bias": normal(6)},
        "PerElementScaleComponent": {**RATES, "Params": normal(6)},
        "NaturalGradientPerElementScaleComponent": {
            **RATES,
            "Params": normal(6),
            "Rank": 8,
            "UpdatePeriod": 10,
            "NumSamplesHistory": real(2000),
            "Alpha": real(4),
            "MaxChangePerMinibatch": real(0),
        },
        "PerElementOffsetComponent": {**RATES, "Offsets": normal(3), "Dim": 6, "UseNaturalGradient": True},
        "ScaleAndOffsetComponent": {
            **RATES,
            "Dim": 6,
            "Scales": normal(2),
            "Offsets": normal(2),
            "UseNaturalGradient": True,
            "Rank": 20,
        },
        "ConstantFunctionComponent": {
            **RATES,
            "InputDim": 6,
            "Output": normal(4),
            "IsUpdatable": False,
            "UseNaturalGradient": True,
        },
        "RectifiedLinearComponent": nonlinear,
        "SigmoidComponent": nonlinear,
        "TanhComponent": nonlinear,
        "SoftmaxComponent": nonlinear,
        "LogSoftmaxComponent": nonlinear,
        "BatchNormComponent": {"Dim": 6, "BlockDim": 6, **batchnorm, "StatsMean": normal(6), "StatsVar": positive(6)},
        "BatchNormComponent/blocks": {
            "Dim": 6,
            "BlockDim": 2,
            **batchnorm,
            "StatsMean": normal(2),
            "StatsVar": positive(2),
        },
        "NormalizeComponent": {"InputDim": 6, "TargetRms": real(0.5), "AddLogStddev": False},
        "NormalizeComponent/blocks": {"InputDim": 6, "BlockDim": 3, "TargetRms": real(2), "AddLogStddev": True},
        "NoOpComponent": {"Dim": 6, "BackpropScale": real(1)},
        "DropoutComponent": {
            "Dim": 6,
            "DropoutProportion": real(0.25),
            "DropoutPerFrame": True,
            "TestMode": False,
        },
        "GeneralDropoutComponent": {
            "Dim": 6,
            "BlockDim": 6,
            "TimePeriod": 0,
            "DropoutProportion": real(0.25),
            "Continuous": True,
        },
        "SpecAugmentTimeMaskComponent": {"Dim": 6, "ZeroedProportion": real(0.2), "TimeMaskMaxFrames": 10},
        "DropoutMaskComponent": {"OutputDim": 6, "DropoutProportion": real(0.25), "TestMode": False},
        "ElementwiseProductComponent": {"InputDim": 6, "OutputDim": 3},
        "PnormComponent": {"InputDim": 6, "OutputDim": 2},
        "SumGroupComponent": {"Sizes": integers(1, 3, 2)},
        "SumBlockComponent": {"InputDim": 6, "OutputDim": 2, "Scale": real(0.5)},
        "PermuteComponent": {"ColumnMap": integers(3, 1, 5, 0, 2, 4)},
        "ClipGradientComponent": {
            "Dim": 6,
            "ClippingThreshold": real(15),
            "NormBasedClipping": True,
            "SelfRepairClippedProportionThreshold": real(1),
            "SelfRepairTarget": real(0),
            "SelfRepairScale": real(0),
            "NumElementsClipped": 0,
            "NumElementsProcessed": 0,
            "NumSelfRepaired": 0,
            "NumBackpropped": 0,
        },
        "BackpropTruncationComponent": {
            "Dim": 6,
            "Scale": real(0.9),
            **clipping,
            "RecurrenceInterval": 1,
            "NumElementsClipped": np.float64(3),
            "NumElementsZeroed": np.float64(0),
            "NumElementsProcessed": np.float64(123456789),
            "NumZeroingBoundaries": np.float64(0),
        },
        "StatisticsExtractionComponent": statistics,
        "StatisticsExtractionComponent/mean": {**statistics, "IncludeVarinance": False, "OutputPeriod": 1},
        "StatisticsPoolingComponent": {"InputDim": 7, **pool, "OutputStddevs": True, "VarianceFloor": real(1e-10)},
        "TimeHeightConvolutionComponent": {**RATES, **convolution},
        "LstmNonlinearityComponent": {**RATES, "Params": normal(3, 2), **LSTM_STATS, "UseDropout": False},
        "LstmNonlinearityComponent/dropout": {**RATES, "Params": normal(3, 2), **LSTM_STATS, "UseDropout": True},
    }
    return {name: Component(name.split("/")[0], dict(fields), name) for name, fields in found.items()}


LSTM_STATS = {
    "ValueAvg": np.zeros((5, 2), np.float32),
    "DerivAvg": np.zeros((5, 2), np.float32),
    "SelfRepairConfig": np.zeros(10, np.float32),
    "SelfRepairProb": np.zeros(5, np.float32),
    "Count": np.float64(0),
}


def network(config: str, components: dict[str, Component] | None = None) -> Nnet:
    """A network from configuration lines over components that are given or that the lines define."""
    nnet = Nnet(components=dict(components or {}), place="tiny")
    apply_config(nnet, config, "config")
    return nnet


def features(num_frames: int, dim: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((num_frames, dim)).astype(np.float32)


TDNNF = """
input-node name=ivector dim=3
input-node name=input dim=4
component name=lda type=FixedAffineComponent input-dim=15 output-dim=15
component-node name=lda component=lda input=Append(Offset(input,-1), input, Offset(input,1), ReplaceIndex(ivector,t,0))
component name=tdnn1.affine type=NaturalGradientAffineComponent input-dim=15 output-dim=8
component-node name=tdnn1.affine component=tdnn1.affine input=lda
{tdnn1}
component name=f2.linear type=TdnnComponent input-dim=8 output-dim=3 time-offsets=-3,0 use-bias=false
component-node name=f2.linear component=f2.linear input=tdnn1.dropout
component name=f2.affine type=TdnnComponent input-dim=3 output-dim=8 time-offsets=0,3
component-node name=f2.affine component=f2.affine input=f2.linear
{f2}
component name=f2.noop type=NoOpComponent dim=8
component-node name=f2.noop component=f2.noop input=Sum(Scale(0.66, tdnn1.dropout), f2.dropout)
component name=prefinal-l type=LinearComponent input-dim=8 output-dim=5
component-node name=prefinal-l component=prefinal-l input=f2.noop
component name=prefinal.affine type=NaturalGradientAffineComponent input-dim=5 output-dim=8
component-node name=prefinal.affine component=prefinal.affine input=prefinal-l
{prefinal}
component name=output.affine type=NaturalGradientAffineComponent input-dim=8 output-dim=6
component-node name=output.affine component=output.affine input=prefinal.dropout
output-node name=output input=output.affine
output-node name=output-xent input=prefinal.dropout
"""
_LAYER = """
component name={0}.relu type=RectifiedLinearComponent dim=8 self-repair-scale=1.0e-05
component-node name={0}.relu component={0}.relu input={0}.affine
component name={0}.batchnorm type=BatchNormComponent dim=8
component-node name={0}.batchnorm component={0}.batchnorm input={0}.relu
component name={0}.dropout type=GeneralDropoutComponent dim=8 dropout-proportion=0.1 continuous=true
component-node name={0}.dropout component={0}.dropout input={0}.batchnorm
"""


def tdnnf_network() -> Nnet:
    """A TDNN-F chain network of the usual shape, as trained: its batch normalisations have statistics."""
    nnet = network(TDNNF.format(**{name: _LAYER.format(name) for name in ("tdnn1", "f2", "prefinal")}))
    rng = np.random.default_rng(3)
    for component in nnet.components.values():
        if component.type == "BatchNormComponent":
            component.fields["Count"] = np.float64(1000)
            component.fields["StatsMean"] = rng.uniform(0, 1, 8).astype(np.float32)
            component.fields["StatsVar"] = rng.uniform(0.1, 2, 8).astype(np.float32)
    return nnet


def acoustic_model(nnet: Nnet | None = None) -> AcousticModel:
    """A network of six pdfs with a transition model of three phones, one pdf for entering and one for staying each."""
    states = (HmmState(0, 1, ((0, 0.5), (1, 0.5))), HmmState(-1, -1, ()))
    tuples = np.array([(phone, 0, 2 * phone - 2, 2 * phone - 1) for phone in (1, 2, 3)], np.int32)
    log_probs = np.concatenate([np.zeros(1), np.log([0.5, 0.5, 0.25, 0.75, 0.9, 0.1])]).astype(np.float32)
    transitions = TransitionModel((states,), np.array([-1, 0, 0, 0], np.int32), tuples, log_probs)
    return AcousticModel(tdnnf_network() if nnet is None else nnet, transitions, 4, 4)
