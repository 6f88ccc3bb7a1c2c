"""The model card of an exported detector: what it finds, how well, what it is made of, and what made it."""

import os
import platform
import re
import shlex
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pysed import __version__
from pysed.decision.onsets import ACTIVE
from pysed.detect.decide import Decision
from pysed.detector.checkpoint import TrainedNetwork, checkpoint_of
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.of_samples import AsrFeatures
from pysed.score.comparison import records
from pysed.score.results import number
from pysed.score.results_files import Row, gather
from pysed.text_files import read_text

CARD = "MODEL_CARD.md"
_RATES = {"error_rate": "error rate", "f_measure": "F %", "precision": "precision %", "recall": "recall %"}
_LICENCE = re.compile(r"licen[cs]e|public domain|\bCC[ -]?(BY|0)|Apache-|\bMIT\b|ODbL", re.IGNORECASE)
_MOST_PARTS = 20


def card(
    network: TrainedNetwork,
    model: str | os.PathLike,
    name: str,
    recogniser: AsrFeatures | None,
    notes: str,
    command: str,
    further: list[str],
    decided: Decision | None = None,
) -> str:
    """Markdown for the exported folder ``name`` of ``model``.

    ``further``: lines about ONNX files in it; ``decided``: what its ``decision.yaml`` says, if it has one.
    """
    source = checkpoint_of(model).parent
    rows = _rows(source, network)
    corpus = rows[0].folder.parents[1].name if rows else None
    trained = f", trained on the corpus `{corpus}`" if corpus else ""
    parts = [
        f"# {name}\n\nThis detector finds the sound `{network.event}` in recordings of any length. It is the system "
        f"`{network.config.system}` of pysed{trained}.",
        f"## Use\n\n```bash\npysed detect --model {_word(name)} recording.wav\n```\n\nThe folder needs nothing "
        "beside it but pysed. `SHA256SUMS` is checked each time that the detector is loaded.",
        "## What it is\n\n" + "\n".join([*_facts(network, recogniser), *_tuned(decided)]),
        "## How good it is\n\n" + _scores(rows),
        "## Licences\n\n" + "\n".join(_licences(recogniser)),
        "## What made it\n\n" + "\n".join(_origin(rows, command)),
    ]
    if further:
        parts.insert(2, "## ONNX\n\n" + "\n".join(further))
    parts = [_wrapped(part) for part in parts]
    if notes.strip():
        parts.insert(1, notes.strip())
    return "\n\n".join(parts) + "\n"


def _word(name: str) -> str:
    """A folder's name as a word of a command."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def _facts(network: TrainedNetwork, recogniser: AsrFeatures | None) -> list[str]:
    config, frontend = network.config, FrontEnd.from_dict(network.frontend or {"name": "logmel40"})
    count = sum(parameter.numel() for parameter in network.model.parameters())
    folds = f", the mean of {config.folds} networks" if config.folds > 1 else ""
    gap = "any gap within an event" if network.max_gap_s is None else f"gaps of up to {network.max_gap_s:g} s"
    rule = (
        f"scores above {network.t_base:g}"
        + (f" plus {network.beta:g} times the mean score" if network.beta else "")
        + f" are an event, which extends as long as they stay above {network.low_ratio:g} times that"
    )
    if network.scores_onsets:
        rule = (
            f"an event begins where more than {network.t_base:g} onsets are expected within half a second before and "
            f"after, and lasts as long as its scores stay above {ACTIVE:g}"
        )
    facts = [
        f"- Class: `{network.event}`.",
        f"- Network: `{config.model}`, {count:,} parameters{folds}. Seed of its training: {network.seed}.",
        f"- Front end: `{frontend.name}`, {frontend.num_mel_bins} log-mel energies every {frontend.hop_s * 1000:g} ms "
        f"of sound at {frontend.sample_frequency_hz:g} Hz. A score stands for 100 ms.",
        f"- Decision: {rule}; {gap} are closed. Scores go through a median filter of {config.median_frames} frames.",
    ]
    if network.window_s is not None:
        facts.append(f"- It was trained on clips of {network.window_s:g} s, and scores windows of that length.")
    if recogniser is not None and network.asr is not None:
        ivectors = "with its i-vector extractor" if recogniser.extractor is not None else "without i-vectors"
        tuned = " Its last layers were trained along with the detector." if network.asr.get("tuned") else ""
        facts.append(
            f"- Recogniser: layer `{network.asr['layer']}` ({network.asr['dim']} values) of "
            f"`{recogniser.settings.path.resolve().name}`, cut to what this layer needs, {ivectors}.{tuned}"
        )
    return facts


def _tuned(decided: Decision | None) -> list[str]:
    if decided is None:
        return []
    return [
        f"- `decision.yaml`: the threshold {decided.threshold:g}, chosen by `pysed tune` for a number of false alarms "
        "a day; `--decision` takes it."
    ]


def _rows(source: Path, network: TrainedNetwork) -> list[Row]:
    """What stage 6 left of this model, where the folder is one of an experiment and the scores are this training's."""
    nested = re.fullmatch(r"seed\d+", source.resolve().name) is not None
    system = source.resolve().parent if nested else source.resolve()
    if not list(source.glob("score_*.json")):
        return []
    try:
        rows = gather(system.parents[1])
    except (DataError, IndexError):
        return []
    mine = [row for row in rows if row.folder.resolve() == system and row.seed == network.seed]
    return [row for row in mine if all(_same(row.score.get(k), v) for k, v in _rule(network).items())]


