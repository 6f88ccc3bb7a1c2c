"""Pictures of what was found in a recording, as the report draws test files: spectrogram, each model's events, their
scores, and the phones that a recogniser heard."""

import importlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_path
from pysed.audio.folders import below
from pysed.detect.archive import Analyser, Work
from pysed.detect.detector import Analysis, Detector
from pysed.detect.phone_track import PhoneTrack, has_graph
from pysed.drawing.figure_files import plain_text
from pysed.drawing.spectrogram import frequency_ticks, grey_levels, line_colour, phone_label
from pysed.errors import DataError
from pysed.features.grid import HOP_S

PAGE_S = 60.0
SPEECH_COLOUR = "#d9e4f0"
_WIDTH_INCHES = 10.0
_PHONE_POINTS = 6.0
_CHARACTER_INCHES = 0.01  # of a phone's name, a point


def pages(duration_s: float) -> Iterator[tuple[float, float]]:
    """Start and length in seconds of each picture: a minute, the last one shorter, none of under a second but alone."""
    start = 0.0
    while start == 0.0 or duration_s - start >= 1.0:
        left = duration_s - start
        yield start, left if left < PAGE_S + 1.0 else PAGE_S
        start += PAGE_S


def phone_tracks(detectors: Iterable[Detector]) -> dict[str, tuple[int, PhoneTrack]]:
    """Name → the first detector with a recogniser that has a graph, by its place, and what hears phones with it.

    The name is the recogniser's folder's, or its whole path where several have that name.
    """
    recognisers = {
        each.recogniser.settings.path: (place, each.recogniser)
        for place, each in reversed(list(enumerate(detectors)))
        if each.recogniser and has_graph(each.recogniser.settings.path)
    }
    count = Counter(folder.name for folder in recognisers)
    return {
        folder.name if count[folder.name] == 1 else str(folder): (place, PhoneTrack(asr))
        for folder, (place, asr) in reversed(recognisers.items())
    }


class DrawingAnalyser(Analyser):
    """Analyses files, and draws them into the folder that the work names."""

    def __init__(self, work: Work):
        importlib.import_module("matplotlib")  # an extra: missing, it is to be said before a file is read
        super().__init__(work)
        self.tracks = phone_tracks(self.detectors)

    def show(self, name: str, analysed: list[Analysis]) -> None:
        """Draw what was found in a file, each channel by itself."""
        for number, each in enumerate(analysed, 1):
            title = f"{name}_channel{number}" if len(analysed) > 1 else name
            plot_recording(Path(self.work.plot or ""), title, self.detectors, each, self.tracks)


def plot_recording(
    folder: Path,
    name: str,
    detectors: Sequence[Detector],
    analysed: Analysis,
    tracks: dict[str, tuple[int, PhoneTrack]],
) -> list[Path]:
    """Draw a recording into ``folder``: ``<name>.png``, or ``<name>_<first second>.png`` for each minute of a long one.

    analysed: what the detectors found, with features; tracks: ``phone_tracks`` of the detectors, each picture's minute
    an utterance of its own. Returns the pictures' paths. Raises DataError where ``folder`` cannot be written.
    """
    written = []
    parts = list(pages(analysed.duration_s))
    for start_s, length_s in parts:
        figure = draw(name, (start_s, start_s + length_s), detectors, analysed, tracks)
        out = below(folder, f"{name}{f'_{start_s:04.0f}' if len(parts) > 1 else ''}.png")
        try:
            with atomic_path(out) as temporary:
                figure.savefig(temporary, format="png", dpi=120)
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --plot") from None
        written.append(out)
    return written


def _part(rows: np.ndarray, hop_s: float, span_s: tuple[float, float]) -> np.ndarray:
    return rows[round(span_s[0] / hop_s) : -(-round(span_s[1] / hop_s * 1000) // 1000)]


@plain_text()
def draw(
    name: str,
    span_s: tuple[float, float],
    detectors: Sequence[Detector],
    analysed: Analysis,
    tracks: dict[str, tuple[int, PhoneTrack]],
    width_inches: float = _WIDTH_INCHES,
    phone_points: float = _PHONE_POINTS,
):
    """The figure of a part of a recording, ``span_s`` from its first second to its last, with ``name`` as title.

    ``phone_points`` is the size of the letters in the phones' boxes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [2.4, 0.3 * len(detectors), 1.1] + [0.34 * len(tracks)] * bool(tracks)
    figure = Figure(figsize=(width_inches, sum(heights) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    top, bars, lines, *rest = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    features = _part(analysed.features[0][0], detectors[0].frontend.hop_s, span_s)
    _draw_spectrogram(top, features, detectors[0], span_s[0])
    top.set_title(name, fontsize="small", loc="left")
    for row, (scores, events) in enumerate(zip(analysed.scores, analysed.events, strict=True)):
        colour = line_colour(row)
        bars.broken_barh(
            [(e.onset_s, e.offset_s - e.onset_s) for e in events],
            (row + 0.15, 0.7),
            facecolor=colour,
            edgecolor="white",
        )
        lines.plot(HOP_S * (np.arange(len(scores)) + 0.5), scores, color=colour, linewidth=1)
    labels = [detector_label(each.name) for each in detectors]
    bars.set(ylim=(len(detectors), 0), yticks=np.arange(len(detectors)) + 0.5, yticklabels=labels)
    lines.set(ylim=(0, 1), ylabel="score", xlim=span_s)
    for axes in rest:
        for row, (place, track) in enumerate(tracks.values()):
            mfcc = analysed.features[place][1]
            assert mfcc is not None
            heard = track.compute_of_mfcc(_part(mfcc, 0.01, span_s))
            _draw_phones(axes, row, heard, span_s, width_inches, phone_points)
        labels = [f"phones, {name}" if len(tracks) > 1 else "phones" for name in tracks]
        axes.set(ylim=(len(tracks), 0), yticks=np.arange(len(tracks)) + 0.5, yticklabels=labels)
        axes.tick_params(axis="y", length=0)
    (rest or [lines])[-1].set_xlabel("time (s)")
    return figure


def detector_label(name: str) -> str:
    """A detector's name as it was given, of a path its last two folders: event and system in ``exp/``."""
    path = Path(name)
    return "/".join((path if path.name else path.resolve()).parts[-2:])


def _draw_spectrogram(axes, features: np.ndarray, detector: Detector, start_s: float) -> None:
    end_s = start_s + detector.frontend.hop_s * len(features)
    axes.imshow(grey_levels(features), cmap="gray_r", aspect="auto", extent=(start_s, end_s, 0, 1), vmin=0, vmax=255)
    ticks = frequency_ticks(detector.frontend)
    axes.set_yticks([height for height, _ in ticks], [label for _, label in ticks])
    axes.set_ylabel("kHz")


def _draw_phones(
    axes, row: int, phones: list[tuple[float, float, str]], span_s: tuple[float, float], width: float, points: float
) -> None:
    """A box for each phone, its name where the box is wide enough; speech is tinted."""
    inches_a_second = 0.9 * width / (span_s[1] - span_s[0])
    for start, length, phone in phones:
        label, speech = phone_label(phone)
        colour = SPEECH_COLOUR if speech else "none"
        axes.broken_barh(
            [(span_s[0] + start, length)], (row + 0.1, 0.8), facecolor=colour, edgecolor="#888888", linewidth=0.4
        )
        if length * inches_a_second > _CHARACTER_INCHES * points * len(label):
            middle = span_s[0] + start + length / 2
            axes.text(middle, row + 0.5, label, fontsize=points, ha="center", va="center", clip_on=True)
