"""TDNN-F chain models with random weights, of the LibriSpeech recipe's shape or smaller, for benchmarks and tests.

Source: Kaldi ``egs/librispeech/s5/local/chain/tuning/run_tdnn_1d.sh`` and the layers of its xconfig.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.config import apply_config
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.model import AcousticModel, Nnet
from pysed.kaldi.nnet3.writer import write_model
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import write_object
from pysed.kaldi.transitions import HmmState, TransitionModel


@dataclass(frozen=True)
class ModelShape:
    """Widths and time strides; the defaults are the LibriSpeech model's (21 million parameters)."""

    feature_dim: int = 40
    ivector_dim: int = 100
    dim: int = 1536
    bottleneck_dim: int = 160
    prefinal_dim: int = 256
    num_pdfs: int = 6024
    strides: Sequence[int] = (1, 1, 1, 0, *[3] * 12)


def random_nnet(shape: ModelShape | None = None) -> Nnet:
    """A network that computes finite numbers. Equal shapes give equal weights."""
    shape = ModelShape() if shape is None else shape
    nnet = Nnet(place="random model")
    apply_config(nnet, "\n".join(_lines(shape)), "random model")
    for component in nnet.components.values():
        if component.type == "BatchNormComponent":
            dim = component["Dim"]
            rng = np.random.default_rng(dim)
            component.fields["Count"] = np.float64(10000)
            component.fields["StatsMean"] = rng.uniform(0.2, 0.6, dim).astype(np.float32)
            component.fields["StatsVar"] = rng.uniform(0.2, 0.6, dim).astype(np.float32)
    return nnet


def random_model(shape: ModelShape | None = None) -> AcousticModel:
    """The network with a transition model of one state a phone, an entering and a staying pdf each.

    Raises ValueError for an odd number of pdfs.
    """
    shape = ModelShape() if shape is None else shape
    if shape.num_pdfs % 2 or shape.num_pdfs < 2:
        raise ValueError(f"{shape.num_pdfs} pdfs; expected an even number")
    num_phones = shape.num_pdfs // 2
    entry = (HmmState(0, 1, ((0, 0.5), (1, 0.5))), HmmState(-1, -1, ()))
    phones = np.arange(1, num_phones + 1)
    tuples = np.stack([phones, 0 * phones, 2 * phones - 2, 2 * phones - 1], axis=1).astype(np.int32)
    log_probs = np.full(2 * num_phones + 1, np.log(0.5), np.float32)
    log_probs[0] = 0.0
    phone_to_entry = np.zeros(num_phones + 1, np.int32)
    phone_to_entry[0] = -1
    context = 1 + sum(shape.strides)
    return AcousticModel(
        random_nnet(shape), TransitionModel((entry,), phone_to_entry, tuples, log_probs), context, context
    )


def write_random_model(path: str | Path, shape: ModelShape | None = None) -> None:
    """Write the model as a binary ``.mdl`` file."""
    writer = KaldiWriter()
    write_model(random_model(shape), writer)
    write_object(str(path), bytes(writer))