def _rule(network: TrainedNetwork) -> dict[str, Any]:
    return {"event": network.event, "threshold": network.t_base, "beta": network.beta}


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, int | float) and isinstance(other, int | float):
        return abs(mine - other) < 1e-9
    return mine == other


def _scores(rows: list[Row]) -> str:
    if not rows:
        return "No scores are known: there were none beside the model that was exported."
    lines = [f"| test set | files | {' | '.join(_RATES.values())} |", "|---|---|" + "---|" * len(_RATES)]
    several = False
    for row in rows:
        (record, *_) = records([row])
        cells = [_figure(record[rate], rate) for rate in _RATES]
        several |= record["error_rate"]["interval"] is not None
        lines.append(f"| {row.subset} | {row.num_files or '–'} | {' | '.join(cells)} |")
    lines.append(
        "\nThe error rate is missed events and false alarms together, divided by the number of true events. 0 is "
        "perfect, and 1 is what a detector gets that stays silent. The others are best at 100 %."
        + " Brackets hold 95 % intervals, by a bootstrap over the recordings that the files are made of."
        * several
    )
    return "\n".join(lines)


def _wrapped(text: str) -> str:
    """Paragraphs and items in lines of 100 characters; a table's row stays one line."""
    return "\n".join(
        line
        if line.startswith("|")
        else textwrap.fill(
            line, 100, subsequent_indent="  " * line.startswith("- "), break_long_words=False, break_on_hyphens=False
        )
        for line in text.splitlines()
    )


def _figure(figure: dict[str, Any], rate: str) -> str:
    if figure["mean"] is None:
        return "–"
    bounds = figure["interval"]
    mean = number(figure["mean"], rate)
    return mean + (f" ({number(bounds[0], rate)} to {number(bounds[1], rate)})" if bounds else "")


def _licences(recogniser: AsrFeatures | None) -> list[str]:
    lines = ["- pysed: Apache-2.0. The licence of the detector's weights follows from its training data."]
    if recogniser is None:
        return lines
    for name in ("MODEL_CARD.md", "README.md", "README"):
        path = recogniser.settings.path / name
        if path.is_file():
            text = re.sub(r"^#.*$", "", read_text(path), flags=re.MULTILINE)
            parts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*] |\|))", text)  # paragraphs and items, without headings
            found = [re.sub(r"^[-*] ", "", " ".join(part.split())) for part in parts if _LICENCE.search(part)]
            lines += [f"- Recogniser, by its own `{name}`: {part[:600]}" for part in found[:_MOST_PARTS]]
            break
    if len(lines) == 1:
        lines.append("- Recogniser: its folder does not say.")
    return lines


def _origin(rows: list[Row], command: str) -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy"))
    lines = [f"- Training: `{row.command}`" for row in rows[:1] if row.command]
    lines += [f"- Export: `{command}`"] if command else []
    return [*lines, f"- Versions at export: pysed {__version__}, Python {platform.python_version()}, {packages}."]
