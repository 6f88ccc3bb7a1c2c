"""What a recogniser's folder says about its features: the one reader for training, detection and the shell's stages.

The files are those that Kaldi's scripts read (``steps/nnet3/decode.sh``, ``extract_ivectors_online.sh``):
``conf/mfcc_hires.conf``; ``extractor/`` (no such folder: no i-vectors) with ``splice.conf`` or ``splice_opts``,
``online_cmvn.conf`` and the mark ``online_cmvn_iextractor``; ``conf/ivector.conf``; ``cmvn_opts`` of a network that was
trained on normalised features, with the mark ``online_cmvn`` and ``global_cmvn.stats`` where that was done online;
``frame_subsampling_factor``. Options have Kaldi's defaults. What is unknown, missing or contradictory is refused.
"""

import difflib
import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.kaldi.cmvn import CmvnOptions, OnlineCmvnOptions, add_stats, apply_cmvn, check_stats, online_cmvn
from pysed.kaldi.features import MfccOptions, check_options, match_rate
from pysed.kaldi.ivector import IvectorExtractor, IvectorOptions
from pysed.kaldi.options import option_lines, read_struct
from pysed.kaldi.splice import SpliceOptions
from pysed.kaldi.tables import read_object
from pysed.text_files import read_text

BINARIES = {
    "lda_matrix": "final.mat",
    "global_cmvn_stats": "global_cmvn.stats",
    "diag_ubm": "final.dubm",
    "ivector_extractor": "final.ie",
}
_RATE_HZ = 16000  # of all sound that a recogniser is given
_SHIFT_MS = 10.0
_CONFIGS = {"cmvn_config": "online_cmvn.conf", "splice_config": "splice.conf"}

T = TypeVar("T", bound=CmvnOptions)


@dataclass(frozen=True)
class IvectorSettings:
    """How i-vectors are extracted; ``options`` names the extractor's binary files in the model's folder."""

    options: IvectorOptions
    cmvn: OnlineCmvnOptions
    splicing: SpliceOptions


