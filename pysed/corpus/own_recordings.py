"""A user's files in a corpus: what each is called there, and which of them belong to one recording."""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from pysed.audio import AudioFile
from pysed.errors import DataError

_PIECE_S = 60.0
_IDENTITY_S, _IDENTITY_PIECES = 4.0, 16  # seconds and number of the pieces that stand for a recording
_LONGEST_NAME = 200  # bytes; file systems take 255, and backgrounds' pieces are numbered


def flat_names(names: Iterable[str]) -> dict[str, str]:
    """Path inside a folder → its file name in the corpus, each its own.

    ``a/x.wav`` becomes ``a__x.wav``, or ``a__x-2.wav`` where another file has that name. Of a very long path the end
    alone is kept.
    """
    flat: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names), key=lambda name: (name.count("/"), name)):  # files without a folder keep their names
        wanted = name.replace("/", "__")
        if len(os.fsencode(wanted)) > _LONGEST_NAME:
            wanted = wanted[-_LONGEST_NAME // 4 :]
        found, number = PurePosixPath(wanted), 1
        while found.name in taken:
            number += 1
            found = PurePosixPath(wanted).with_stem(f"{PurePosixPath(wanted).stem}-{number}")
        taken.add(found.name)
        flat[name] = found.name
    return flat


def recording_pattern(text: str) -> re.Pattern | None:
    """The pattern of OwnSettings.recording, None for an empty one; raises DataError for one without a group."""
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise DataError(f"--recording {text}: not a pattern ({error})") from None
    if pattern.groups < 1:
        raise DataError(f"--recording {text}: expected a pattern with a group in brackets")
    return pattern


def recording_of(name: str, pattern: re.Pattern | None) -> str:
    """The recording that a file is part of; ``name`` is its path inside the folder that was given.

    Without a pattern, and where it does not match, every path is a recording of its own. The pattern is matched from
    the start of the file's name without extension, or, where it has a ``/``, of the path without extension.
    """
    if pattern is None:
        return name
    path = PurePosixPath(name).with_suffix("")
    match = pattern.match(str(path) if "/" in pattern.pattern else path.name)
    return (match and match.group(1)) or name


def contents_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Name → digest of a file's audio: its rate and its samples, channels averaged, at 16 bits.

    The same for a copy in another lossless format. Raises DataError for audio that cannot be read.
    """
    return {name: _content(path) for name, path in files.items()}


def _content(path: Path) -> str:
    digest, start_s = hashlib.sha256(), 0.0
    with AudioFile(path) as audio:
        while start_s < audio.duration_s:
            samples = audio.read(start_s, None if start_s + _PIECE_S >= audio.duration_s else _PIECE_S)
            values = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
            digest.update(f"{audio.rate_hz}".encode() + values.tobytes())
            start_s += _PIECE_S
    return digest.hexdigest()


def identity_of(path: Path) -> str:
    """Rate, frames and a digest of a recording's audio, as contents_of() has it but of pieces where it is long: what
    tells later whether a file is the same recording under another name. The first two say so without decoding."""
    with AudioFile(path) as audio:
        apart_s = max(audio.duration_s / _IDENTITY_PIECES, _IDENTITY_S)
        digest = hashlib.sha256()
        for number in range(_IDENTITY_PIECES):
            if number * apart_s < audio.duration_s:
                samples = audio.read(number * apart_s, min(_IDENTITY_S, audio.duration_s - number * apart_s))
                digest.update(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return f"{size_of(audio)} {digest.hexdigest()[:32]}"


def size_of(audio: AudioFile) -> str:
    """What identity_of() begins with."""
    return f"{audio.rate_hz} {audio.num_frames}"


def join_same_audio(recordings: Mapping[str, str], contents: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Recordings, by file, joined into one wherever two of their files hold the same audio.

    Returns the new recordings by file, and a line for each audio that stands under several names.
    """
    names_of = defaultdict(list)
    for name, content in contents.items():
        names_of[content].append(name)
    joined: dict[str, str] = {}

    def whole(recording: str) -> str:
        while recording in joined:
            recording = joined[recording]
        return recording

    lines = []
    for names in names_of.values():
        for other in names[1:]:
            mine, its = whole(recordings[names[0]]), whole(recordings[other])
            if mine != its:
                joined[its] = mine
        if len(names) > 1:
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            lines.append(f"{names[0]}, {names[1]}{more} hold the same audio: counted as one recording")
    return {name: whole(recording) for name, recording in recordings.items()}, lines
