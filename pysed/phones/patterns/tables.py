"""Speech patterns as tables: CSV for programs, one Markdown page for people."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_open
from pysed.phones.heard.tables import markdown_table, write_csv
from pysed.phones.patterns.analysis import AGAINST, SYSTEM, Decision, Patterns
from pysed.phones.patterns.mended import KINDS, Heard
from pysed.phones.patterns.ngrams import PLACES

LEVEL = 0.05
TOP = 10


def write_patterns(found: Sequence[Patterns], out: Path, about: str) -> None:
    """Write decisions, evidence, ngrams, mended (.csv) and patterns.md into ``out``; CSVs have all that was tested."""
    head = ["event", "recording", "hit", "total_logit", "sed_logit", "asr_logit"]
    rows: Iterable[Sequence[object]] = (
        [each.event, d.recording, int(d.hit), d.total, d.sed, d.asr] for each in found for d in each.decisions
    )
    write_csv(out / "decisions.csv", head, rows)
    head = ["event", "phone", "seconds", "num_sources", "evidence_logit", "expected_logit", "p", "q"]
    rows = (
        [each.event, e.phone, e.seconds, e.num_sources, e.observed, e.expected, e.p, e.q]
        for each in found
        for e in each.phones
    )
    write_csv(out / "evidence.csv", head, rows)
    head = ["event", "place", "phones", "detections", "num_sources", "expected", "p", "q"]
    write_csv(out / "ngrams.csv", head, ([each.event, *row] for each in found for row in each.ngrams))
    head = ["event", "kind", "changed", "kept", "phone", "share_changed", "share_kept", "p", "q"]
    rows = []
    for each in found:
        for kind, (changed, kept, phones) in each.kinds.items():
            blank = [[""] * len(Heard._fields)]  # group sizes stand where nothing could be tested, too
            rows += [[each.event, kind, changed, kept, *heard] for heard in phones or blank]
    write_csv(out / "mended.csv", head, rows)
    with atomic_open(out / "patterns.md") as stream:
        stream.write("\n".join(_page(found, about)) + "\n")


def _page(found: Sequence[Patterns], about: str) -> list[str]:
    lines = ["# Speech patterns", "", about, ""]
    lines += [
        "## What decisions rest on", "",
        f"Mean logit of {SYSTEM}'s detections above the clip's mean input, and the two streams' parts of it. p: the "
        "recogniser's part is the same in hits and false alarms, which are all detections that are no hit.", "",
    ]  # fmt: skip
    head = ["event", "detections", "", "logit", "SED features", "recogniser", "recogniser's share", "p"]
    lines += markdown_table(head, _stream_rows(found))
    worst = max((each.incomplete for each in found), default=0.0)
    lines += [f"What the attributions' sums miss of their decisions: {worst:.1e} logits at most.", ""]
    lines += ["![Parts of the streams](streams.png)", ""]
    lines += [
        "## Phones under the recogniser's evidence", "",
        "Evidence that falls on each phone, in logits over all detections, (expected were the recording's phones "
        f"elsewhere in time); false discovery rate q below {LEVEL:g}, of all phones tested.", "",
    ]  # fmt: skip
    rows = []
    for each in found:
        sure = [row for row in each.phones if row.q < LEVEL]
        cells = [
            _listed(
                f"{r.phone} {r.observed:+.1f} ({r.expected:+.1f})" for r in sure if (r.observed > r.expected) == more
            )
            for more in (True, False)
        ]
        rows.append([each.event, str(len(each.phones)), *cells])
    lines += markdown_table(["event", "phones tested", "more than chance", "less"], rows)
    lines += ["![Evidence by phone](evidence.png)", ""]
    lines += [
        "## Phones before, in and after detections", "",
        "n-grams of one to three phones: detections that have it (expected by chance), q below "
        f"{LEVEL:g} of all n-grams of the place; before and after: within two seconds.", "",
    ]  # fmt: skip
    rows = []
    for each in found:
        for place in PLACES:
            tested = [row for row in each.ngrams if row.place == place]
            sure_ngrams = [row for row in tested if row.q < LEVEL]
            listed = _listed(f"{row.phones} {row.detections} ({row.expected:.1f})" for row in sure_ngrams)
            rows.append([each.event, place, str(len(tested)), str(len(sure_ngrams)), listed])
    lines += markdown_table(["event", "", "tested", "found", f"least p first, {TOP} at most"], rows)
    lines += [f"## Errors of {AGAINST} that {SYSTEM} mends and makes", ""]
    lines += ["p: as many mended as made (sign test). Misses and false alarms, mended or made; kept: not so.", ""]
    lines += markdown_table(["event", "", "changed", "kept", "p", "heard there, changed (kept)"], _kind_rows(found))
    lines += [*(f"- {kind}: {about_kind}" for kind, about_kind in KINDS.items()), ""]
    lines += [
        "Heard there: phones by share of time in %, q below "
        f"{LEVEL:g}; without one the least p. \"too few\": under three changed or kept.",
    ]  # fmt: skip
    return lines


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(list(texts)[:TOP]) or "none"


def _stream_rows(found: Sequence[Patterns]) -> Iterable[list[str]]:
    for each in found:
        for hit, name in ((True, "hits"), (False, "false alarms")):
            group = [decision for decision in each.decisions if decision.hit == hit]
            if group:
                total, sed, asr = parts(group).mean(1)
                p = "" if np.isnan(each.hits_p) else f"{each.hits_p:.3f}"
                cells = [f"{total:.2f}", f"{sed:+.2f}", f"{asr:+.2f}", f"{100 * asr / total:.0f} %"]
                yield [each.event, str(len(group)), name, *cells, p]


def parts(decisions: Sequence[Decision]) -> np.ndarray:
    """(3, N) total, SED features' part, recogniser's part of each decision, in logits."""
    return np.array([[d.total for d in decisions], [d.sed for d in decisions], [d.asr for d in decisions]])


def _kind_rows(found: Sequence[Patterns]) -> Iterable[list[str]]:
    for each in found:
        for number, (kind, (changed, kept, phones)) in enumerate(each.kinds.items()):
            assert each.signs is not None
            sure = [row for row in phones if row.q < LEVEL]
            shown = _listed(f"{r.phone} {100 * r.share_changed:.1f} ({100 * r.share_kept:.1f})" for r in sure)
            if not phones:
                shown = "too few"
            elif not sure:
                shown = f"none of {len(phones)}; {phones[0].phone} p {phones[0].p:.3f}, q {phones[0].q:.2f}"
            yield [each.event, kind, str(changed), str(kept), f"{each.signs[number // 2]:.3f}", shown]
