"""Writing nnet3 networks and acoustic models in Kaldi's formats, binary and text.

Source: Kaldi ``src/nnet3/nnet-nnet.cc`` (Nnet::Write), ``am-nnet-simple.cc``, ``nnet-*-component.cc``.
"""

from typing import Any

import numpy as np

from pysed.kaldi.nnet3.components import SCHEMAS, Component
from pysed.kaldi.nnet3.model import AcousticModel, Nnet
from pysed.kaldi.stream import KaldiWriter


def write_nnet(nnet: Nnet, writer: KaldiWriter) -> None:
    """Append a network in the form of a ``.raw`` file."""
    writer.token("<Nnet3>")
    writer.raw("\n" + "".join(f"{line}\n" for line in nnet.config_lines()) + "\n")
    writer.token("<NumComponents>")
    writer.int32(len(nnet.components))
    newline = "" if writer.binary else "\n"
    writer.raw(newline)
    for name, component in nnet.components.items():
        writer.token("<ComponentName>", name)
        write_component(component, writer)
        writer.raw(newline)
    writer.token("</Nnet3>")


def write_model(model: AcousticModel, writer: KaldiWriter) -> None:
    """Append an acoustic model in the form of a ``.mdl`` file."""
    model.transitions.write(writer)
    write_nnet(model.nnet, writer)
    writer.token("<LeftContext>")
    writer.int32(model.left_context)
    writer.token("<RightContext>")
    writer.int32(model.right_context)
    writer.token("<Priors>")
    writer.vector(model.priors)


def write_component(component: Component, writer: KaldiWriter) -> None:
    """Append one component: its fields in their order between its opening and closing tokens."""
    writer.token(f"<{component.type}>")
    schema = SCHEMAS[component.type]
    for token, value in component.fields.items():
        writer.token(f"<{token}>")
        _write_value(writer, schema[token], value)
    writer.token(f"</{component.type}>")


def _write_value(writer: KaldiWriter, kind: str, value: Any) -> None:
    if kind == "i":
        writer.int32(int(value))
    elif kind in ("r", "d"):
        writer.real(value, double=isinstance(value, np.float64))
    elif kind == "b":
        writer.boolean(bool(value))
    elif kind == "v":
        writer.vector(value)
    elif kind == "m":
        writer.matrix(value)
    elif kind == "I":
        writer.int_vector(value)
    elif kind == "p":
        pairs = np.asarray(value, np.int32)
        if writer.binary:
            writer.raw(b"\4" + np.int32(len(pairs)).tobytes() + pairs.astype("<i4").tobytes())
        else:
            writer.raw("[ " + "".join(f"{a},{b} " for a, b in pairs) + "]\n")
    elif kind == "ii":
        for number in value:
            writer.int32(int(number))
    elif kind == "rr":
        for number in value:
            writer.real(number, double=isinstance(number, np.float64))
