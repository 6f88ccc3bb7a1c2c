"""lattice-best-path: the words and the alignment of a lattice's best path."""

import sys
from contextlib import ExitStack

from pysed.errors import DataError
from pysed.kaldi.lattice import best_path, scale_lattice
from pysed.kaldi.lattice_tables import lattices
from pysed.kaldi.messages import log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.phones import read_symbols
from pysed.kaldi.tables import TableWriter

_USAGE = """Generate 1-best path through lattices; output as transcriptions and alignments
Usage: lattice-best-path [options]  <lattice-rspecifier> [ <transcriptions-wspecifier> [ <alignments-wspecifier>] ]
 e.g.: lattice-best-path --acoustic-scale=0.1 ark:1.lats 'ark,t:|int2sym.pl -f 2- words.txt > text' ark:1.ali"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code, 1 where no lattice had a path."""
    parser = OptionParser("lattice-best-path", _USAGE)
    parser.register("acoustic-scale", 1.0, "Scaling factor for acoustic likelihoods")
    parser.register("lm-scale", 1.0, "Scaling factor for LM probabilities; only its ratio to the other matters")
    parser.register("word-symbol-table", "", "Symbol table for words [for debug output]")
    options, arguments = parser.parse(argv, range(1, 4))
    symbols = read_symbols(options.word_symbol_table) if options.word_symbol_table else None
    scale = [[options.lm_scale, 0.0], [0.0, options.acoustic_scale]]
    done = failed = num_frames = 0
    graph = acoustic = 0.0
    with ExitStack() as stack:
        words, alignments = (
            stack.enter_context(TableWriter(target, "int_vector")) if target else None
            for target in (arguments[1:] + ["", ""])[:2]
        )
        for key, lattice in lattices(arguments[0]):
            try:
                path = best_path(scale_lattice(lattice, scale))
            except DataError as error:
                raise DataError(f"{key}: {error}") from None
            if path is None:
                warn(f"Best-path failed for key {key}")
                failed += 1
                continue
            log(
                f"For utterance {key}, best cost {path.graph:g} + {path.acoustic:g} = {path.cost:g} "
                f"over {len(path.ids)} frames."
            )
            if words is not None:
                words.write(key, path.words)
            if alignments is not None:
                alignments.write(key, path.ids)
            if symbols is not None:
                print(key, *spoken_words(path.words, symbols), file=sys.stderr)
            done += 1
            num_frames += len(path.ids)
            graph, acoustic = graph + path.graph, acoustic + path.acoustic
    frames = max(num_frames, 1)
    log(
        f"Overall cost per frame is {(graph + acoustic) / frames:g} = {graph / frames:g} [graph] + "
        f"{acoustic / frames:g} [acoustic] over {num_frames} frames."
    )
    log(f"Done {done} lattices, failed for {failed}")
    return 0 if done else 1


def spoken_words(words, symbols: dict[int, str]) -> list[str]:
    """Names of word numbers. Raises DataError for a number that the table lacks."""
    for word in words:
        if int(word) not in symbols:
            raise DataError(f"word {word} is not in the symbol table; it belongs to another graph")
    return [symbols[int(word)] for word in words]
