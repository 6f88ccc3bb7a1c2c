"""``pysed tune``: the threshold for so many false alarms a day in the places where a detector is to work."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pysed.commands.options import CommandParser
from pysed.errors import DataError

if TYPE_CHECKING:
    from pysed.decision.alarms import Alarms, Choice
    from pysed.detect.ambience import AmbienceAnalyser
    from pysed.detect.journal import Journal


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = CommandParser(
        prog="pysed tune",
        description="Set a detector's threshold so that its false alarms stay below a number a day, by recordings of "
        "the places where it is to work, without the event. The number is an upper bound at 95 % confidence.",
        epilog="Exit codes: 0 done, 2 bad use, or too few recordings to show the number, 3 some files could not be "
        "read. Then: pysed detect --model DIR --decision FILE ... A run that was interrupted, or that had too few "
        "recordings, resumes where it stopped when you start it again.",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help="folder with final.pt, which stays as it is")
    add("--ambience", required=True, nargs="+", metavar="FILE|DIR", help="recordings, all of them without the event")
    add("--per-day", required=True, type=float, metavar="N", help="how many false alarms a day are allowed")
    add("--out", metavar="FILE", help="where the threshold goes (default: decision.yaml in the model's folder)")
    add("--best-effort", action="store_true",
        help="where N cannot be shown, take the threshold with the lowest bound instead of an error")  # fmt: skip
    add("--min-duration", type=float, default=0.0, metavar="S", help="shorter events do not count, nor will they later")
    add("--max-gap", type=float, metavar="S", help="join events with shorter pauses, instead of the tuned length")
    add("--channels", default="mix", metavar="mix|each|N", help="their mean (default), each by itself, one of them")
    add("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    add("--device", default="cpu", metavar="D", help="of the network: cpu (default), cuda, cuda:1")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed tune``; returns the exit code."""
    values = build_parser().parse_args(argv)
    if not 0 < values.per_day < float("inf"):
        raise DataError(f"--per-day {values.per_day}; expected a number of false alarms above 0")
    if values.jobs < 1:
        raise DataError(f"--jobs {values.jobs}; expected 1 or more")
    from pysed.atomic import keep_apart
    from pysed.commands.detect import parse_channels, tell_faults
    from pysed.detect.ambience import AmbienceAnalyser, recall_of
    from pysed.detect.archive import Work
    from pysed.detect.decide import Decision
    from pysed.detect.decision_file import DecisionFile, fingerprint, write_decision
    from pysed.detect.detector import check_channels
    from pysed.detect.recordings import list_recordings
    from pysed.detector.checkpoint import checkpoint_of

    channels = parse_channels(values.channels)
    check_channels(channels)
    recordings = list_recordings(values.ambience)
    decision = Decision(None, values.min_duration, values.max_gap)
    analyser = AmbienceAnalyser(Work((values.model,), decision, channels, values.device))
    network = analyser.detectors[0].network
    model = Path(values.model)
    path = Path(values.out) if values.out else (model if model.is_dir() else model.parent) / "decision.yaml"
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected a file's name: --out")
    keep_apart([path], [checkpoint_of(model), *recordings.values()])
    with _journal(path, analyser) as journal:
        alarms, faults = _listen(recordings, analyser, values.jobs, journal)
        if len(faults) == len(recordings):
            journal.remove()
            if len(faults) > 1:
                tell_faults(faults, len(faults))
                raise DataError(f"none of {len(faults)} files could be read")
            raise DataError(faults[0][1])
        choice = alarms.choose(values.per_day) or _too_little(alarms, values.per_day, values.best_effort)
        decision = Decision(choice.threshold, values.min_duration, values.max_gap)
        found = DecisionFile(
            choice.threshold, fingerprint(network), values.min_duration, values.max_gap, network.event, values.per_day,
            round(choice.bound_per_day, 4), choice.num_alarms, round(24 * alarms.days, 4),
        )  # fmt: skip
        try:
            write_decision(path, found, shlex.join(["pysed", "tune", *argv]))
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
        journal.remove()
    heard = f"{24 * alarms.days:.2g} hours of ambience in {len(recordings) - len(faults)} files"
    print(f"{heard}: threshold {choice.threshold:g} with {_number(choice.num_alarms, 'alarm')}")
    at_once = f"; they come {choice.dispersion:.1f} at once" if choice.dispersion > 1.05 else ""
    print(f"at most {choice.bound_per_day:.3g} false alarms a day at 95 % confidence{at_once}")
    print(_recall(recall_of(model, network, decision), choice))
    print(f"next: {shlex.join(['pysed', 'detect', '--model', values.model, '--decision', str(path)])} RECORDINGS")
    tell_faults(faults, len(recordings))
    return 3 if faults else 0


def _journal(path: Path, analyser: "AmbienceAnalyser") -> "Journal":
    """What was heard before the run was interrupted, kept beside the output."""
    from pysed.decision.alarms import THRESHOLDS
    from pysed.detect.ambience import Heard
    from pysed.detect.journal import Journal

    return Journal(Path(f"{path}.journal"), f"{analyser.work.key()} {THRESHOLDS}", Heard)


def _listen(
    recordings: dict[str, Path], analyser: "AmbienceAnalyser", jobs: int, journal: "Journal"
) -> "tuple[Alarms, list[tuple[str, str]]]":
    """The alarms on all recordings, and the files that could not be read with the reason."""
    import numpy as np

    from pysed.commands.detect import say
    from pysed.decision.alarms import Alarms
    from pysed.detect.archive import Progress, all_results

    alarms, faults = Alarms(), []
    progress = Progress(len(recordings), say if sys.stderr.isatty() else None)
    for result in all_results(recordings, analyser, jobs, journal):
        progress.add(result)
        if result.fault:
            faults.append((result.name, result.fault))
        else:
            alarms.add(np.array(result.counts), result.duration_s)  # type: ignore[attr-defined]  # Heard
    return alarms, faults


def _too_little(alarms: "Alarms", per_day: float, best_effort: bool) -> "Choice":
    """The threshold with the lowest bound, where it is taken; DataError says what is missing for the number asked."""
    from pysed.decision.alarms import hours_needed

    choices = alarms.choices()
    lowest = min(choices, key=lambda each: (each.bound_per_day, each.threshold))
    hours, bound = 24 * alarms.days, f"the lowest bound is {lowest.bound_per_day:.3g} a day"
    needed = hours_needed(per_day, choices[0].dispersion)
    told = f"at least {needed:.3g} hours are needed"
    if choices[0].num_alarms:
        told = f"even at threshold {choices[0].threshold:g} there are {_number(choices[0].num_alarms, 'alarm')}"
    elif choices[0].dispersion > 1.05:
        told += f", as alarms come {choices[0].dispersion:.1f} at once"
    line = f"--ambience: {hours:.3g} hours are too few for {per_day:g} a day: {told}; {bound}"
    if choices[0].num_alarms:
        line = f"--ambience: {per_day:g} a day cannot be shown with {hours:.3g} hours: {told}; {bound}"
    if not best_effort:
        raise DataError(f"{line}; give more recordings, or take that with --best-effort")
    print(f"{line}: taken", file=sys.stderr)
    return lowest


def _recall(recall, choice: "Choice") -> str:
    if recall is None:
        return "recall: not known here, as there are no scores_<subset>.scp beside the model with their data directory"
    chosen, tuned = (100 * count / recall.num_events for count in (recall.chosen, recall.tuned))
    return (
        f"recall on {recall.subset}: {chosen:.1f} % of {_number(recall.num_events, 'event')}, "
        f"{tuned:.1f} % with the thresholds of training"
    )


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
