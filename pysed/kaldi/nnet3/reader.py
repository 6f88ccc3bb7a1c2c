"""Reading nnet3 networks and acoustic models, binary and text.

Source: Kaldi ``src/nnet3/nnet-nnet.cc`` (Nnet::Read), ``am-nnet-simple.cc``, ``nnet-*-component.cc``.
"""

from typing import Any

import numpy as np

from pysed.kaldi.nnet3.components import MAX_DIM, SCHEMAS, Component
from pysed.kaldi.nnet3.config import apply_config
from pysed.kaldi.nnet3.model import AcousticModel, Nnet
from pysed.kaldi.plain_numbers import plain
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.transitions import TransitionModel

_MAX_COMPONENTS = 100_000


def read_nnet(reader: KaldiReader) -> Nnet:
    """A network from a ``.raw`` file, or from a ``.mdl`` file whose other parts are passed over.

    Raises DataError, with the place, for anything malformed, truncated or unsupported.
    """
    if reader.peek_token() == "<TransitionModel>":
        return read_model(reader).nnet
    return _read_nnet(reader)


def read_model(reader: KaldiReader) -> AcousticModel:
    """An acoustic model from a ``.mdl`` file. Raises DataError."""
    if reader.peek_token() != "<TransitionModel>":
        raise reader.fail(f"expected <TransitionModel>, found {reader.peek_token()[:40]!r}; a .mdl file is needed")
    transitions = TransitionModel.read(reader)
    model = AcousticModel(_read_nnet(reader), transitions)
    reader.expect("<LeftContext>")
    model.left_context = reader.int32()
    reader.expect("<RightContext>")
    model.right_context = reader.int32()
    reader.expect("<Priors>")
    model.priors = reader.vector()
    return model


def _read_nnet(reader: KaldiReader) -> Nnet:
    reader.expect("<Nnet3>")
    if reader.line().strip():
        raise reader.fail("expected a line break after <Nnet3>")
    lines: list[str] = []
    while line := reader.line().rstrip("\r"):
        lines.append(line)
        if reader.pos >= len(reader.data):
            raise reader.fail("the network's configuration has no end; the file is truncated")
    reader.expect("<NumComponents>")
    count = reader.int32()
    if not 0 <= count < _MAX_COMPONENTS:
        raise reader.fail(f"{count} components")
    nnet = Nnet(place=reader.name)
    for _ in range(count):
        reader.expect("<ComponentName>")
        name = reader.token()
        nnet.components[name] = _read_component(reader, name)
    reader.expect("</Nnet3>")
    apply_config(nnet, "\n".join(lines), reader.name)
    return nnet


def _read_component(reader: KaldiReader, name: str) -> Component:
    opening = reader.token()
    kind = opening[1:-1]
    if opening[:1] + opening[-1:] != "<>" or kind not in SCHEMAS:
        raise reader.fail(f"component {name[:80]}: type {opening[:60]!r} is not supported")
    schema, fields = SCHEMAS[kind], {}
    while True:
        token = reader.token()
        if token == f"</{kind}>" or token == opening:  # old models end with the opening token again
            break
        # Kaldi's own writer lacks the '<' of some tokens that follow a look-ahead.
        key = token.removeprefix("<").removesuffix(">")
        if key not in schema:
            raise reader.fail(f"component {name[:80]}: {kind} with {token[:60]!r}, which is not supported")
        if key in fields:
            raise reader.fail(f"component {name[:80]}: {token[:60]!r} stands there twice")
        fields[key] = _read_value(reader, schema[key])
    component = Component(kind, fields, f"{reader.name}: component {name[:80]}")
    component.dims()
    return component


def _read_value(reader: KaldiReader, kind: str) -> Any:
    if kind == "i":
        return reader.int32()
    if kind in ("r", "d"):
        return _read_real(reader, double=kind == "d")
    if kind == "b":
        return reader.boolean()
    if kind == "v":
        return reader.vector()
    if kind == "m":
        return reader.matrix()
    if kind == "I":
        if reader.binary and reader.data[reader.pos : reader.pos + 1] == b"F":
            return _read_old_columns(reader)
        return reader.int_vector()
    if kind == "p":
        return _read_pairs(reader)
    if kind == "ii":
        return (reader.int32(), reader.int32())
    if kind == "rr":
        return (_read_real(reader), _read_real(reader))
    return True


def _read_old_columns(reader: KaldiReader) -> np.ndarray:
    """A column map as models of 2015 have it: rounded to reals, the last one wrong. (N,) int32."""
    values = reader.vector()
    if not (len(values) and np.all((values >= 0) & (values < MAX_DIM))):
        raise reader.fail("expected a map of columns")
    columns = (values + 0.5).astype(np.int32)
    columns[-1] = len(columns) - 1
    return columns


def _read_real(reader: KaldiReader, double: bool = False) -> np.floating:
    """A real in the width it is stored in, so that writing gives the same bytes; ``double`` says how text is taken."""
    if reader.binary:
        double = reader.data[reader.pos : reader.pos + 1] == b"\x08"
    value = reader.real()
    with np.errstate(over="ignore"):
        return np.float64(value) if double else np.float32(value)


def _read_pairs(reader: KaldiReader) -> np.ndarray:
    """A vector of pairs of integers: (N, 2) int32."""
    if reader.binary:
        width = reader.take(1)[0]
        count = int(np.frombuffer(reader.take(4), "<i4")[0])
        if width != 4 or count < 0:
            raise reader.fail("expected a vector of integer pairs")
        return np.frombuffer(reader.take(8 * count), "<i4").reshape(-1, 2).copy()
    reader.expect("[")
    pairs = []
    while (token := reader.token()) != "]":
        try:
            first, second = map(int, plain(token).split(","))
            pairs.append((first, second))
        except ValueError:
            raise reader.fail(f"expected a pair of integers, found {token[:40]!r}") from None
    try:
        return np.array(pairs, np.int32).reshape(-1, 2)
    except OverflowError:
        raise reader.fail("integers of more than 32 bits") from None
