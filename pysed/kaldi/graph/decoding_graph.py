"""A model folder's decoding graph: of words where there are a lexicon and a grammar, otherwise of phones."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pysed.atomic import atomic_open
from pysed.kaldi.graph.compose_ahead import write_composed
from pysed.kaldi.graph.expand import expand
from pysed.kaldi.graph.grammar import GRAMMAR, LEXICON, read_numbers, words_of
from pysed.kaldi.graph.phone_loop import phone_loop, positions
from pysed.kaldi.graph.tree import read_tree
from pysed.kaldi.look_ahead import read_grammar, read_lexicon, unigram
from pysed.kaldi.openfst import Fst
from pysed.kaldi.phones import read_symbols
from pysed.kaldi.transitions import read_transition_model


def build_graph(model: Path, lang: Path | None = None) -> str:
    """Write ``model/graph/{HCLG.fst,words.txt}`` from ``model/{tree,final.mdl,phones.txt}``; returns what it is of.

    Of words where ``lang`` holds L_disambig.fst, G.fst, words.txt and phones/disambig.int, and the memory that is
    free suffices; otherwise of phones, which stand for words then. Raises DataError for files that are damaged or of
    different models.
    """
    tree, transitions = read_tree(str(model / "tree")), read_transition_model(str(model / "final.mdl"))
    symbols = read_symbols(str(model / "phones.txt"))

    def of_phones() -> Fst:
        return expand(phone_loop(positions(symbols, transitions)), [], tree, transitions, str(model))

    def of_words(lang: Path) -> Fst:
        disambiguation = read_numbers(lang / "phones" / "disambig.int")
        return expand(words_of(lang), disambiguation, tree, transitions, str(lang))

    words, kind = symbols, "phones, any after any in the order of their word positions"
    if lang is None or not all((lang / name).is_file() for name in (LEXICON, GRAMMAR)):
        graph = of_phones()
    else:
        try:
            with within_free_memory() as free:
                graph, words = of_words(lang), read_symbols(str(lang / "words.txt"))
            kind = f"{len(words)} words, by the grammar of {lang}"
        except MemoryError:
            graph = of_phones()
            kind += f" (the grammar of {lang} needs more than the {free / 1e9:.1f} GB of memory that are free)"
    graph.check(transitions.num_transition_ids)
    with atomic_open(model / "graph" / "words.txt") as stream:
        stream.write("".join(f"{name} {number}\n" for number, name in words.items()))
    with atomic_open(model / "graph" / "HCLG.fst", "wb") as stream:
        stream.write(graph.to_bytes())
    return kind


def build_look_ahead(source: Path, num_transition_ids: int, out: Path, whole: bool = False) -> str:
    """Write ``out/{HCLG.fst,words.txt}`` from ``source``'s HCLr.fst, Gr.fst, disambig_tid.int; returns what it is of.

    Each word has its own cost, whatever stands before it: a graph about as large as the lexicon. ``whole``: by all of
    the grammar, where the memory that is free suffices: a graph ten times as large and more. The names of words are in
    Gr.fst or ``source/words.txt``. Raises DataError for files that are damaged or of different models.
    """
    grammar = read_grammar(str(source / "Gr.fst"))
    words = grammar.words or read_symbols(str(source / "words.txt"))
    lexicon = read_lexicon(str(source / "HCLr.fst"))
    disambiguation = read_numbers(source / "disambig_tid.int")
    kind, reason = f"{len(words)} words, each by its own cost", ""
    if whole:
        try:
            with within_free_memory() as free:
                write_composed(lexicon, grammar.graph, disambiguation, num_transition_ids, out / "HCLG.fst")
            kind = f"{len(words)} words, by the grammar of {source}"
        except MemoryError:
            reason = f" (all of {source / 'Gr.fst'} needs more than the {free / 1e9:.1f} GB of memory that are free)"
    if not whole or reason:
        write_composed(lexicon, unigram(grammar.graph), disambiguation, num_transition_ids, out / "HCLG.fst")
    with atomic_open(out / "words.txt") as stream:
        stream.write("".join(f"{name} {number}\n" for number, name in words.items()))
    return kind + reason


@contextmanager
def within_free_memory() -> Iterator[int]:
    """Within the block MemoryError is raised for more than the memory that is free at its start; yields its bytes."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) << 10
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + free if hard == resource.RLIM_INFINITY else min(used + free, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield free
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