def randomise(nnet: Nnet, recordings: Sequence[tuple[np.ndarray, np.ndarray | None]], seed: int = 0) -> None:
    """Give a trained network random weights in place, its shape and fixed layers kept: a control for what it learned.

    Weights are normal with variance 1 / inputs, biases 0. Batch norms, in the order of the nodes, get the mean and
    variance of what reaches them from the ``recordings``: features (T, F) and i-vectors (T / 10, E) or None of each.
    """
    rng = np.random.default_rng(seed)
    for component in nnet.components.values():
        for key in ("LinearParams", "Params"):
            if key in component.fields and not component.type.startswith("Fixed"):
                shape = component[key].shape
                component.fields[key] = (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        if "BiasParams" in component.fields and not component.type.startswith("Fixed"):
            component.fields["BiasParams"] = np.zeros_like(component["BiasParams"])
    for node in nnet.nodes.values():
        if node.component and nnet.components[node.component].type == "BatchNormComponent":
            component = nnet.components[node.component]
            (source,) = node.sources()
            computer = NnetComputer(nnet, source, ChunkOptions(150, 3))
            values = np.concatenate([computer.compute(*recording) for recording in recordings])
            component.fields["StatsMean"] = values.mean(axis=0, dtype=np.float64).astype(np.float32)
            component.fields["StatsVar"] = values.var(axis=0, dtype=np.float64).astype(np.float32)


def _lines(shape: ModelShape) -> list[str]:
    wide, narrow = shape.dim, shape.bottleneck_dim
    spliced = 3 * shape.feature_dim + shape.ivector_dim
    lines = [f"input-node name=ivector dim={shape.ivector_dim}", f"input-node name=input dim={shape.feature_dim}"]
    window = "Append(Offset(input, -1), input, Offset(input, 1), ReplaceIndex(ivector, t, 0))"
    lines += _node("lda", f"type=FixedAffineComponent input-dim={spliced} output-dim={spliced}", window)
    lines += _node("tdnn1.affine", _affine(spliced, wide), "lda")
    lines += _nonlinear("tdnn1", "affine", wide, dropout=True)
    before = "tdnn1.dropout"
    for number, stride in enumerate(shape.strides, 2):
        name = f"tdnnf{number}"
        back, forward = (f"{-stride},0", f"0,{stride}") if stride else ("0", "0")
        lines += _node(f"{name}.linear", _tdnn(wide, narrow, back, "use-bias=false orthonormal-constraint=-1"), before)
        lines += _node(f"{name}.affine", _tdnn(narrow, wide, forward), f"{name}.linear")
        lines += _nonlinear(name, "affine", wide, dropout=True)
        lines += _node(f"{name}.noop", f"type=NoOpComponent dim={wide}", f"Sum(Scale(0.75, {before}), {name}.dropout)")
        before = f"{name}.noop"
    prefinal = shape.prefinal_dim
    lines += _node("prefinal-l", _linear(wide, prefinal), before)
    for name, output in (("prefinal-chain", "output"), ("prefinal-xent", "output-xent")):
        lines += _node(f"{name}.affine", _affine(prefinal, wide), "prefinal-l")
        lines += _nonlinear(name, "affine", wide, batchnorm="batchnorm1")
        lines += _node(f"{name}.linear", _linear(wide, prefinal), f"{name}.batchnorm1")
        lines += _node(f"{name}.batchnorm2", f"type=BatchNormComponent dim={prefinal}", f"{name}.linear")
        lines += _node(f"{output}.affine", _affine(prefinal, shape.num_pdfs), f"{name}.batchnorm2")
    lines.append("output-node name=output input=output.affine objective=linear")
    lines += _node("output-xent.log-softmax", f"type=LogSoftmaxComponent dim={shape.num_pdfs}", "output-xent.affine")
    lines.append("output-node name=output-xent input=output-xent.log-softmax objective=linear")
    return lines


def _node(name: str, settings: str, source: str) -> list[str]:
    return [f"component name={name} {settings}", f"component-node name={name} component={name} input={source}"]


def _affine(dim_in: int, dim_out: int) -> str:
    return (
        f"type=NaturalGradientAffineComponent input-dim={dim_in} output-dim={dim_out} bias-stddev=0.1 max-change=0.75"
    )


def _linear(dim_in: int, dim_out: int) -> str:
    return f"type=LinearComponent input-dim={dim_in} output-dim={dim_out} orthonormal-constraint=-1 max-change=0.75"


def _tdnn(dim_in: int, dim_out: int, offsets: str, more: str = "bias-stddev=0.1") -> str:
    return f"type=TdnnComponent input-dim={dim_in} output-dim={dim_out} time-offsets={offsets} {more} max-change=0.75"


def _nonlinear(name: str, source: str, dim: int, batchnorm: str = "batchnorm", dropout: bool = False) -> list[str]:
    lines = _node(
        f"{name}.relu", f"type=RectifiedLinearComponent dim={dim} self-repair-scale=1e-05", f"{name}.{source}"
    )
    lines += _node(f"{name}.{batchnorm}", f"type=BatchNormComponent dim={dim}", f"{name}.relu")
    if dropout:
        settings = f"type=GeneralDropoutComponent dim={dim} dropout-proportion=0 continuous=true"
        lines += _node(f"{name}.dropout", settings, f"{name}.{batchnorm}")
    return lines