@dataclass(frozen=True)
class ModelFolder:
    """A recogniser's folder; ``cmvn`` is what the network's input was normalised by (None: it was not).

    ``global_stats``: (2, F + 1), where ``cmvn`` is online; ``ivectors`` is None for a model without.
    """

    path: Path
    mfcc: MfccOptions
    ivectors: IvectorSettings | None
    cmvn: CmvnOptions | None
    global_stats: np.ndarray | None
    frame_subsampling_factor: int

    def normalise(self, features: np.ndarray) -> np.ndarray:
        """MFCC of one utterance (T, F) as the network takes them, (T, F); nothing comes from other utterances."""
        if self.cmvn is None or not len(features):
            return features
        if isinstance(self.cmvn, OnlineCmvnOptions):
            assert self.global_stats is not None
            return online_cmvn(features, self.cmvn, self.global_stats)
        return apply_cmvn(features, self.cmvn, add_stats(None, features))

    def fingerprint(self) -> str:
        """Of all that is said about the features, the same for folders that say the same."""
        said: list[str] = option_lines(self.mfcc, besides=MfccOptions())
        if self.ivectors is not None:
            bare: dict[str, Any] = dict.fromkeys(BINARIES, "")
            said += ["ivectors", *option_lines(replace(self.ivectors.options, **bare), besides=IvectorOptions())]
            said += option_lines(self.ivectors.cmvn, besides=OnlineCmvnOptions())
            said += option_lines(self.ivectors.splicing, besides=SpliceOptions())
        if self.cmvn is not None:
            said += [type(self.cmvn).__name__, *option_lines(self.cmvn, besides=type(self.cmvn)())]
        stats = b"" if self.global_stats is None else self.global_stats.tobytes()
        return hashlib.sha256("\n".join(said).encode() + stats).hexdigest()[:16]

    def check_layer(self, layer: str) -> None:
        """Raise DataError for a node whose values the network cannot give; only the network's outline is read."""
        network = self.path / "final.mdl"
        outline = (
            network.read_bytes().partition(b"<Nnet3>")[2].partition(b"<NumComponents>")[0].decode(errors="replace")
        )
        nodes = re.findall(r"^\s*(?:input|component|dim-range)-node .*?\bname=(\S+)", outline, re.MULTILINE)
        if layer not in nodes:
            near = ", ".join(difflib.get_close_matches(layer, nodes) or nodes[-3:])
            raise DataError(f"--layer {layer}: no such node in {network}; expected one of its nodes, such as {near}")

    def extractor(self) -> IvectorExtractor | None:
        """The i-vector extractor, read from the folder; None for a model without."""
        if self.ivectors is None:
            return None
        try:
            return IvectorExtractor.build(self.ivectors.options, self.ivectors.cmvn, self.ivectors.splicing)
        except DataError as error:
            place = "" if str(self.path) in str(error) else f"{self.path / 'extractor'}: "
            raise DataError(f"{place}{error}") from None

    def write(self, out: Path) -> None:
        """Configuration files of Kaldi's commands in the folder ``out``, which says all that the model's folder says.

        ``mfcc.conf``; with i-vectors ``ivector_extractor.conf``, ``splice.conf``, ``online_cmvn.conf``; ``cmvn.conf``
        for apply-cmvn or ``cmvn_online.conf`` for apply-cmvn-online. Those that do not apply are removed.
        """
        lines = {"mfcc.conf": option_lines(self.mfcc, besides=MfccOptions())}
        if self.ivectors is not None:
            places: dict[str, Any] = {item: _writable(out / name) for item, name in _CONFIGS.items()}
            _writable(self.path)
            lines["ivector_extractor.conf"] = option_lines(replace(self.ivectors.options, **places))
            lines["splice.conf"] = option_lines(self.ivectors.splicing)
            lines["online_cmvn.conf"] = option_lines(self.ivectors.cmvn)
        if self.cmvn is not None:
            online = isinstance(self.cmvn, OnlineCmvnOptions)
            lines["cmvn_online.conf" if online else "cmvn.conf"] = option_lines(self.cmvn)
        out.mkdir(parents=True, exist_ok=True)
        known = ("ivector_extractor.conf", "splice.conf", "online_cmvn.conf", "cmvn.conf", "cmvn_online.conf")
        for name in set(known) - set(lines):
            (out / name).unlink(missing_ok=True)
        for name, content in lines.items():
            with atomic_open(out / name, "w", encoding="utf-8") as stream:
                stream.writelines(f"{line}\n" for line in content)


