"""One page to review detections with: each clip is heard, seen, and accepted, rejected or re-timed."""

import hashlib
import html
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pysed.atomic import atomic_open, keep_apart
from pysed.audio import AudioFile, resample
from pysed.corpus.reviewed import COLUMNS, UNDECIDED, find_audio, read_reviewed
from pysed.detect.detector import Detector
from pysed.detect.tables import Listed, read_detections
from pysed.drawing.spectrogram import frequency_ticks, grey_levels
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.grid import HOP_S
from pysed.features.of_samples import as_int16_values, sed_features
from pysed.report import media
from pysed.report.filled import as_json, fill_page

PAGE_BYTES = 40 * 2**20
LONGEST_S = 60.0  # of a clip
FRONTEND = FrontEnd(name="review", num_mel_bins=64, frame_length_ms=25.0, average_frames=2)


def choose(detections: Sequence[Listed], reviewed: Iterable[Path], most: int) -> tuple[list[Listed], list[Listed], int]:
    """So many of the highest score that are not yet decided; those left out, and how many were decided before.

    A detection was decided before where it overlaps one of its class and file that a label file accepts or rejects.
    """
    decided: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in read_reviewed(reviewed):
        if row.decision != UNDECIDED:
            spans = decided.setdefault((row.name, row.label), [])
            spans += [(row.onset_s, row.offset_s), row.detected_s]
    fresh = [
        each
        for each in detections
        if not any(
            start < each.offset_s and each.onset_s < end for start, end in decided.get((each.name, each.label), ())
        )
    ]
    fresh.sort(key=lambda each: (-(each.score or 0.0), each.name, each.onset_s))
    return fresh[:most], fresh[most:], len(detections) - len(fresh)


class Clips:
    """Clips of detections as the page's script reads them, made file by file."""

    def __init__(self, folders: Sequence[Path], margin_s: float, detector: Detector | None):
        self._folders, self._margin_s, self._detector = folders, margin_s, detector
        self.faults: list[str] = []

    def of(self, detections: Sequence[Listed]) -> dict[Listed, dict]:
        """Each detection's clip; what cannot be read is noted in ``faults``, once for each file."""
        clips: dict[Listed, dict] = {}
        for name in dict.fromkeys(each.name for each in detections):
            path = find_audio(name, self._folders)
            if path is None:
                self.faults.append(f"{name}: no such recording; give its folder by --audio")
                continue
            try:
                with AudioFile(path) as audio:
                    for each in sorted(one for one in detections if one.name == name):
                        clips[each] = self._clip(audio, each)
            except DataError as error:
                self.faults.append(str(error))
        return clips

    def _clip(self, audio: AudioFile, each: Listed) -> dict:
        """Raises DataError for a detection that is not inside the recording."""
        if each.onset_s >= audio.duration_s:
            raise DataError(
                f"{audio.path}: detection at {each.onset_s:g} s, the file ends at {audio.duration_s:.3f} s; "
                "name the recordings that were searched"
            )
        start_s = round(max(0.0, each.onset_s - self._margin_s), 3)
        end_s = min(audio.duration_s, each.offset_s + self._margin_s, start_s + LONGEST_S)
        samples = audio.read(start_s, end_s - start_s)
        heard = resample(samples, audio.rate_hz, media.AUDIO_HZ)
        clip: dict[str, Any] = {
            "name": each.name, "label": each.label, "onset": each.onset_s, "offset": each.offset_s,
            "score": "" if each.score is None else f"{each.score:.4f}",
            "start": start_s, "length": round(len(heard) / media.AUDIO_HZ, 3), "picture": _picture(heard),
            "audio": _audio(heard),
        }  # fmt: skip
        if self._detector is not None:
            clip["scores"] = media.scores_text(self._scores(audio, start_s, end_s, self._detector))
        return clip

    def _scores(self, audio: AudioFile, start_s: float, end_s: float, detector: Detector) -> np.ndarray:
        """Of the clip's tenths of a second, scored in a window around it."""
        spare_s = max(0.0, detector.window_s - (end_s - start_s)) / 2
        from_s = max(0.0, np.floor((start_s - spare_s) / HOP_S) * HOP_S)
        until_s = min(audio.duration_s, end_s + spare_s)
        scores = detector.scores(audio.read(from_s, until_s - from_s), audio.rate_hz)
        first = round((start_s - from_s) / HOP_S)
        return scores[first : first + max(1, round((end_s - start_s) / HOP_S))]


