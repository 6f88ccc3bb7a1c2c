"""Pictures of what was found in a recording, as the report draws test files: spectrogram, each model's events, their
scores, and the phones that a recogniser heard."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_path
from pysed.audio import AudioFile
from pysed.detect.phone_track import PhoneTrack, has_graph
from pysed.detect.recordings import Detection, LoadedModel, read_window
from pysed.drawing.spectrogram import frequency_ticks, grey_levels, line_colour, phone_label
from pysed.errors import DataError
from pysed.features.grid import HOP_S
from pysed.features.streams import as_int16_values, sed_features

PAGE_S = 60.0
SPEECH_COLOUR = "#d9e4f0"
_WIDTH_INCHES = 10.0
_CHARACTER_INCHES = 0.06  # of a phone's name


def pages(duration_s: float) -> Iterator[tuple[float, float]]:
    """Start and length in seconds of each picture: a minute, the last one shorter, none of under a second but alone."""
    start = 0.0
    while start == 0.0 or duration_s - start >= 1.0:
        left = duration_s - start
        yield start, left if left < PAGE_S + 1.0 else PAGE_S
        start += PAGE_S


def phone_tracks(models: Iterable[LoadedModel]) -> dict[str, PhoneTrack]:
    """Name → what hears phones: the models' recognisers that have a graph, each once.

    The name is the folder's, or its whole path where several have that name.
    """
    recognised = [model.asr for model in models if model.asr and has_graph(model.asr.settings.path)]
    recognisers = {asr.settings.path: asr for asr in recognised}
    count = Counter(folder.name for folder in recognisers)
    return {
        folder.name if count[folder.name] == 1 else str(folder): PhoneTrack(asr) for folder, asr in recognisers.items()
    }


def plot_recording(
    folder: Path,
    name: str,
    path: Path,
    models: list[LoadedModel],
    analysed: list[tuple[np.ndarray, list[Detection]]],
    tracks: dict[str, PhoneTrack],
) -> list[Path]:
    """Draw a recording into ``folder``: ``<name>.png``, or ``<name>_<first second>.png`` for each minute of a long one.

    analysed: scores (T100,) and events of each model; tracks: ``phone_tracks`` of the models, each picture's minute
    an utterance of its own. Returns the pictures' paths. Raises DataError where ``folder`` cannot be written.
    """
    written = []
    with AudioFile(path) as audio:
        parts = list(pages(audio.duration_s))
        for start_s, length_s in parts:
            samples = as_int16_values(read_window(audio, start_s, length_s))
            figure = _draw(name, (start_s, start_s + length_s), samples, models, analysed, tracks)
            out = folder / f"{name}{f'_{start_s:04.0f}' if len(parts) > 1 else ''}.png"
            try:
                with atomic_path(out) as temporary:
                    figure.savefig(temporary, format="png", dpi=120)
            except OSError as error:
                raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --plot") from None
            written.append(out)
    return written


def _draw(
    name: str,
    span_s: tuple[float, float],
    samples: np.ndarray,
    models: list[LoadedModel],
    analysed: list[tuple[np.ndarray, list[Detection]]],
    tracks: dict[str, PhoneTrack],
):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [2.4, 0.3 * len(models), 1.1] + [0.34 * len(tracks)] * bool(tracks)
    figure = Figure(figsize=(_WIDTH_INCHES, sum(heights) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    top, bars, lines, *rest = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_spectrogram(top, sed_features(samples, models[0].frontend), models[0], span_s[0])
    top.set_title(name, fontsize="small", loc="left")
    for row, (scores, events) in enumerate(analysed):
        colour = line_colour(row)
        bars.broken_barh([(e.onset_s, e.offset_s - e.onset_s) for e in events], (row + 0.15, 0.7), color=colour)
        lines.plot(HOP_S * (np.arange(len(scores)) + 0.5), scores, color=colour, linewidth=1)
    labels = ["/".join(Path(model.name).resolve().parts[-2:]) for model in models]  # event and system
    bars.set(ylim=(len(models), 0), yticks=np.arange(len(models)) + 0.5, yticklabels=labels)
    lines.set(ylim=(0, 1), ylabel="score", xlim=span_s)
    for axes in rest:
        for row, track in enumerate(tracks.values()):
            _draw_phones(axes, row, track.compute(samples), span_s)
        labels = [f"phones, {name}" if len(tracks) > 1 else "phones" for name in tracks]
        axes.set(ylim=(len(tracks), 0), yticks=np.arange(len(tracks)) + 0.5, yticklabels=labels)
        axes.tick_params(axis="y", length=0)
    (rest or [lines])[-1].set_xlabel("time (s)")
    return figure


def _draw_spectrogram(axes, features: np.ndarray, model: LoadedModel, start_s: float) -> None:
    end_s = start_s + model.frontend.hop_s * len(features)
    axes.imshow(grey_levels(features), cmap="gray_r", aspect="auto", extent=(start_s, end_s, 0, 1), vmin=0, vmax=255)
    ticks = frequency_ticks(model.frontend)
    axes.set_yticks([height for height, _ in ticks], [label for _, label in ticks])
    axes.set_ylabel("kHz")


def _draw_phones(axes, row: int, phones: list[tuple[float, float, str]], span_s: tuple[float, float]) -> None:
    """A box for each phone, its name where the box is wide enough; speech is tinted."""
    inches_a_second = 0.9 * _WIDTH_INCHES / (span_s[1] - span_s[0])
    for start, length, phone in phones:
        label, speech = phone_label(phone)
        colour = SPEECH_COLOUR if speech else "none"
        axes.broken_barh(
            [(span_s[0] + start, length)], (row + 0.1, 0.8), facecolor=colour, edgecolor="#888888", linewidth=0.4
        )
        if length * inches_a_second > _CHARACTER_INCHES * len(label):
            middle = span_s[0] + start + length / 2
            axes.text(middle, row + 0.5, label, fontsize=6, ha="center", va="center", clip_on=True)
