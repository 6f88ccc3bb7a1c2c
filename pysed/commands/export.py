"""``pysed export``: a trained detector as a folder that needs nothing beside it, with ONNX files if asked for."""

import shlex
from pathlib import Path

from pysed.commands.options import CommandParser


def main(argv: list[str]) -> int:
    """Run ``pysed export``; returns the exit code."""
    parser = CommandParser(
        prog="pysed export",
        description="Write a trained detector to a new folder that needs nothing beside it: network, front end, "
        "thresholds, what it needs of its recogniser, a model card, checksums.",
        epilog="Example: pysed export exp/demo/babycry/gradual mycries; pysed detect --model mycries recording.wav",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="folder with final.pt")
    add("out", metavar="OUT", help="the new folder")
    add("--asr", metavar="DIR", help="the recogniser's folder, where it is not where the checkpoint says")
    add(
        "--threshold",
        type=float,
        metavar="X",
        help="the detector's own threshold from now on, instead of that of training",
    )
    add(
        "--notes",
        metavar="FILE",
        help="Markdown that goes into the model card: sources, licences, what to look out for",
    )
    add("--format", choices=("pysed", "onnx"), default="pysed", metavar="NAME",
        help="pysed (default), or onnx: the networks as ONNX, too, with what their caller has to compute")  # fmt: skip
    values = parser.parse_args(argv)

    more = None
    if values.format == "onnx":
        from pysed.export.onnx_files import need_onnx, write_onnx

        need_onnx()
        more = write_onnx

    from pysed.export.folder import export_model
    from pysed.text_files import read_text

    notes = read_text(values.notes, "Markdown for the model card") if values.notes else ""
    words = [_without_place(word) for word in argv]
    command = shlex.join(["pysed", "export", *words])
    print(export_model(values.model, values.out, values.asr, notes, command, more, values.threshold))
    return 0


def _without_place(word: str) -> str:
    """A word of the command, an absolute path as its name alone: its place is this machine's."""
    option, mark, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return option + mark + (Path(value).name if Path(value).is_absolute() else value)
