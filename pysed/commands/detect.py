"""``pysed detect``: events in any audio file or folder."""

import argparse
import sys
from pathlib import Path

from pysed.atomic import atomic_open
from pysed.errors import DataError

FORMATS = ("tsv", "json", "audacity")
SUFFIXES = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64",
    ".caf", ".sph", ".nist", ".voc",
)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
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
    parser.add_argument("inputs", nargs="+", metavar="FILE|DIR", help="audio files, or folders searched for them")
    return parser


def find_recordings(inputs: list[str]) -> dict[str, Path]:
    """Name to print -> file: base names of files, paths inside a given folder for what was found in it.

    Raises DataError for an input that does not exist, a folder without audio, and two files of one name.
    """
    found: dict[str, Path] = {}
    for given in map(Path, inputs):
        if given.is_dir():
            inside = sorted(path for path in given.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
            if not inside:
                raise DataError(f"{given}: no audio in this folder; expected files such as .wav, .flac, .ogg")
            named = [(path.relative_to(given).as_posix(), path) for path in inside]
        elif given.exists():
            named = [(given.name, given)]
        else:
            raise DataError(f"{given}: no such file or folder; expected audio")
        for name, path in named:
            if name in found and found[name].resolve() != path.resolve():
                raise DataError(f"{path}: a second file named {name} besides {found[name]}; give them in two calls")
            found[name] = path
    return found


def main(argv: list[str]) -> int:
    """Run ``pysed detect``; returns the exit code."""
    values = build_parser().parse_args(argv)
    recordings = find_recordings(values.inputs)
    if values.format == "audacity" and len(recordings) > 1 and not values.out:
        raise DataError("--format audacity: a label track is for one file; give --out a folder for several")

    from pysed.detect.formats import as_audacity, as_json, as_tsv
    from pysed.detect.recordings import analyse_recording, load_models

    models = load_models(values.model)
    if values.plot:
        from pysed.drawing.detections import phone_tracks, plot_recording

        tracks = phone_tracks(models)
    found = {}
    for number, (name, path) in enumerate(recordings.items(), 1):
        if len(recordings) > 1 and sys.stderr.isatty():
            print(f"\r{number}/{len(recordings)}", end="" if number < len(recordings) else "\n", file=sys.stderr)
        analysed = analyse_recording(path, models)
        found[name] = [events for _, events in analysed]
        if values.plot:
            plot_recording(Path(values.plot), name, path, models, analysed, tracks)
    if values.format == "audacity" and len(recordings) > 1:
        for name, per_model in found.items():
            _write(Path(values.out) / f"{name}.txt", as_audacity(per_model))
        return 0
    if values.format == "audacity":
        text = as_audacity(next(iter(found.values())))
    else:
        text = as_tsv(found) if values.format == "tsv" else as_json(found, values.model)
    if values.out:
        _write(Path(values.out), text)
    else:
        sys.stdout.write(text)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        with atomic_open(path) as stream:
            stream.write(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
