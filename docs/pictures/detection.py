"""Draw the README's picture, what ``pysed detect --plot`` draws: detection-light.svg and detection-dark.svg, and
detection-phone-light.svg and detection-phone-dark.svg for narrow screens.

./run.sh --event babycry
python docs/pictures/detection.py exp/demo/babycry/gradual data/demo/babycry/devtest/audio/mixture_devtest_babycry_053_*.wav
"""  # noqa: E501

import sys
from itertools import product
from pathlib import Path

import matplotlib

from pysed.atomic import atomic_path
from pysed.detect.detector import analyse_file, load_detectors
from pysed.drawing.detections import SPEECH_COLOUR, draw, phone_tracks

TITLE = "a baby's cry in a recording of 30 s"
#: File name → width in inches, and size of the letters in the phones' boxes.
PICTURES = {"detection": (10.0, 6.0), "detection-phone": (5.0, 8.5)}
INK = {"light": "#24292f", "dark": "#d1d7e0"}
#: Colours of the light picture → those of the dark one: the first detector's, and speech.
DARKENED = {"#0072b2": "#56b4e9", SPEECH_COLOUR: "#1f3a5f"}


def main(model: str, recording: str) -> None:
    """Write the pictures beside this file."""
    detectors = load_detectors([model])
    (analysed,) = analyse_file(recording, detectors, keeps=True)
    span_s = (0.0, analysed.duration_s)
    for (picture, (width, points)), (scheme, ink) in product(PICTURES.items(), INK.items()):
        kinds = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
        settings = dict.fromkeys(kinds, ink) | {"svg.hashsalt": "pysed", "axes.facecolor": "none"}
        with matplotlib.rc_context(settings):
            figure = draw(TITLE, span_s, detectors, analysed, phone_tracks(detectors), width, points)
            for image in figure.axes[0].images:
                image.set_interpolation("none")  # its own pixels, which are fewest
            if scheme == "dark":
                darken(figure)
            with atomic_path(Path(__file__).parent / f"{picture}-{scheme}.svg") as out:
                figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})


def darken(figure) -> None:
    """The spectrogram's greys turned round, and the colours of DARKENED."""
    from matplotlib.colors import to_hex

    for axes in figure.axes:
        for image in axes.images:
            image.set_cmap("gray")
        for line in axes.lines:
            line.set_color(DARKENED.get(to_hex(line.get_color()), line.get_color()))
        for boxes in axes.collections:
            if len(boxes.get_facecolor()):
                boxes.set_facecolor(DARKENED.get(to_hex(boxes.get_facecolor()[0]), boxes.get_facecolor()))


if __name__ == "__main__":
    main(*sys.argv[1:])
