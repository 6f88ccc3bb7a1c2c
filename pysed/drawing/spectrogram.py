"""What a file's picture shows, alike on the report's page and from ``pysed detect --plot``: its greys, axis, names."""

import colorsys

import numpy as np

from pysed.features.frontend import FrontEnd
from pysed.kaldi.mel import mel_scale
from pysed.kaldi.phones import without_position
from pysed.phones.names import is_speech

# Okabe and Ito's palette, told apart by colour-blind readers.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_GOLDEN = 0.618034  # of a turn of hues: neighbours in a list lie far apart, however long it grows
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)
_GREYS = 32  # a third fewer bytes than with 256, and none misses them


def line_colour(index: int) -> str:
    """The colour of a figure's line of this number: the palette's, then darker and lighter hues all around."""
    if index < len(_PALETTE):
        return _PALETTE[index]
    more = index - len(_PALETTE)
    parts = colorsys.hls_to_rgb(more * _GOLDEN % 1, (0.35, 0.55)[more % 2], 0.5)
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)


def dark_colour(colour: str) -> str:
    """A colour of #rrggbb for a dark ground: greys change places with light ones, hues stay and are light enough."""
    hue, light, saturation = colorsys.rgb_to_hls(*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)))
    light = max(light, 0.58) if saturation > 0.15 else 0.92 - 0.75 * light
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, saturation))


def grey_levels(features: np.ndarray) -> np.ndarray:
    """(T, F) log energies → (F, T) uint8, low frequencies in the last row; 0 from the 2nd percentile down, the most
    from the 99.8th up."""
    low, high = np.percentile(features, (2, 99.8))
    grey = np.clip((features.T[::-1] - low) / max(high - low, 1e-6), 0, 1)
    return (np.rint((_GREYS - 1) * grey) * (256 // _GREYS)).astype(np.uint8)


def frequency_ticks(frontend: FrontEnd) -> list[tuple[float, str]]:
    """(height, kHz) of round frequencies on such a spectrogram, 0 its lower edge and 1 its upper."""
    low, high = mel_scale(frontend.low_freq_hz), mel_scale(frontend.high_freq_hz)
    bands = frontend.num_mel_bins
    # Band b is centred (b + 1) / (bands + 1) of the way up in mel, and drawn (b + 1/2) / bands of the way.
    heights = [((mel_scale(hz) - low) / (high - low) * (bands + 1) - 0.5) / bands for hz in _TICKS_HZ]
    within = [(min(float(at), 1.0), hz) for at, hz in zip(heights, _TICKS_HZ, strict=True) if 0 <= at <= 1 + 1 / bands]
    return [(at, f"{hz / 1000:g}") for at, hz in within]


def phone_label(name: str) -> tuple[str, bool]:
    """What is written for a phone, its name without word position; and whether it is speech."""
    return without_position(name), is_speech(name)