def _picture(samples: np.ndarray) -> str | None:
    rows = sed_features(as_int16_values(samples), FRONTEND)
    return media.data_uri("image/png", media.grey_png(grey_levels(rows))) if len(rows) else None


def _audio(samples: np.ndarray) -> str:
    stream = io.BytesIO()
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": 0.9}
    soundfile.write(stream, samples, media.AUDIO_HZ, **options)
    return media.data_uri(media.AUDIO_TYPE, stream.getvalue())


def _undecided(rest: Iterable[Listed], clips: list[dict]) -> list[list[str]]:
    """The rows of detections that are left out, of recordings that the page shows: nobody has decided that they are no
    events, so that no background may hold one."""
    names = {clip["name"] for clip in clips}
    rows = []
    for each in sorted(one for one in rest if one.name in names):
        times = [f"{seconds:.6f}".rstrip("0").rstrip(".") for seconds in (each.onset_s, each.offset_s)]
        score = "" if each.score is None else f"{each.score:.4f}"
        rows.append([UNDECIDED, each.name, *times, each.label, *times, score])
    return rows


def _each_once(detections: Iterable[Listed]) -> list[Listed]:
    """Of detections that a label file cannot tell apart, as of two channels or models, the one with the highest score;
    in their order."""
    best: dict[tuple, Listed] = {}
    for each in detections:
        key = each.name, each.label, each.onset_s, each.offset_s
        if key not in best or (each.score or 0.0) > (best[key].score or 0.0):
            best[key] = each
    return list(best.values())


def write_review(
    tables: Sequence[Path],
    folders: Sequence[Path],
    out: Path,
    reviewed: Sequence[Path] = (),
    margin_s: float = 3.0,
    most: int = 200,
    model: str | None = None,
) -> tuple[list[str], list[str]]:
    """Write the page ``out`` for the detections of tables; returns what it holds, in lines, and what could not be read.

    ``folders``: where the recordings lie that the tables name; none: the names are paths. ``reviewed``: label files of
    earlier pages; what they decide is left out. ``most``: so many detections of the highest score. ``margin_s``:
    seconds of sound before and after each. ``model``: a detector's folder, for scores of every tenth of a second.
    Raises DataError where there is nothing to review.
    """
    found = _each_once(each for table in tables for each in read_detections(table))
    if not found:
        raise DataError(f"{tables[0]}: no detections; expected some to review")
    recordings = [find_audio(name, folders) for name in dict.fromkeys(each.name for each in found)]
    chosen, rest, before = choose(found, reviewed, most)
    if not chosen:
        raise DataError(f"{tables[0]}: all {before} detections were decided before; nothing is left to review")
    keep_apart([out], [*tables, *reviewed, *(path for path in recordings if path is not None)])
    made = Clips(folders, margin_s, None if model is None else Detector.load(model))
    of = made.of(chosen)
    if not of:
        raise DataError(f"{made.faults[0]}; none of {len(chosen)} detections can be shown")
    clips, room = [], PAGE_BYTES
    for each in chosen:
        if each in of and (size := len(json.dumps(of[each]))) <= room:
            clips.append(of[each])
            room -= size
        elif each in of:
            rest.append(each)
    title = f"Review of {', '.join(table.name for table in tables)}"
    content = {
        "clips": clips, "others": _undecided(rest, clips), "columns": COLUMNS, "frequencies": frequency_ticks(FRONTEND),
        "id": hashlib.sha256(json.dumps([list(vars(each).values()) for each in chosen]).encode()).hexdigest()[:16],
    }  # fmt: skip
    parts = {"TITLE": html.escape(title), "DATA": as_json(content)}
    with atomic_open(out) as stream:
        stream.write(fill_page("review.html", parts))
    lines = [f"{out}: {len(clips)} of {len(found)} detections, {out.stat().st_size / 2**20:.1f} MiB"]
    if before:
        lines.append(f"{before} were decided before")
    if rest:
        lines.append(f"{len(rest)} with lower scores are left out: save labels, then make a page with --reviewed")
    return lines, made.faults
