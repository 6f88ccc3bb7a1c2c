"""``pysed corpus``: a corpus from own recordings, one extended, classes, mixtures, bare events, validation, names."""

import argparse
import fcntl
import os
import sys
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from pysed.atomic import atomic_open
from pysed.audio import refuse_damage
from pysed.commands.options import CommandParser
from pysed.corpus.extend import ExtendSettings, extend_corpus
from pysed.corpus.own import OwnSettings, make_own
from pysed.corpus.reviewed import read_reviewed
from pysed.corpus.sources import corpus_classes, fingerprint
from pysed.errors import DataError
from pysed.freshness.marks import clear_left
from pysed.text_files import read_text

_CONFIG = "the corpus's settings (conf/corpora/default.yaml)"
_EVENT, _SUBSET = "event class", "devtrain, devtest or evaltest"
_JOBS, _OUT = "processes (1)", "the data directory to write"
_OWN_EXAMPLE = "Example: pysed corpus own --events clips --backgrounds places --out mysounds"
_EXTEND_EXAMPLE = "Example: pysed corpus extend mysounds --labels labels.tsv --audio archive --out mysounds2"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a positive number")
    return value


def _length(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected 0 or a positive number")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a share from 0 to below 1")
    return value


def _part(text: str) -> float:
    value = _share(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a share above 0 and below 1")
    return value


def _parser() -> argparse.ArgumentParser:
    about = "Make a corpus from your own recordings, extend one, or do a part of stage 1."
    parser = CommandParser(prog="pysed corpus", description=about)
    commands = parser.add_subparsers(dest="command", required=True)

    mix = commands.add_parser("mix", help="mix one class of a subset into a Kaldi data directory")
    mix.add_argument("--source", type=Path, required=True, help="folder holding source_data/")
    mix.add_argument("--config", type=Path, default=Path("conf/corpora/default.yaml"), help=_CONFIG)
    mix.add_argument("--event", required=True, help=_EVENT)
    mix.add_argument("--subset", required=True, help=_SUBSET)
    mix.add_argument("--num-mixtures", type=int, help="number of mixtures (as the configuration says)")
    mix.add_argument("--shift-ebr", type=float, default=0.0, metavar="DB", help="make all events so many dB louder (0)")
    mix.add_argument("--seed", type=int, default=1, help="of the draws; 1: as the configuration says")
    mix.add_argument("--nj", type=int, default=1, help=_JOBS)
    mix.add_argument("--out", type=Path, required=True, help=_OUT)

    ready = commands.add_parser("ready", help="a ready-made set of mixture_data/ as a Kaldi data directory")
    ready.add_argument("--nj", type=int, default=1, help=_JOBS)

    isolate = commands.add_parser("isolate", help="cut the bare events of a class into a Kaldi data directory")
    for source, made in (("corpus folder, with mixture_data/", ready), ("folder holding source_data/", isolate)):
        made.add_argument("--source", type=Path, required=True, help=source)
        made.add_argument("--out", type=Path, required=True, help=_OUT)
        made.add_argument("--event", required=True, help=_EVENT)
        made.add_argument("--subset", required=True, help=_SUBSET)
    for made in (mix, ready, isolate):
        made.add_argument("--plan", action="store_true", help="only print what it would be made from")

    _add_own(
        commands.add_parser(
            "own", help="a corpus folder from your own event clips and backgrounds", epilog=_OWN_EXAMPLE
        )
    )
    _add_extend(
        commands.add_parser(
            "extend", help="a corpus with what was accepted and rejected on a review page", epilog=_EXTEND_EXAMPLE
        )
    )
    validate = commands.add_parser("validate", help="check a Kaldi data directory")
    validate.add_argument("folder", type=Path, help="the data directory")
    classes = commands.add_parser("classes", help="the event classes of a corpus, one a line")
    classes.add_argument("source", type=Path, help="folder holding source_data/")
    check = commands.add_parser("check-name", help="refuse another corpus under a name that is taken")
    check.add_argument("--source", type=Path, required=True, help="folder holding source_data/")
    check.add_argument("--data", type=Path, required=True, help="data/<corpus>, which is to be made from it")
    return parser


def _add_own(own: argparse.ArgumentParser) -> None:
    own.add_argument(
        "--events", type=Path, required=True, help="a folder for each class, or recordings named by --labels"
    )
    own.add_argument(
        "--backgrounds", type=Path, required=True, help="recordings without the events; folders name scenes"
    )
    own.add_argument("--labels", type=Path, help="event list, or label tracks, tables, TextGrids (else by level)")
    own.add_argument(
        "--recording",
        default=OwnSettings.recording,
        help="pattern of file names; group 1: the recording (each file its own)",
    )
    for name, about in (
        ("level-db", "an event is what lies within so many dB of its clip's loudest 10 ms"),
        ("gap-s", "pauses up to this long belong to an event; 0: none does"),
        ("shortest-s", "shorter events are dropped"),
        ("segment-s", "length of the pieces of backgrounds"),
    ):
        default = getattr(OwnSettings, name.replace("-", "_"))
        kind = _length if name == "gap-s" else _positive
        own.add_argument(f"--{name}", type=kind, default=default, help=f"{about} ({default:.3g})")
    default, about = OwnSettings.test_fraction, "share of the recordings that become devtest"
    own.add_argument("--test-fraction", type=_part, default=default, help=f"{about} ({default:.3g})")
    own.add_argument("--seed", type=int, default=OwnSettings.seed, help="of the split")
    own.add_argument("--strict", action="store_true", help="refuse files that are cut off or damaged (else: a warning)")
    own.add_argument("--out", type=Path, required=True, help="the corpus folder to make")


def _add_extend(extend: argparse.ArgumentParser) -> None:
    add = extend.add_argument
    add("corpus", type=Path, help="the corpus folder; it stays as it is")
    add("--labels", type=Path, nargs="+", required=True, metavar="FILE", help="label files that the review page saved")
    add("--audio", type=Path, action="append", default=[], metavar="DIR|FILE",
        help="where the recordings are; may be repeated (else: names are paths)")  # fmt: skip
    add("--duration-s", type=_positive, help="length of hard negatives (that of the corpus's mixtures)")
    add("--recording", default="", help="as of pysed corpus own")
    add("--scene", default=ExtendSettings.scene, help="scene of the hard negatives (%(default)s)")
    add("--test-fraction", type=_share, default=0.0, help="share of the new recordings that go to devtest (0)")
    add("--seed", type=int, default=ExtendSettings.seed, help="of the split")
    add("--strict", action="store_true", help="refuse files that are cut off or damaged (else: a warning)")
    add("--out", type=Path, required=True, help="the corpus folder to make")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise DataError(f"--seed {seed}; expected 0 to 4294967295")


def _extend(options: argparse.Namespace) -> int:
    """``pysed corpus extend``; 3 where a recording could not be read."""
    given = {field.name: getattr(options, field.name) for field in fields(ExtendSettings)}
    if not options.scene.isprintable() or options.scene != options.scene.strip() or not options.scene:
        raise DataError(f"--scene {options.scene[:40]!r}; expected a name on one line")
    _check_seed(options.seed)
    rows = read_reviewed(options.labels)
    lines, left, failed = extend_corpus(options.corpus, rows, options.audio, options.out, ExtendSettings(**given))
    print("\n".join(lines))
    for line in left:
        print(line, file=sys.stderr)
    return 3 if failed else 0


def check_name(source: Path, data: Path) -> None:
    """Note the corpus that ``data`` belongs to; raise DataError if it belongs to another one.

    A corpus is the same where its lists are, or where it lies in the same folder: its lists may change there.
    """
    corpus_classes(source)  # a corpus whose names are refused leaves nothing
    mark = data / ".source"
    now = [fingerprint(source), str(source.resolve())]
    data.mkdir(parents=True, exist_ok=True)
    folder = os.open(data, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that locks no folders
            fcntl.flock(folder, fcntl.LOCK_EX)
        clear_left(str(data))
        before = read_text(mark).splitlines() if mark.exists() else []
        if before and now[0] != before[0] and now[1] not in before[1:]:  # neither a copy nor the same folder
            raise DataError(
                f"{source}: its lists are not those that {data} was made from; "
                f"rename the corpus folder or remove {data}"
            )
        if before != now and os.access(data, os.W_OK):  # else nothing can be made there
            with atomic_open(mark) as stream:
                stream.writelines(f"{line}\n" for line in now)
    finally:
        os.close(folder)


def main(argv: list[str]) -> int:
    """Run ``pysed corpus``; returns the exit code."""
    options = _parser().parse_args(argv)
    if options.command == "classes":
        print("\n".join(corpus_classes(options.source)))
    elif options.command == "check-name":
        check_name(options.source, options.data)
    elif options.command == "validate":
        from pysed.datadir.directory import validate_data_dir

        validate_data_dir(options.folder)
    elif options.command == "own":
        _check_seed(options.seed)
        refuse_damage(options.strict)
        given = {field.name: getattr(options, field.name) for field in fields(OwnSettings)}
        lines = make_own(options.events, options.backgrounds, options.out, options.labels, OwnSettings(**given))
        print("\n".join(lines))
    elif options.command == "extend":
        refuse_damage(options.strict)
        return _extend(options)
    else:
        _make(options)
    return 0


def _make(options: argparse.Namespace) -> None:
    """Make a data directory, or print its plan."""
    from pysed.corpus import make_sets, official_build, plan
    from pysed.corpus.recipes import CorpusSettings

    corpus = (options.source, options.event, options.subset)
    if options.command == "mix":
        if options.nj < 1 or (options.num_mixtures is not None and options.num_mixtures < 1):
            raise DataError("pysed corpus mix: --nj and --num-mixtures: expected a number of at least 1")
        if not 0 <= options.seed < 10**9:
            raise DataError(f"pysed corpus mix: --seed {options.seed}; expected 0 to 999999999")
        settings = CorpusSettings.load(options.config).of_seed(options.seed)
        if options.shift_ebr:
            settings = settings.shifted(options.shift_ebr)
        if options.plan:
            print("\n".join(plan.plan_mixtures(*corpus, settings, options.num_mixtures)))
        else:
            make = official_build.make_official if settings.official else make_sets.make_mixtures
            make(*corpus, settings, options.out, options.num_mixtures, options.nj)
    elif options.command == "isolate":
        if options.plan:
            print("\n".join(plan.plan_isolated(*corpus)))
        else:
            make_sets.make_isolated(*corpus, options.out)
    elif options.plan:
        print("\n".join(plan.plan_ready(*corpus)))
    else:
        official_build.make_ready(*corpus, options.out, max(1, options.nj))
