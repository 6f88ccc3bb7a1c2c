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
        f"The mean logit of {SYSTEM}'s detections, above that of the clip's mean input, and the parts of it that come "
        "from the SED features and from the recogniser. All detections that are no hits are called false alarms. p is "
        "that of the recogniser's part being the same in both.", "",
    ]  # fmt: skip
    head = ["event", "detections", "", "logit", "SED features", "recogniser", "recogniser's share", "p"]
    lines += markdown_table(head, _stream_rows(found))
    worst = max((each.incomplete for each in found), default=0.0)
    lines += [f"The parts add up to the decisions within {worst:.1e} logits.", ""]
    lines += ["![Parts of the streams](streams.png)", ""]
    lines += [
        "## Phones under the recogniser's evidence", "",
        "How much evidence falls on each phone, in logits over all detections, and in brackets what would be expected "
        "if the recording's phones were elsewhere in time. Only phones with a false discovery rate q below "
        f"{LEVEL:g}, of all phones tested, are listed.", "",
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
        "Sequences of one to three phones (n-grams), with the number of detections that have them, and in brackets the "
        "number expected by chance. *Before* and *after* mean within two seconds. Only those with a q below "
        f"{LEVEL:g}, of all n-grams of the place, are listed.", "",
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
    lines += [
        f"*Mended* is an error of {AGAINST} that {SYSTEM} does not make, *made* is the other way round, and *kept* is "
        "what both have in common. p is that of as many mended as made (sign test).", "",
    ]  # fmt: skip
    lines += markdown_table(["event", "", "changed", "kept", "p", "heard there, changed (kept)"], _kind_rows(found))
    lines += [*(f"- {kind}: {about_kind}" for kind, about_kind in KINDS.items()), ""]
    lines += [
        f"The last column has the phones heard there, by their share of time in %, with a q below {LEVEL:g}. Where "
        "there is none it has the phone of the least p. \"Too few\" means that fewer than three changed or were kept.",
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
