"""``pysed detect``: events in any audio file, folder or list of them."""

import argparse
import errno
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from pysed.atomic import atomic_open, is_special, keep_apart
from pysed.audio.folders import below, printable
from pysed.commands.options import CommandParser
from pysed.detect.recordings import list_recordings, without_clips
from pysed.detector.shipped import model_help
from pysed.errors import DataError
from pysed.text_files import file_names

#: What the system says of a single name that it cannot take.
_OF_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.EILSEQ, errno.EINVAL)
FORMAT_NAMES = ("tsv", "csv", "json", "jsonl", "audacity", "raven", "textgrid", "rttm", "list")


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed detect",
        description="Find every event in audio of any rate and length, in any format that libsndfile or ffmpeg reads.",
        epilog="Exit codes: 0 done, 2 bad use, 3 some files, or all of a list, could not be read: they are named with "
        "the reason at the end. An interrupted run with --out or --out-dir resumes where it stopped when you start "
        "it again.",
    )
    add = parser.add_argument
    add("--model", required=True, action="append", metavar="DIR", help=model_help(several=True))
    add("--out", metavar="FILE", help="one table of all files; else standard output")
    add("--out-dir", metavar="DIR", help="a file for each recording, named after it")
    add("--format", choices=FORMAT_NAMES, metavar="NAME",
        help=f"{', '.join(FORMAT_NAMES)}; default tsv; pysed score reads list and tsv")  # fmt: skip
    add("--decision", metavar="FILE", help="what pysed tune wrote; options given beside it override it")
    add("--threshold", type=float, metavar="X", help="0 to 1, instead of the tuned one")
    add("--min-duration", type=float, metavar="S", help="drop shorter events")
    add("--max-gap", type=float, metavar="S", help="join events with shorter pauses, instead of the tuned length")
    add(
        "--one-event",
        action="store_true",
        help="the task's rule: one event a file, the longest, or the likeliest onset's",
    )
    add("--top", type=int, metavar="N", help="of each file (channel, model) the N events with the highest scores")
    add("--channels", default="mix", metavar="mix|each|N", help="their mean (default), each by itself, one of them")
    add("--files-from", metavar="LIST", help="a text file with an audio file or folder a line; - for standard input")
    add("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    add("--device", default="cpu", metavar="D", help="of the networks: cpu (default), cuda, cuda:1")
    add("--start", metavar="TIME", help="the clock's time when the recording begins, if its name does not say it")
    add("--counts", action="append", default=[], metavar="FILE",
        help="write the number of events in each hour there: a table, or a picture where FILE ends in .png, .svg or "
        ".pdf; may be repeated")  # fmt: skip
    add("--plot", metavar="DIR", help="draw every file there: spectrogram, events, scores, phones; a picture a minute")
    add("--clips", metavar="DIR", help="write the sound of every detection there, and clips.tsv: what each is")
    add("--clip-margin", type=float, default=1.0, metavar="S", help="seconds of sound before and after it (default 1)")
    add("--strict", action="store_true", help="refuse files that are cut off or damaged (else: a warning)")
    add(
        "inputs",
        nargs="*",
        metavar="FILE|DIR",
        help="audio files, or folders searched for them; - for standard input: as pysed listen hears a wav file or, "
        "with an option for files such as --format, as a file named stdin",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed detect``; returns the exit code."""
    values = build_parser().parse_args(argv)
    if values.inputs == ["-"]:
        return _standard_input(values)
    listed = _listed(values.files_from)
    if not values.inputs and not listed:
        raise DataError("no audio given; expected files, folders or --files-from LIST")
    recordings = list_recordings(values.inputs, listed)
    if values.clips:
        recordings = without_clips(recordings, Path(values.clips), [*values.inputs, *listed])
    _check(values, len(recordings))
    _check_outputs(values, [*recordings.values(), values.files_from or "-"])
    return _Run(values, recordings).run()


def _standard_input(values: argparse.Namespace) -> int:
    """Sound on standard input: heard as it comes, or as a file named ``stdin`` for options that are for files."""
    wishes = {"--threshold": values.threshold, "--min-duration": values.min_duration, "--max-gap": values.max_gap}
    wishes |= {"--decision": values.decision, "--start": values.start}
    parser = build_parser()
    given = {f"--{name.replace('_', '-')}" for name, value in vars(values).items() if value != parser.get_default(name)}
    if len(values.model) == 1 and given <= {*wishes, "--model", "--inputs"}:
        from pysed.commands import listen

        options = [part for name, value in wishes.items() if value is not None for part in (name, str(value))]
        return listen.main(["--model", values.model[0], *options], live=False)
    if values.files_from is not None:
        raise DataError("-: standard input beside --files-from; expected one of them")
    _check(values, 1)
    _check_outputs(values, [])
    with TemporaryDirectory() as folder:
        path = Path(folder, "stdin")
        run = _Run(values, {path.name: path})
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            return run.run()
        except DataError as error:
            raise DataError(str(error).replace(str(path), "standard input")) from None


def _listed(path: str | None) -> list[str]:
    if path is None:
        return []
    names = [line for line in file_names(path, "a list of audio files") if line.strip()]
    if not names:
        raise DataError(f"{path}: no names; expected an audio file or folder a line")
    return names


def _check(values: argparse.Namespace, num_files: int) -> None:
    from pysed.detect.formats import FORMATS

    values.format = values.format or "tsv"
    if values.out and values.out_dir:
        raise DataError("--out and --out-dir: expected one of them")
    if not 0 <= values.clip_margin <= 3600:
        raise DataError(f"--clip-margin {values.clip_margin:g}: expected 0 to 3600 seconds")
    if values.jobs < 1:
        raise DataError(f"--jobs {values.jobs}: expected 1 or more")
    if not FORMATS[values.format].joins and num_files > 1 and values.out:
        values.out, values.out_dir = None, values.out
    if not FORMATS[values.format].joins and num_files > 1 and not values.out_dir:
        raise DataError(f"--format {values.format}: its files hold one recording each; give --out-dir for several")
    if values.start and num_files > 1:
        raise DataError(
            f"--start: {num_files} files begin at one time; give it for one, or name files after their time"
        )


def _check_outputs(values: argparse.Namespace, inputs: Sequence[str | Path]) -> None:
    """Raise DataError where an output cannot have its name, before anything is analysed."""
    from pysed.detect.clips import TABLE
    from pysed.detector.checkpoint import checkpoint_of

    table = os.path.join(values.clips, TABLE) if values.clips else None
    for option, out in (("--out", values.out), *(("--counts", each) for each in values.counts), ("--clips", table)):
        if out and (os.path.isdir(out) or out.endswith("/")):
            raise DataError(f"{out}: is a folder; expected a file's name: {option}")
    for option in ("--out-dir", "--plot", "--clips"):
        folder = getattr(values, option[2:].replace("-", "_"))
        if folder and os.path.exists(folder) and not os.path.isdir(folder):
            raise DataError(f"{folder}: is a file; expected a folder: {option}")
    growing = [f"{values.out}{suffix}" for suffix in (".partial", ".journal") if values.out]
    models = map(checkpoint_of, values.model)
    keep_apart((values.out, *growing, *values.counts, table), [*inputs, values.decision or "-", *models])


def parse_channels(text: str) -> int | str:
    """The choice that ``--channels`` names, checked elsewhere."""
    if text.isascii() and text.isdecimal() and len(text) < 6:
        return int(text)
    return text


class _Run:
    """One call of the command."""

    def __init__(self, values: argparse.Namespace, recordings: dict[str, Path]):
        from pysed.detect.archive import Work
        from pysed.detect.clock import parse_start, start_by_name
        from pysed.detect.detector import check_channels
        from pysed.detect.formats import FORMATS, Columns

        for folder in filter(None, (values.out_dir, values.plot)):
            places = Counter(below(Path(folder), name) for name in recordings)
            if twice := [place for place, count in places.items() if count > 1]:
                raise DataError(f"{twice[0]}: would be of {places[twice[0]]} files; give --out, and no --plot")
        decision = self._decision(values)
        channels = parse_channels(values.channels)
        check_channels(channels)
        self.values, self.recordings, self.format = values, recordings, FORMATS[values.format]
        self.work = Work(tuple(values.model), decision, channels, values.device, values.strict, values.plot,
                         values.clips, values.clip_margin)  # fmt: skip
        given = parse_start(values.start) if values.start else None
        self.starts = {name: start for name in recordings if (start := given or start_by_name(name))}
        models = [printable(model) for model in values.model]
        self.columns = Columns(models, channels != "mix", bool(self.starts))
        self.hourly: list[Any] = []
        self.num_written = 0

    @staticmethod
    def _decision(values: argparse.Namespace) -> Any:
        from pysed.detect.decide import Decision
        from pysed.detect.decision_file import read_decision
        from pysed.detector.checkpoint import load_network

        wishes = {"threshold": values.threshold, "min_duration_s": values.min_duration, "max_gap_s": values.max_gap}
        wishes |= {"one_event": values.one_event or None, "top": values.top}
        if values.decision is None:
            return Decision(**{name: value for name, value in wishes.items() if value is not None})
        if len(values.model) > 1:
            raise DataError(f"--decision {values.decision}: it is for one --model; start pysed detect for each")
        return read_decision(values.decision, load_network(values.model[0]), wishes)

    def run(self) -> int:
        """Analyse every file and write what was found; returns the exit code."""
        from pysed.detect.archive import Progress, all_results
        from pysed.detect.clock import hourly_counts
        from pysed.detect.journal import Journal

        many = len(self.recordings) > 1
        analyser = self._analyser()
        progress = Progress(len(self.recordings), say if many and sys.stderr.isatty() else None)
        faults: list[tuple[str, str]] = []
        place = self._journal_place()
        with Journal(place, self._key()) if place and many else nullcontext() as journal:
            with ExitStack() as stack:
                write = stack.enter_context(self._writer())
                note_clips = stack.enter_context(self._clip_table())
                for result in all_results(self.recordings, analyser, self.values.jobs, journal):
                    progress.add(result)
                    fault = self._put(result, write, note_clips) if result.is_read else result.fault
                    if fault:
                        faults.append((result.name, fault))
                if not self.num_written and not self.values.files_from:
                    if journal is not None:
                        journal.remove()
                    if many:
                        tell_faults(faults, len(self.recordings))
                        raise DataError(f"none of {len(self.recordings)} files could be read")
                    raise DataError(faults[0][1])
            for path in self.values.counts:
                _write_counts(Path(path), hourly_counts(self.hourly))
            # It stays where files failed, so that those alone are tried when this is started again; but pictures and
            # clips, which it does not hold, may be gone by then.
            if journal is not None and (not faults or self.work.plot or self.work.clips):
                journal.remove()
        if many and (sys.stderr.isatty() or len(self.recordings) >= 100):
            print(f"{len(self.recordings)} files, {progress.rate()}", file=sys.stderr)
        tell_faults(faults, len(self.recordings))
        return 3 if faults else 0

    def _put(self, result: Any, write: Any, note_clips: Any) -> str:
        """Write what was found in a file; returns what failed, if anything."""
        from pysed.detect.formats import Found

        events = [list(each) for each in result.events]
        found = Found(result.name, result.duration_s, events, self.starts.get(result.name))
        if fault := write(found):
            return fault
        self.num_written += 1
        if not result.fault:
            note_clips(result.name, events)
        if self.values.counts:
            self.hourly.append(found)
        return result.fault

    def _clip_table(self) -> AbstractContextManager[Any]:
        """What notes the clips of a file in their table."""
        if not self.work.clips:
            return nullcontext(lambda name, events: None)
        from pysed.detect.clips import clip_table

        return clip_table(Path(self.work.clips), self.columns.models, self.work.clip_margin_s)

    def _analyser(self) -> Any:
        if self.work.plot:
            from pysed.drawing.detections import DrawingAnalyser

            return DrawingAnalyser(self.work)
        from pysed.detect.archive import Analyser

        return Analyser(self.work)

    def _key(self) -> str:
        return f"{self.work.key()} {self.values.format}"

    def _journal_place(self) -> Path | None:
        if self.values.out:
            return None if is_special(self.values.out) else Path(f"{self.values.out}.journal")
        return Path(self.values.out_dir) / ".pysed-detect.journal" if self.values.out_dir else None

    def _inside(self, name: str) -> Path:
        """The place in ``--out-dir`` of a file's findings, whatever its path."""
        return below(Path(self.values.out_dir), f"{name}{self.format.suffix}")

    @contextmanager
    def _writer(self) -> Iterator[Any]:
        """What writes one file's findings, and returns what failed; a table gets its name when it is complete."""
        from pysed.detect.locked import growing_table

        if self.values.out_dir:
            yield lambda found: _write_own(self._inside(found.name), self.format.whole([found], self.columns))
            return
        with _refusals(self.values.out), ExitStack() as stack:
            stream: IO[str] = sys.stdout
            if self.values.out and is_special(self.values.out):
                stream = stack.enter_context(open(self.values.out, "a", encoding="utf-8", newline="\n"))
            elif self.values.out:
                stream = stack.enter_context(growing_table(Path(self.values.out)))
            count = 0

            def write(found: Any) -> None:
                nonlocal count
                before = self.format.between if count else self.format.head(self.columns)
                stream.write(before + self.format.text(found, self.columns))
                stream.flush()
                count += 1

            yield write
            if not count:  # none of a list's files could be read
                stream.write(self.format.head(self.columns))
            stream.write(self.format.tail)
            stream.flush()


@contextmanager
def _refusals(out: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if out is None:
            raise
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None


def _write(path: Path, text: str, option: str) -> None:
    try:
        with atomic_open(path) as stream:
            stream.write(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another {option}") from None


def _write_own(path: Path, text: str) -> str:
    """Write a recording's own file; returns what is wrong with its name, which stops no other."""
    try:
        with atomic_open(path) as stream:
            stream.write(text)
    except OSError as error:
        refusal = f"{path}: cannot be written ({error.strerror})"
        if error.errno in _OF_NAMES:
            return f"{refusal}; rename the recording, or give one table: --out"
        raise DataError(f"{refusal}; choose another --out-dir") from None
    return ""


def _write_counts(path: Path, table: str) -> None:
    """A picture, where the name says so."""
    from pysed.drawing.figure_files import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        _write(path, table, "--counts")
        return
    from pysed.drawing.hourly import draw_hourly

    try:
        draw_hourly(table, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another --counts") from None


def say(line: str, stream: IO[str] | None = None) -> None:
    """Put a line in the place of the one before on a terminal."""
    print(f"\r{line:79}", end="", file=stream or sys.stderr, flush=True)


def tell_faults(faults: list[tuple[str, str]], total: int) -> None:
    """The table of files that failed, on stderr, each with its path and the reason."""
    if len(faults) > 1:
        print(f"{len(faults)} of {total} files failed:", file=sys.stderr)
    for _, fault in faults:
        print(fault, file=sys.stderr)
