"""Pictures of files: reference and detected events as bars, over the spectrogram where the audio is at hand."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pysed.atomic import atomic_path
from pysed.audio.folders import listed_path
from pysed.drawing.figure_files import plain_text
from pysed.errors import DataError
from pysed.events import COLLAR_S, Event

REFERENCE_COLOUR = "#1b7837"
DETECTED_COLOUR = "#c2410c"


def plot_files(
    folder: str | os.PathLike,
    reference: Mapping[str, Iterable[Event]],
    detected: Mapping[str, Iterable[Event]],
    event: str,
    audio_dir: str | os.PathLike | None = None,
) -> list[Path]:
    """One PNG per file of the reference in ``folder``; returns their paths.

    ``audio_dir``: folder with the files themselves; a spectrogram is drawn above the bars.
    Raises DataError for audio that is missing or unreadable, and for names that lead outside ``folder``, before
    anything is drawn.
    """
    for name in reference:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"{name}: leads outside {folder}; expected names of files inside one folder")
    if audio_dir is not None:
        for name in reference:
            if not listed_path(Path(audio_dir), name).is_file():
                raise DataError(f"{Path(audio_dir) / name}: no such file; expected the reference's audio in --audio")
    return [
        _plot(Path(folder) / f"{name}.png", name, events, detected.get(name, ()), event, audio_dir)
        for name, events in reference.items()
    ]


def verdict(reference: list[Event], detected: list[Event]) -> str:
    """What happened in a file, in two words, for titles."""
    if not reference and not detected:
        return "correct rejection"
    if not detected:
        return "miss"
    if not reference:
        return "false alarm"
    near = min(abs(r.onset_s - d.onset_s) for r in reference for d in detected)
    return "hit" if near <= COLLAR_S else f"onset off by {near:.2f} s"


@plain_text()
def _plot(
    path: Path,
    name: str,
    reference: Iterable[Event],
    detected: Iterable[Event],
    event: str,
    audio_dir: str | os.PathLike | None,
) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    reference = [each for each in reference if each.label == event]
    detected = [each for each in detected if each.label == event]
    figure = Figure(figsize=(10, 1.6 if audio_dir is None else 4), layout="constrained")
    FigureCanvasAgg(figure)
    bars = figure.subplots() if audio_dir is None else None
    end_s = max([30.0, *(each.offset_s for each in (*reference, *detected))])
    if bars is None:
        spectrogram, bars = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        end_s = _draw_spectrogram(spectrogram, listed_path(Path(audio_dir or ""), name))
        top = spectrogram
    else:
        top = bars
    for height, (events, colour) in enumerate([(detected, DETECTED_COLOUR), (reference, REFERENCE_COLOUR)]):
        bars.broken_barh([(e.onset_s, e.offset_s - e.onset_s) for e in events], (height + 0.15, 0.7), color=colour)
    bars.set(yticks=[0.5, 1.5], yticklabels=["detected", "reference"], ylim=(0, 2), xlim=(0, end_s), xlabel="time (s)")
    top.set_title(f"{name}: {event}: {verdict(reference, detected)}", fontsize="small", loc="left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return path


def _draw_spectrogram(axes, path: Path) -> float:
    """Draw a spectrogram in dB of a file; returns its duration in seconds."""
    import numpy as np

    from pysed.audio import read_audio

    samples, rate_hz = read_audio(path)
    end_s = len(samples) / rate_hz
    samples = samples + 1e-8 * np.sin(np.arange(len(samples)))  # silence has no dB
    axes.specgram(samples, NFFT=512, Fs=rate_hz, noverlap=256, cmap="magma", xextent=(0, end_s))
    axes.set(ylabel="Hz")
    return end_s
