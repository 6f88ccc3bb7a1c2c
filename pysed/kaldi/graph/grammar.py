"""The words that a decoder may find: lexicon and grammar of a Kaldi language folder in one transducer."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.graph.expand import determinize
from pysed.kaldi.openfst import Fst, read_fst
from pysed.text_files import read_lines

LEXICON, GRAMMAR = "L_disambig.fst", "G.fst"


def read_numbers(path: Path) -> list[int]:
    """Whole numbers, one a line; raises DataError for anything else."""
    numbers = []
    for place, line in enumerate(read_lines(path, "numbers, one a line"), 1):
        if line.strip():
            if not re.fullmatch("[0-9]{1,9}", line.strip()):
                raise DataError(f"{path}:{place}: {line[:40]!r}; expected a whole number")
            numbers.append(int(line.strip()))
    return numbers


def _read_checked(path: Path) -> Fst:
    graph = read_fst(str(path))
    graph.check(np.iinfo(np.int32).max)
    return graph


def words_of(lang: Path) -> Any:
    """``lang``'s lexicon and grammar composed, deterministic and minimal (StdVectorFst: phones → words).

    Reads L_disambig.fst, G.fst and oov.int, where it is there: words left out, as mkgraph.sh --remove-oov does.
    """
    import kaldifst

    grammar = _read_checked(lang / GRAMMAR)
    if (lang / "oov.int").is_file():
        sources = np.repeat(np.arange(grammar.num_states), grammar.states["num_arcs"])
        kept = ~np.isin(grammar.arcs["output"], read_numbers(lang / "oov.int"))
        finals = grammar.states["final"]
        grammar = Fst.of_arcs(grammar.name, grammar.start, finals, sources[kept], grammar.arcs[kept])
    lexicon, words = (kaldifst.StdVectorFst(g.load()) for g in (_read_checked(lang / LEXICON), grammar))
    kaldifst.arcsort(lexicon, "olabel")
    kaldifst.arcsort(words, "ilabel")
    composed = kaldifst.compose(lexicon, words)
    if composed.start < 0:
        raise DataError(f"{lang}: no word of {GRAMMAR} is in {LEXICON}; expected both of one language folder")
    determinize(composed)
    kaldifst.arcsort(composed, "ilabel")
    return composed
