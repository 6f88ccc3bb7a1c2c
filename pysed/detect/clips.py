"""The sound of every detection as a small wav file, and a table of what each is."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from pysed.audio import AudioFile, write_wav
from pysed.detect.decide import Detection
from pysed.detect.locked import growing_table
from pysed.errors import DataError, warn_once
from pysed.events import seconds

TABLE = "clips.tsv"
HEAD = ("clip", "filename", "onset", "offset", "event_label", "score", "model", "channel", "clip_start")
_LONGEST = 60  # bytes


def clip_name(name: str, event: Detection, model: int) -> str:
    """The clip's file name: what the recording is called, a digest of its whole name, the onset, the class.

    Another for every detection of an archive, and safe on every disk, whatever the recording's name holds.
    """
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    stem = _letters(PurePosixPath(name).stem) or "recording"
    parts = [stem, digest, f"{event.onset_s:09.2f}", _letters(event.label)]
    parts += [f"model{model + 1}"] * (model > 0) + [f"channel{event.channel}"] * (event.channel is not None)
    return "_".join(parts) + ".wav"


def is_clip(name: str) -> bool:
    """Whether a file has a name as clip_name() gives them."""
    return re.search(r"_[0-9a-f]{8}_\d{6,}\.\d\d_.*\.wav$", name, re.DOTALL) is not None


def _letters(text: str) -> str:
    """Letters and digits of any script, ``-`` and ``_``, the first no ``-``; others are ``_``."""
    kept = "".join(each if each in "-_" or unicodedata.category(each)[0] in "LMN" else "_" for each in text)
    return kept.encode()[:_LONGEST].decode(errors="ignore").lstrip("-")


def clip_start(event: Detection, margin_s: float) -> float:
    """Where in the recording the clip begins, in seconds."""
    return max(0.0, event.onset_s - margin_s)


def write_clips(folder: Path, name: str, path: Path, events: Sequence[Sequence[Detection]], margin_s: float) -> None:
    """Write the clips of one recording, by model: mono, 16 bits, at its rate, ``margin_s`` of sound on both sides.

    Raises DataError where ``folder`` cannot be written.
    """
    found = sorted(
        ((event, model) for model, own in enumerate(events) for event in own), key=lambda each: each[0].onset_s
    )
    for channel in dict.fromkeys(event.channel for event, _ in found):
        with AudioFile(path, channels="mix" if channel is None else channel) as audio:
            for event, model in found:
                if event.channel != channel:
                    continue
                start_s = clip_start(event, margin_s)
                samples = audio.read(start_s, min(audio.duration_s, event.offset_s + margin_s) - start_s)
                out = folder / clip_name(name, event, model)
                try:
                    write_wav(out, samples, audio.rate_hz)
                except OSError as error:
                    raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --clips") from None


@contextmanager
def clip_table(folder: Path, models: Sequence[str], margin_s: float) -> Iterator[Callable[..., None]]:
    """What notes a recording's clips in the folder's table, ``(name, events)``; the table appears when it is complete.

    A line on stderr says how many clips of earlier runs lie beside them.
    Raises DataError where ``folder`` cannot be written.
    """
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(growing_table(folder / TABLE))
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror}); choose another --clips") from None
        stream.write("\t".join(HEAD) + "\n")
        listed: set[str] = set()

        def note(name: str, events: Sequence[Sequence[Detection]]) -> None:
            rows = _rows(name, events, models, margin_s)
            listed.update(row.split("\t", 1)[0] for row in rows.splitlines())
            stream.write(rows)

        yield note
    others = sum(is_clip(path.name) and path.name not in listed for path in folder.iterdir())
    if others:
        warn_once(f"{folder}: {others} of the clips there are of earlier runs; {TABLE} lists those of this one alone")


def _rows(name: str, events: Sequence[Sequence[Detection]], models: Sequence[str], margin_s: float) -> str:
    """The table's rows for one recording."""
    rows = [
        [clip_name(name, event, model), name, seconds(event.onset_s), seconds(event.offset_s), event.label,
         f"{event.score:.4f}", models[model], "" if event.channel is None else str(event.channel),
         seconds(clip_start(event, margin_s))]
        for model, own in enumerate(events)
        for event in own
    ]  # fmt: skip
    return "".join("\t".join(row) + "\n" for row in rows)
