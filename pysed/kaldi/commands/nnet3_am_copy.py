"""nnet3-am-copy: copy, convert, edit or cut an nnet3 acoustic model."""

from pysed.errors import DataError
from pysed.kaldi.messages import log
from pysed.kaldi.nnet3.edits import apply_edits, prepare_for_test, refuse, set_learning_rate
from pysed.kaldi.nnet3.reader import read_model, read_nnet
from pysed.kaldi.nnet3.writer import write_model, write_nnet
from pysed.kaldi.options import OptionParser
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import read_object, write_object

USAGE = """Copy nnet3 neural-net acoustic model file; supports conversion to raw model (--raw=true).

Usage:  nnet3-am-copy [options] <nnet-in> <nnet-out>
e.g.:
 nnet3-am-copy --binary=false 1.mdl text.mdl
 nnet3-am-copy --raw=true 1.mdl 1.raw
"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    parser = OptionParser("nnet3-am-copy", USAGE)
    parser.register("binary", True, "Write output in binary mode")
    parser.register("raw", False, "If true, write only 'raw' neural net without transition model and priors.")
    parser.register("set-raw-nnet", "", "Set the raw nnet inside the model to the one in this file")
    parser.register("convert-repeated-to-block", False, "Not supported")
    parser.register("nnet-config", "", "nnet3 config file that adds or replaces components or nodes")
    parser.register("edits-config", "", "Name of edits-config file (applied after nnet-config)")
    parser.register("edits", "", "Inline alternative to --edits-config; semicolons separate lines")
    parser.register("learning-rate", -1.0, "If supplied, the learning rates of updatable components")
    parser.register("scale", 1.0, "Not supported other than 1")
    parser.register("prepare-for-test", False, "Set test mode in dropout and batch-norm components, remove orphans")
    options, (source, target) = parser.parse(argv, 2)
    if options.convert_repeated_to_block:
        raise refuse("convert-repeated-to-block")
    if options.scale != 1.0:
        raise refuse("scale")
    model = read_model(read_object(source))
    if options.set_raw_nnet:
        model.nnet = read_nnet(read_object(options.set_raw_nnet))
    nnet = model.nnet
    read_config(nnet, options.nnet_config)
    if options.learning_rate >= 0:
        set_learning_rate(nnet, options.learning_rate)
    edit(nnet, options.edits_config, options.edits)
    if not nnet.is_simple():
        raise DataError(f"{source}: the network needs an input 'input', perhaps 'ivector', and an output 'output'")
    if options.set_raw_nnet or options.nnet_config or options.edits_config or options.edits:
        # A network that is copied as it is keeps its context, and need not be one that could be computed here.
        from pysed.kaldi.nnet3.indexes import context

        model.left_context, model.right_context = context(nnet)
    if len(model.priors) not in (0, nnet.output_dim()):
        log(f"Removing {len(model.priors)} priors, which do not fit an output of width {nnet.output_dim()}")
        model.priors = model.priors[:0]
    if options.prepare_for_test:
        prepare_for_test(nnet)
    writer = KaldiWriter(options.binary)
    if options.raw:
        write_nnet(nnet, writer)
    else:
        write_model(model, writer)
    write_object(target, bytes(writer))
    log(f"Copied neural net from {source} to {'raw format as ' if options.raw else ''}{target}")
    return 0


def read_config(nnet, rxfilename: str) -> None:
    """Apply the configuration in a file or from a command; nothing for an empty name."""
    if rxfilename:
        from pysed.kaldi.nnet3.config import apply_config

        apply_config(nnet, read_text(rxfilename), rxfilename)


def edit(nnet, rxfilename: str, inline: str) -> None:
    """Apply the edits of a file and those given inline."""
    for text, place in ((read_text(rxfilename) if rxfilename else "", rxfilename), (inline, "--edits")):
        for line in apply_edits(nnet, text, place):
            log(line)


def read_text(rxfilename: str) -> str:
    """A text file's or command's content. Raises DataError where it is not text."""
    try:
        return read_object(rxfilename).data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{rxfilename}: not a text file") from None
