"""ali-to-phones: alignments of transition-ids turned into phones."""

import struct
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Source
from pysed.kaldi.holders import Kind
from pysed.kaldi.messages import log
from pysed.kaldi.options import OptionParser
from pysed.kaldi.phones import split_to_phones
from pysed.kaldi.tables import TableWriter, int_vectors, open_output
from pysed.kaldi.transitions import read_transition_model

_USAGE = """Convert model-level alignments to phone-sequences (in integer, not text, form)
Usage:  ali-to-phones  [options] <model> <alignments-rspecifier> <phone-transcript-wspecifier|ctm-wxfilename>
e.g.:
 ali-to-phones 1.mdl ark:1.ali ark:-
or:
 ali-to-phones --ctm-output 1.mdl ark:1.ali 1.ctm"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    parser = OptionParser("ali-to-phones", _USAGE)
    parser.register("ctm-output", False, "If true, output the alignments in ctm format (the confidences will be 1)")
    parser.register("frame-shift", 0.01, "frame shift used to control the times of the ctm output")
    parser.register("per-frame", False, "If true, write out the frame-level phone alignment (else phone sequence)")
    parser.register("write-lengths", False, "If true, write the #frames for each phone (different format)")
    options, (model, alignments, target) = parser.parse(argv, 3)
    if options.per_frame and options.write_lengths:
        raise DataError("command line: --per-frame and --write-lengths exclude each other")
    if not 0 < options.frame_shift < np.inf:
        raise DataError(f"--frame-shift={options.frame_shift:g}: expected a positive number of seconds")
    transitions = read_transition_model(model)
    count = 0
    with ExitStack() as stack:
        write = _writer(stack, target, options)
        for key, alignment in int_vectors(alignments):
            try:
                phones = split_to_phones(transitions, alignment)
            except DataError as error:
                raise DataError(f"utterance {key}: {error}") from None
            write(key, phones)
            count += 1
    log(f"Done {count} utterances.")
    return 0


def _writer(stack: ExitStack, target: str, options) -> Callable[[str, list[tuple[int, int]]], None]:
    if options.ctm_output:
        sink = stack.enter_context(open_output(target))
        return lambda key, phones: sink.write(ctm(key, phones, options.frame_shift).encode())
    if options.write_lengths:
        table = stack.enter_context(TableWriter(target, _PAIRS))
        return table.write
    table = stack.enter_context(TableWriter(target, "int_vector"))
    if options.per_frame:
        return lambda key, phones: table.write(key, [phone for phone, length in phones for _ in range(length)])
    return lambda key, phones: table.write(key, [phone for phone, _ in phones])


def ctm(key: str, phones: list[tuple[int, int]], frame_shift: float) -> str:
    """ctm lines ``key 1 start duration phone`` of (phone, frames) pairs, in seconds.

    As in Kaldi times are summed in single precision, and have three decimals where that makes the
    frame shift less than 0.01, as it does 0.01 itself.
    """
    shift, start = np.float32(frame_shift), np.float32(0)
    digits = 2 if float(shift) >= 0.01 else 3
    lines = []
    for phone, num_frames in phones:
        duration = shift * np.float32(num_frames)
        lines.append(f"{key} 1 {start:.{digits}f} {duration:.{digits}f} {phone}\n")
        start += duration
    return "".join(lines)


def _read_pairs(source: Source, binary: bool) -> list[tuple[int, int]]:
    raise source.fail("lengths of phones are written only")


def _write_pairs(value: list[tuple[int, int]], binary: bool) -> list[bytes]:
    if not binary:
        return [(" ; ".join(f"{first} {second}" for first, second in value) + " \n").encode() if value else b"\n"]
    head = struct.pack("<bi", 4, len(value))
    return [head, *(struct.pack("<bibi", 4, first, 4, second) for first, second in value)]


_PAIRS = Kind("pairs", _read_pairs, _write_pairs)
