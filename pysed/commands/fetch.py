"""``pysed fetch``: the archives of a corpus or of a recogniser's model, from the network or a folder; its graph."""

import argparse
import os
from pathlib import Path

from pysed.atomic import check_new
from pysed.commands.options import CommandParser
from pysed.errors import DataError
from pysed.fetch.collect import accept_licence, collect, mirrors_from
from pysed.fetch.manifest import load_manifest


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="pysed fetch",
        description="Fetch the archives of a corpus or of a recogniser's model, or make a recogniser's graph.",
        epilog="The variable PYSED_MIRROR may hold addresses to try first, with spaces between them.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    corpus = commands.add_parser("corpus", help="fetch, check and unpack a corpus in the TUT layout")
    model = commands.add_parser("model", help="fetch a Kaldi chain or Vosk model and arrange its folder")
    for command in (corpus, model):
        command.add_argument("--manifest", type=Path, required=True, help="conf/downloads/<name>.yaml")
        kept = "where archives are kept, or are already (downloads)"
        command.add_argument("--download-dir", type=Path, default=Path("downloads"), help=kept)
        command.add_argument("--accept-licence", action="store_true", help="accept the licence without being asked")
        command.add_argument("--remove-archives", action="store_true", help="delete each archive once it is unpacked")
        command.add_argument("out", type=Path, help="the folder to make")
    vosk = commands.add_parser("vosk", help="make a model folder of links to a Vosk model's files")
    vosk.add_argument(
        "--whole-grammar",
        action="store_true",
        help="a graph of all of Gr.fst (gigabytes; without: of words, each by its own cost)",
    )
    vosk.add_argument("source", type=Path, help="the Vosk model's folder, with am/, conf/, ivector/, graph/")
    vosk.add_argument("out", type=Path, help="the model folder to make")
    graph = commands.add_parser("graph", help="make a model folder's missing graph")
    graph.add_argument(
        "--lang", type=Path, help="Kaldi language folder with L_disambig.fst and G.fst (MODEL/lang; without: of phones)"
    )
    graph.add_argument("model", type=Path, metavar="MODEL", help="folder with tree, final.mdl and phones.txt")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed fetch``; returns the exit code."""
    options = _parser().parse_args(argv)
    if options.command == "graph":
        from pysed.kaldi.graph.decoding_graph import build_graph

        if (options.model / "graph" / "HCLG.fst").exists():
            raise DataError(f"{options.model}/graph/HCLG.fst: exists; remove it to have another made")
        if options.lang is not None and not options.lang.is_dir():
            raise DataError(f"{options.lang}: no such language folder")
        lang = options.model / "lang" if options.lang is None else options.lang
        print(f"{options.model}: a graph of {build_graph(options.model, lang)}")
        return 0
    if options.command == "vosk":
        _arrange_vosk(options.source, options.out, options.whole_grammar)
        return 0
    manifest = load_manifest(options.manifest)
    mirrors = mirrors_from(os.environ)
    if options.command == "corpus":
        from pysed.fetch import tut

        accept_licence(manifest, options.out / ".licence", options.accept_licence)
        collect(manifest, options.download_dir, options.out, tut.place_member, mirrors, options.remove_archives)
        tut.verify_corpus(options.out)
    else:
        from pysed.fetch import chain_model, vosk

        check_new(options.out)
        source = options.out.with_name(f".{options.out.name}.unpacked")
        accept_licence(manifest, source / ".licence", options.accept_licence)
        place = vosk.place_member if manifest.layout == "vosk" else chain_model.place_member
        collect(manifest, options.download_dir, source, place, mirrors, options.remove_archives)
        if manifest.layout == "vosk":
            _arrange_vosk(source, options.out)
        else:
            chain_model.arrange_model(source, options.out)
    return 0


def _arrange_vosk(source: Path, out: Path, whole: bool = False) -> None:
    from pysed.fetch.vosk import arrange_vosk

    if reason := arrange_vosk(source, out, whole):
        print(f"{out}: features only, no phones: {reason}")
