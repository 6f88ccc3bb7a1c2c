"""A Vosk model's folder in the model-folder layout: links to its files, which stay as they are.

Vosk's layout: am/final.mdl, conf/{mfcc.conf,model.conf}, ivector/ (none: a model without i-vectors), and in graph/
either HCLG.fst or HCLr.fst and Gr.fst, which Vosk composes while decoding ("look-ahead") and which are composed here
once. With am/global_cmvn.stats the
network's input is normalised online, by the default options, as Vosk itself does it (Model::ReadDataFiles).
"""

import re
import shutil
from pathlib import Path, PurePosixPath

from pysed.atomic import temporary_beside
from pysed.errors import DataError
from pysed.fetch.chain_model import EXTRACTOR
from pysed.freshness.marks import clear_left_beside
from pysed.kaldi.graph.decoding_graph import build_look_ahead
from pysed.kaldi.options import config_values
from pysed.kaldi.phones import read_phones
from pysed.kaldi.transitions import TransitionModel, read_transition_model
from pysed.text_files import read_lines

PHONES = ("graph/phones.txt", "graph/phones/phones.txt", "am/phones.txt", "phones.txt")
BOUNDARIES = "graph/phones/word_boundary.int"
POSITIONS = {"nonword": "", "begin": "_B", "end": "_E", "internal": "_I", "singleton": "_S"}
LOOK_AHEAD = ("HCLr.fst", "Gr.fst", "disambig_tid.int")
FOLDERS = ("am", "conf", "graph", "ivector")


def place_member(name: PurePosixPath) -> PurePosixPath | None:
    """Where a member of a model's archive goes: from ``am``, ``conf``, … on; anything else is left out."""
    for index, part in enumerate(name.parts[:-1]):
        if part in FOLDERS:
            return PurePosixPath(*name.parts[index:])
    return None


def arrange_vosk(source: Path, out: Path, whole: bool = False) -> str | None:
    """Make ``out`` a model folder of links to the Vosk model ``source``; returns why it gives no phones, if so.

    A look-ahead graph's halves are composed unless there is a graph, with the ``whole`` grammar or words alone
    (`build_look_ahead`). A folder that is arranged already is left as it is. Raises DataError for a file that is
    missing or empty, and where ``out`` belongs to another model.
    """
    source = source.resolve()
    network = out / "final.mdl"
    if network.exists() and network.resolve() != (source / "am/final.mdl").resolve():
        raise DataError(f"{out}: belongs to {network.resolve()}; rename {source} or remove {out}")
    if not network.exists():
        temporary = temporary_beside(out)
        clear_left_beside(out)
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            _fill(source, temporary)
            shutil.rmtree(out, ignore_errors=True)  # links to a folder that is gone
            temporary.rename(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    _link_cmvn(source, out)
    return None if (out / "graph/HCLG.fst").is_file() else _compose(source, out, whole)


def _compose(source: Path, out: Path, whole: bool) -> str | None:
    """Of a look-ahead graph, where there is one and it can be read; returns why not."""
    graph = source / "graph"
    if not (out / "phones.txt").is_file() or not all((graph / name).is_file() for name in LOOK_AHEAD):
        return _why_no_phones(source)
    num_transition_ids = read_transition_model(str(out / "final.mdl")).num_transition_ids
    print(f"{out}: composing the decoding graph", flush=True)
    try:
        kind = build_look_ahead(graph, num_transition_ids, out / "graph", whole)
    except DataError as error:
        return str(error)
    print(f"{out}: a graph of {kind}", flush=True)
    return None


def _link_cmvn(source: Path, out: Path) -> None:
    """Also in a folder that was arranged before these files were known."""
    stats, arranged = source / "am/global_cmvn.stats", out / "global_cmvn.stats"
    if stats.is_file() and not arranged.is_file():
        _link(stats, arranged)
    if stats.is_file():
        (out / "online_cmvn").touch()


def _fill(source: Path, out: Path) -> None:
    if (source / "conf/pitch.conf").is_file():
        raise DataError(f"{source / 'conf/pitch.conf'}: a network that takes pitch; expected one of MFCC alone")
    _link(source / "am/final.mdl", out / "final.mdl")
    _link(source / "conf/mfcc.conf", out / "conf/mfcc_hires.conf")
    if (source / "ivector").is_dir():
        for name in (*EXTRACTOR, "splice.conf"):
            _link(source / "ivector" / name, out / "extractor" / name)
    config = source / "conf/model.conf"
    factor = config_values(config).get("frame-subsampling-factor", "3") if config.is_file() else "3"
    (out / "frame_subsampling_factor").write_text(f"{factor}\n")
    phones = [source / name for name in PHONES if (source / name).is_file()]
    optional = {"am/tree": "tree", "conf/ivector.conf": "conf/ivector.conf"}
    optional["ivector/online_cmvn.conf"] = "extractor/online_cmvn.conf"
    if phones:
        _name_phones(source, phones[0], out)
        optional |= {f"graph/{name}": f"graph/{name}" for name in ("HCLG.fst", "words.txt")}
    for name, target in optional.items():
        if (source / name).is_file():
            (out / target).parent.mkdir(exist_ok=True)
            (out / target).symlink_to(source / name)


def _name_phones(source: Path, given: Path, out: Path) -> None:
    """The model's names of phones, or, where they are another model's, numbers with the word positions it goes by."""
    transitions = read_transition_model(str(out / "final.mdl"))
    boundaries = source / BOUNDARIES
    try:
        read_phones(str(given), transitions)
        _link(given, out / "phones.txt")
    except DataError as error:
        if not boundaries.is_file():
            raise
        names = _numbered(boundaries, transitions)
        (out / "phones.txt").write_text("".join(f"{name} {number}\n" for number, name in names.items()))
        print(f"{error}; phones get numbers for names", flush=True)


def _numbered(boundaries: Path, transitions: TransitionModel) -> dict[int, str]:
    """SIL, SPN and, after them, P-3, P-4, …, each as a whole (SIL) or in Kaldi's order of positions, _B _E _I _S."""
    positions: dict[int, str] = {}
    expected = ", ".join(POSITIONS)
    for place, line in enumerate(read_lines(boundaries, "phones and their positions in words"), 1):
        words = line.split()
        if words and (len(words) != 2 or not re.fullmatch("[0-9]{1,10}", words[0]) or words[1] not in POSITIONS):
            raise DataError(f"{boundaries}:{place}: {line[:40]!r}; expected a phone and one of {expected}")
        if words:
            positions[int(words[0])] = words[1]
    names, base, last = {0: "<eps>"}, 0, ""
    for phone in range(1, int(transitions.phone.max()) + 1):
        position = positions.get(phone, "nonword")
        if position == "nonword" or (position == "begin" and last != "nonword"):
            base += 1
        name = {1: "SIL", 2: "SPN"}.get(base, f"P-{base}")
        names[phone] = name + POSITIONS[position]
        last = position
    return names


def _why_no_phones(source: Path) -> str:
    graph = source / "graph"
    if (graph / "HCLG.fst").is_file():
        return f"{source}: no phones.txt (looked for {', '.join(PHONES)})"
    if (graph / "HCLr.fst").is_file():
        return f"{graph}: a look-ahead graph; phones need {', '.join(LOOK_AHEAD)} and one of {', '.join(PHONES)}"
    return f"{graph}: neither HCLG.fst nor HCLr.fst"


def _link(source: Path, target: Path) -> None:
    if not source.is_file() or source.stat().st_size == 0:
        raise DataError(f"{source}: missing or empty; expected in a Vosk model's folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)