def read_model_folder(path: str | os.PathLike) -> ModelFolder:
    """All of a recogniser's folder that concerns its features. Raises DataError for whatever is not right with it."""
    path = Path(path)
    _need(path / "final.mdl")
    config = _need(path / "conf/mfcc_hires.conf")
    # Dither is noise from a random generator: off, so that the same audio has the same features.
    mfcc = replace(read_struct(MfccOptions(), config), dither=0.0)
    try:
        check_options(mfcc)
        match_rate(np.zeros(_RATE_HZ // 10), _RATE_HZ, mfcc)
    except DataError as error:
        raise DataError(f"{config}: {error}") from None
    if mfcc.frame_shift != _SHIFT_MS:
        raise DataError(
            f"{config}: --frame-shift={mfcc.frame_shift:g}; expected {_SHIFT_MS:g}, by which features and phones are "
            "timed here: take a recogniser of that frame shift"
        )
    cmvn = _network_cmvn(path, mfcc.num_ceps)
    stats = None
    if isinstance(cmvn, OnlineCmvnOptions):
        name = str(_need(path / "global_cmvn.stats"))
        stats = check_stats(read_object(name).matrix(), name)
        if stats.shape[1] - 1 != mfcc.num_ceps:
            raise DataError(f"{name}: {stats.shape[1] - 1} dimensions; {config} makes {mfcc.num_ceps}")
    factor = _subsampling_factor(path / "frame_subsampling_factor")
    return ModelFolder(path, mfcc, _ivector_settings(path), cmvn, stats, factor)


def _need(path: Path) -> Path:
    if not path.is_file() or path.stat().st_size == 0:
        raise DataError(f"{path}: missing or empty; expected in a recogniser's folder (docs/data.md lists its files)")
    return path


def _ivector_settings(path: Path) -> IvectorSettings | None:
    parts, config = path / "extractor", path / "conf/ivector.conf"
    if not parts.is_dir():
        return None
    options = read_struct(IvectorOptions(), config) if config.is_file() else IvectorOptions()
    for item, name in (BINARIES | _CONFIGS).items():
        given = getattr(options, item)
        if given and Path(given).name != name:
            option = item.replace("_", "-")
            raise DataError(f"{config}: --{option}={given}; expected extractor/{name}: give it that name there")
    files: dict[str, Any] = {item: str(_need(parts / name)) for item, name in BINARIES.items()}
    options = replace(options, cmvn_config="", splice_config="", **files)
    if (parts / "online_cmvn_iextractor").is_file():
        options = replace(options, online_cmvn_iextractor=True)
    cmvn = parts / "online_cmvn.conf"
    online = read_struct(OnlineCmvnOptions(), cmvn) if cmvn.is_file() else OnlineCmvnOptions()
    return IvectorSettings(options, online, _splicing(parts))


def _splicing(parts: Path) -> SpliceOptions:
    """Of ``splice.conf``, an option a line, or ``splice_opts``, all on one; both must say the same."""
    found = []
    if (parts / "splice.conf").is_file():
        found.append(read_struct(SpliceOptions(), parts / "splice.conf"))
    if (parts / "splice_opts").is_file():
        words = read_text(parts / "splice_opts").split()
        found.append(read_struct(SpliceOptions(), parts / "splice_opts", words))
    if not found:
        raise DataError(
            f"{parts}: neither splice.conf nor splice_opts; expected one of them, of the extractor's training"
        )
    if found[0] != found[-1]:
        raise DataError(f"{parts}: splice.conf and splice_opts differ; keep the one of the extractor's training")
    return found[0]


def _network_cmvn(path: Path, dim: int) -> CmvnOptions | None:
    """As Kaldi decodes: ``cmvn_opts`` are apply-cmvn-online's with the mark ``online_cmvn``, else apply-cmvn's.

    The mark alone, as folders for online decoding have it, takes the options from ``conf/online_cmvn.conf``.
    """
    options, online = path / "cmvn_opts", (path / "online_cmvn").is_file()
    if not online and (path / "global_cmvn.stats").is_file():
        raise DataError(
            f"{path / 'global_cmvn.stats'}: beside no file online_cmvn; if the network was trained with online CMVN, "
            "make an empty one, otherwise remove the statistics"
        )
    cmvn: CmvnOptions | None = None
    if options.is_file():
        cmvn = _cmvn_opts(path, OnlineCmvnOptions()) if online else _cmvn_opts(path, CmvnOptions())
    elif online:
        config = path / "conf/online_cmvn.conf"
        cmvn = read_struct(OnlineCmvnOptions(), config) if config.is_file() else OnlineCmvnOptions()
    if cmvn is None or not cmvn.norm_means:
        return None
    try:
        cmvn.skipped_of(dim)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return cmvn


def _cmvn_opts(path: Path, defaults: T) -> T:
    """Options on a line, among them perhaps ``--config=FILE``, whose file is then in the folder or its conf/."""
    options = path / "cmvn_opts"
    words = []
    for word in read_text(options).split():
        if match := re.match(r"--config=(.*)", word, re.IGNORECASE):
            name = Path(match[1]).name
            places = [place for place in (path / "conf" / name, path / name) if os.path.isfile(place)]
            if not name or not places:
                raise DataError(f"{options}: {word[:80]}; expected that file in {path / 'conf'}: copy it there")
            word = f"--config={places[0]}"
        words.append(word)
    return read_struct(defaults, options, words)


def _subsampling_factor(path: Path) -> int:
    """Of the network's frames; 1 without such a file."""
    if not path.is_file():
        return 1
    text = read_text(path).strip()
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) < 100:
        raise DataError(f"{path}: {text[:20]!r}; expected how many frames the network skips, 3 of a chain model")
    return int(text)


def _writable(path: Path) -> str:
    """The path for a configuration file, where Kaldi would cut it at a ``#`` and strip its ends."""
    text = str(path)
    if "#" in text or len(text.splitlines()) != 1 or text != text.strip():
        raise DataError(f"{text!r}: a name that cannot stand in Kaldi's configuration files; rename the folder")
    return text
