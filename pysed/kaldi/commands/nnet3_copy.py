"""nnet3-copy: copy, convert or edit a raw nnet3 network."""

from pysed.kaldi.commands.nnet3_am_copy import edit, read_config
from pysed.kaldi.messages import log
from pysed.kaldi.nnet3.edits import prepare_for_test, refuse, set_batchnorm_test_mode, set_learning_rate
from pysed.kaldi.nnet3.reader import read_nnet
from pysed.kaldi.nnet3.writer import write_nnet
from pysed.kaldi.options import OptionParser
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import read_object, write_object

USAGE = """Copy 'raw' nnet3 neural network to standard output

Usage:  nnet3-copy [options] <nnet-in> <nnet-out>
e.g.:
 nnet3-copy --binary=false 0.raw text.raw
"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    parser = OptionParser("nnet3-copy", USAGE)
    parser.register("binary", True, "Write output in binary mode")
    parser.register("learning-rate", -1.0, "If supplied, the learning rates of updatable components")
    parser.register("nnet-config", "", "nnet3 config file that adds or replaces components or nodes")
    parser.register("edits-config", "", "Name of edits-config file (applied after nnet-config)")
    parser.register("edits", "", "Inline alternative to --edits-config; semicolons separate lines")
    parser.register("scale", 1.0, "Not supported other than 1")
    parser.register("prepare-for-test", False, "Set test mode in dropout and batch-norm components, remove orphans")
    parser.register("batchnorm-test-mode", False, "Batch-norm components' test mode is set to this value")
    options, (source, target) = parser.parse(argv, 2)
    if options.scale != 1.0:
        raise refuse("scale")
    nnet = read_nnet(read_object(source))
    read_config(nnet, options.nnet_config)
    if options.learning_rate >= 0:
        set_learning_rate(nnet, options.learning_rate)
    edit(nnet, options.edits_config, options.edits)
    if options.prepare_for_test:
        prepare_for_test(nnet)
    else:
        set_batchnorm_test_mode(nnet, options.batchnorm_test_mode)
    writer = KaldiWriter(options.binary)
    write_nnet(nnet, writer)
    write_object(target, bytes(writer))
    log(f"Copied raw neural net from {source} to {target}")
    return 0
