"""``pysed detect``: events in any audio file or folder."""

import argparse
import sys
from pathlib import Path

from pysed.atomic import atomic_open
from pysed.audio.folders import find_recordings, printable
from pysed.commands.options import CommandParser
from pysed.errors import DataError

FORMATS = ("tsv", "json", "audacity")


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed detect",
        description="Find events in audio of any rate, length and format that libsndfile reads.",
        epilog="Audio of up to the length of the clips a model was trained on (30 s, unless its corpus says otherwise) "
        "holds one event at most, as in training; longer recordings are searched in overlapping windows of that length "
        "and may hold many.",
    )
    parser.add_argument(
        "--model",
        required=True,
        action="append",
        metavar="DIR",
        help="folder with final.pt; may be repeated",
    )
    parser.add_argument("--out", metavar="FILE", help="write there (audacity and several files: a folder)")
    parser.add_argument("--format", choices=FORMATS, default="tsv", help="tsv (default), json, audacity label track")
    parser.add_argument(
        "--plot", metavar="DIR", help="draw every file there: spectrogram, events, scores, phones; a picture a minute"
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse files that are cut off or damaged (else: a warning)"
    )
    parser.add_argument("inputs", nargs="+", metavar="FILE|DIR", help="audio files, or folders searched for them")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed detect``; returns the exit code."""
    values = build_parser().parse_args(argv)
    recordings = find_recordings(values.inputs)
    if values.format == "audacity" and len(recordings) > 1 and not values.out:
        raise DataError("--format audacity: a label track is for one file; give --out a folder for several")

    from pysed.audio import refuse_damage
    from pysed.detect.recordings import analyse_recording, load_models

    models = load_models(values.model)
    if values.plot:
        from pysed.drawing.detections import phone_tracks, plot_recording

        tracks = phone_tracks(models)
    refuse_damage(values.strict)
    found = {}
    for number, (name, path) in enumerate(recordings.items(), 1):
        if len(recordings) > 1 and sys.stderr.isatty():
            print(f"\r{number}/{len(recordings)}", end="" if number < len(recordings) else "\n", file=sys.stderr)
        try:
            analysed = analyse_recording(path, models)
            if values.plot:
                plot_recording(Path(values.plot), name, path, models, analysed, tracks)
        except DataError as error:
            if len(recordings) == 1:
                raise
            print(" ".join(str(error).splitlines()), file=sys.stderr)
            continue
        found[name] = [events for _, events in analysed]
    if not found:
        raise DataError(f"none of {len(recordings)} files could be read")
    _write_found(found, values, len(recordings) > 1)
    return 3 if len(found) < len(recordings) else 0


def _write_found(found: dict, values: argparse.Namespace, are_many: bool) -> None:
    """Print what was found, or write it where ``--out`` says."""
    from pysed.detect.formats import as_audacity, as_json, as_tsv

    if values.format == "audacity" and are_many:
        for name, per_model in found.items():
            _write(Path(values.out) / f"{name}.txt", as_audacity(per_model))
        return
    if values.format == "audacity":
        text = as_audacity(next(iter(found.values())))
    else:
        text = as_tsv(found) if values.format == "tsv" else as_json(found, [printable(model) for model in values.model])
    if values.out:
        _write(Path(values.out), text)
    else:
        sys.stdout.write(text)


def _write(path: Path, text: str) -> None:
    try:
        with atomic_open(path) as stream:
            stream.write(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
