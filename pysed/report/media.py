"""A test file for the page: its spectrogram as a small grey picture, its audio in a low-rate codec."""

import base64
import io
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
import soundfile

from pysed.audio import read_audio, resample
from pysed.drawing.spectrogram import dark_colour, grey_levels
from pysed.report.content import Recording

AUDIO_HZ = 16000
AUDIO_TYPE = "audio/mpeg"  # what every browser plays
AUDIO_SUFFIX = ".mp3"
_COMPRESSION = 0.99  # of libsndfile: about 18 kbit/s


def encode_audio(recording: Recording) -> bytes:
    """A recording, mono at AUDIO_HZ, compressed. Raises DataError for what cannot be read."""
    samples, rate_hz = read_audio(recording.wav)
    stream = io.BytesIO()
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": _COMPRESSION}
    soundfile.write(stream, resample(samples, rate_hz, AUDIO_HZ), AUDIO_HZ, **options)
    return stream.getvalue()


def by_need(recordings: list[Recording]) -> list[int]:
    """Places of the recordings in the order in which they go into the page: those that a system got wrong, then the
    others, evenly spread however many of them fit."""
    wrong = [index for index, recording in enumerate(recordings) if not recording.is_right]
    right = [index for index, recording in enumerate(recordings) if recording.is_right]
    spread = sorted(range(len(right)), key=lambda place: f"{place:b}"[::-1])  # halves, quarters, eighths apart
    return [*wrong, *(right[place] for place in spread)]


def grey_png(pixels: np.ndarray) -> bytes:
    """(H, W) uint8 as a PNG."""
    height, width = pixels.shape
    # Each row is sent as its difference from the one above: neighbouring bands are alike.
    above = np.vstack((np.zeros((1, width), np.uint8), pixels[:-1]))
    rows = np.hstack((np.full((height, 1), 2, np.uint8), pixels - above))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def themed_svg(text: str) -> str:
    """A figure that takes dark colours where the reader's pages are dark: each colour becomes a variable of its own."""
    found = sorted(set(re.findall(r"(?:fill|stroke): #([0-9a-f]{6})", text)) | {"000000"})
    light, dark = (
        " ".join(f"--c{colour}:{as_shown('#' + colour)};" for colour in found) for as_shown in (str, dark_colour)
    )
    style = f"svg {{ fill:var(--c000000); {light} }} @media (prefers-color-scheme:dark) {{ svg {{ {dark} }} }}"
    text = re.sub(r"(fill|stroke): #([0-9a-f]{6})", r"\1: var(--c\2)", text)
    return re.sub(r"(<svg [^>]*>)", lambda tag: f"{tag[1]}<style>{style}</style>", text, count=1)


def data_uri(kind: str, content: bytes) -> str:
    """``content`` as a URL that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def scores_text(scores: np.ndarray) -> str:
    """(T,) in [0, 1], a byte each, in base64."""
    return base64.b64encode(np.rint(255 * np.clip(scores, 0, 1)).astype(np.uint8).tobytes()).decode()


def summary(recording: Recording) -> dict:
    """What the page's list of files shows and filters by."""
    return {
        "name": recording.name,
        "event": recording.event,
        "subset": recording.subset,
        "verdicts": {system: recording.verdict(system) for system in scored(recording)},
    }


def detail(recording: Recording, spectrogram: np.ndarray | None, new_index: Callable[[str], int]) -> dict:
    """What the page draws of a file, but its audio. ``new_index``: a phone's place in a shared list."""
    picture = None if spectrogram is None else data_uri("image/png", grey_png(grey_levels(spectrogram)))
    return {
        "scene": recording.scene,
        "reference": [[round(each.onset_s, 2), round(each.offset_s, 2)] for each in recording.reference],
        "systems": {
            system: {
                "detected": [[each.onset_s, each.offset_s] for each in recording.detected(system)],
                "scores": scores_text(recording.models[system].scores[recording.name]),
                "threshold": threshold if threshold is None else round(threshold, 3),
            }
            for system in scored(recording)
            for threshold in [recording.models[system].threshold(recording.name)]
        },
        "phones": [[round(start, 2), round(length, 2), new_index(phone)] for start, length, phone in recording.phones],
        "picture": picture,
    }


def scored(recording: Recording) -> list[str]:
    """The systems that have scores of a recording."""
    return [system for system, model in recording.models.items() if recording.name in model.scores]
