"""``pysed corpus own`` of clips and backgrounds that a test has made."""

from pathlib import Path

from pysed.cli import main


def make_own_corpus(folder: Path, *options: str) -> int:
    """The command's exit code, from the folder's ``clips`` and ``places`` to its ``o``."""
    sources = ("--events", f"{folder}/clips", "--backgrounds", f"{folder}/places")
    return main(["corpus", "own", *sources, "--out", f"{folder}/o", *options])
