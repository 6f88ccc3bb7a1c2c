"""Whose features a data directory holds: what the marks of its tables say of the front end and the recogniser."""

import os

from pysed.freshness import marks
from pysed.freshness.files import digest


def is_of_other_frontend(mark_path: str, kaldi_options: list[str], average_frames: int) -> bool:
    """Whether a table's features are of another front end; False where that is not known.

    ``mark_path`` is a ``.done_feats_FRONTEND`` of steps/make_sed_feats.sh, which notes what ``pysed feats options``
    printed, and how many frames were averaged.
    """
    mark = marks.read_mark(mark_path)
    if mark is None or not mark["made"]:  # written by hand, or by an earlier version
        return False
    noted = mark["made"][0]["digest"], mark["options"]
    return noted != (digest("\n".join(kaldi_options)), [str(average_frames)])


def other_recogniser(mark_path: str, asr: str, layer: str | None = None) -> str:
    """How the recogniser of a table is another than ``asr`` as it is now, in words; "" where it is that or not known.

    ``layer``: of it; None: any. ``mark_path`` is a ``.done_prefinal`` of steps/make_asr_feats.sh: its options are the
    layer and the model's files.
    """
    mark = marks.read_mark(mark_path)
    if mark is None or not mark["options"]:  # written by hand, or by an earlier version
        return ""
    noted_layer, *names = mark["options"]
    layer = noted_layer if layer is None else layer
    noted = dict(zip(names, mark["inputs"][-len(names) :], strict=False))  # the last are the model's
    if not noted.get("final.mdl", [""])[0].endswith("/final.mdl"):
        return ""
    folder = os.path.dirname(mark_path)
    made_by = noted["final.mdl"][0].removesuffix("/final.mdl")
    contents = marks.Contents(mark, folder)
    others = [name for name, each in noted.items() if contents.of(os.path.join(asr, name))[2] != each[3]]
    if layer == noted_layer and not others:
        return ""
    if layer == noted_layer and os.path.realpath(asr) == os.path.realpath(made_by):
        return f"{folder}: its features were made before {os.path.join(asr, others[0])} changed"
    return f"{folder}: its features are of {made_by} ({noted_layer}), not of {asr} ({layer})"
