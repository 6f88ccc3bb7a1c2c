"""What a checkpoint may hold, checked in full before any of it is used: a file from a stranger is data.

The file is torch's zip of stored (not compressed) parts, so that it cannot grow in memory; its pickle may name the
containers and storages of plain tensors alone. Then every entry that a detector uses is checked for type and range, and
the weights for name, shape and finite values against the network of the configuration.
"""

import math
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import torch

from pysed.detector.config import SystemConfig, config_of_checkpoint
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.normalise import KINDS
from pysed.networks import build_model
from pysed.networks.ensemble import Calibrated
from pysed.networks.network import DetectionNetwork

REMEDY = "train the model anew"
_GLOBALS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|"
    r"torch (Double|Float|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage"
)
_OTHER_IMPORTS = ("INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4")


def read_plain(path: str | os.PathLike) -> Any:
    """The plain values and tensors in a file that torch.save() wrote, on the CPU. Raises DataError for any other."""
    try:
        _check_container(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a trained model") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder; expected a trained model's file") from None
    except Exception as error:  # a damaged file raises half a dozen kinds, in torch, zipfile and pickle
        reason = " ".join(str(error).split())[:100] if isinstance(error, zipfile.BadZipFile | OSError) else ""
        raise DataError(f"{path}: not a checkpoint ({reason or type(error).__name__}); {REMEDY}") from None


def _check_container(path: str | os.PathLike) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise zipfile.BadZipFile("compressed parts")
        if sum(member.file_size for member in members) > os.path.getsize(path):
            raise zipfile.BadZipFile("parts larger than the file")
        pickles = [member for member in members if member.filename.endswith(".pkl")]
        if len(pickles) != 1:
            raise zipfile.BadZipFile(f"{len(pickles)} pickles")
        for operation, argument, _ in pickletools.genops(archive.read(pickles[0])):
            if operation.name in _OTHER_IMPORTS or (
                operation.name == "GLOBAL" and not _GLOBALS.fullmatch(str(argument))
            ):
                raise zipfile.BadZipFile(f"it asks for {argument or operation.name}")


def checked_model(content: Mapping[str, Any], place: str) -> tuple[SystemConfig, torch.nn.Module]:
    """The configuration and the network, with its weights, of a final checkpoint's content, which is checked whole.

    Raises DataError naming ``place`` and the entry at fault.
    """
    for name, (holds, expected) in ENTRIES.items():
        if name not in content and name not in _OPTIONAL:
            raise DataError(f"{place}: no entry '{name}'; expected {expected}; {REMEDY}")
        if name in content and not holds(content[name]):
            raise DataError(f"{place}: {name}: {shown(content[name])}; expected {expected}; {REMEDY}")
    config = config_of_checkpoint(content["config"], f"{place}: config")
    frontend = FrontEnd.from_dict(content["frontend"], f"{place}: frontend") if content["frontend"] else None
    widths = {
        name: _width(content["normalisation"].get(name), f"{place}: normalisation: {name}") if used else 0
        for name, used in (("features", True), ("asr", config.asr))
    }
    if frontend and widths["features"] != frontend.num_mel_bins:
        raise DataError(
            f"{place}: normalisation: features: {widths['features']} values; the front end has {frontend.num_mel_bins}"
        )
    if (content["asr"] is None) == config.asr:
        raise DataError(f"{place}: asr: {shown(content['asr'])}; the configuration says asr: {config.asr}; {REMEDY}")
    if config.asr:
        _check_asr(content["asr"], widths["asr"], f"{place}: asr")
    labels = frontend.frames_per_label if frontend else 2
    arguments = (config, widths["features"], widths["asr"], labels, len(content.get("scenes") or ()))
    with torch.device("meta"):  # shapes without memory
        try:
            expected_state = build_model(*arguments).state_dict()
        except (RuntimeError, OverflowError, ValueError) as error:
            if isinstance(error, DataError):
                raise DataError(f"{place}: config: {error}") from None
            raise DataError(f"{place}: config: no such network ({type(error).__name__}); {REMEDY}") from None
    _check_state(content["state"], expected_state, f"{place}: state")
    model = build_model(*arguments)
    model.load_state_dict(dict(content["state"]))
    return config, _calibrated(model, content.get("calibration"), f"{place}: calibration")


def _calibrated(model: DetectionNetwork, calibration: dict[str, Any] | None, place: str) -> DetectionNetwork:
    """The network with the calibration of its scores; without one as it is."""
    if calibration is None:
        return model
    whole = Calibrated(model)
    for name, like in (("slope", whole.slope), ("offset", whole.offset)):
        _check_state({name: calibration.get(name)}, {name: like}, place)
        like.copy_(calibration[name])
    return whole


def shown(value: Any) -> str:
    """A value in a few words, however large it is."""
    if value is None or isinstance(value, bool | float):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else "a huge number"
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def _width(statistics: Any, place: str) -> int:
    """The number of values that are normalised."""
    if not isinstance(statistics, dict):
        raise DataError(f"{place}: {shown(statistics)}; expected kind, shift and scale; {REMEDY}")
    if statistics.get("kind") not in KINDS:
        raise DataError(f"{place}: kind {shown(statistics.get('kind'))}; expected one of {', '.join(KINDS)}; {REMEDY}")
    for name in ("shift", "scale"):
        values: Any = statistics.get(name)
        if not (_is_tensor(values) and values.ndim == 1 and len(values) and values.dtype == torch.float32):
            raise DataError(f"{place}: {name}: {shown(values)}; expected a vector of float32; {REMEDY}")
        if not torch.isfinite(values).all():
            raise DataError(f"{place}: {name}: values that are not finite; {REMEDY}")
    if len(statistics["shift"]) != len(statistics["scale"]):
        raise DataError(f"{place}: shift and scale differ in length; {REMEDY}")
    return len(statistics["shift"])


def _check_asr(asr: Any, width: int, place: str) -> None:
    good = isinstance(asr, dict) and isinstance(asr.get("layer"), str) and isinstance(asr.get("model"), str | None)
    if not good or type(asr.get("dim")) is not int:
        raise DataError(f"{place}: {shown(asr)}; expected model, layer and dim of the recogniser; {REMEDY}")
    if asr["dim"] != width:
        raise DataError(f"{place}: dim {shown(asr['dim'])}; normalisation has {width} values; {REMEDY}")
    tuned = asr.get("tuned")
    if tuned is not None:
        if not _is_state(tuned):
            raise DataError(f"{place}: tuned: {shown(tuned)}; expected weights by name; {REMEDY}")
        for name, values in tuned.items():
            _check_finite(values, f"{place}: tuned: {name[:80]}")


def _check_state(state: Mapping[str, Any], expected: Mapping[str, torch.Tensor], place: str) -> None:
    for name in state:
        if name not in expected:
            raise DataError(f"{place}: {name[:80]!r}: no weights of this network; {REMEDY}")
    for name, like in expected.items():
        values = state.get(name)
        if values is None or values.shape != like.shape or values.dtype != like.dtype:
            form = f"{tuple(like.shape)} {str(like.dtype).removeprefix('torch.')}"
            raise DataError(f"{place}: {name}: {shown(values)}; expected {form}; {REMEDY}")
        _check_finite(values, f"{place}: {name}")


def _check_finite(values: torch.Tensor, place: str) -> None:
    if values.is_floating_point() and not torch.isfinite(values).all():
        raise DataError(f"{place}: values that are not finite; {REMEDY}")


def _is_tensor(value: Any) -> bool:
    """Whether it is a plain tensor whose values are all in the file, none of them there for many."""
    if type(value) is not torch.Tensor or value.layout != torch.strided or value.device.type != "cpu":
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) and _is_tensor(each) for name, each in value.items())


def _is_number(value: Any, low: float = -math.inf, high: float = math.inf) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9 and low <= value <= high


def _is_flat(value: Any) -> bool:
    """Whether it is a mapping of words to short plain values."""
    return isinstance(value, dict) and all(
        isinstance(key, str) and len(key) < 100 and (_is_number(each) or isinstance(each, bool) or _is_text(each))
        for key, each in value.items()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1000 and value.isprintable()


def _is_name(value: Any) -> bool:
    return _is_text(value) and 0 < len(value) <= 200


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= 10_000 and all(map(_is_name, value))


ENTRIES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "config": (_is_flat, "the configuration, key: value"),
    "event": (_is_name, "an event class"),
    "seed": (lambda v: type(v) is int and 0 <= v < 1 << 64, "a whole number"),
    "state": (_is_state, "weights by name"),
    "calibration": (lambda v: v is None or _is_state(v), "slope and offset of the scores, or nothing"),
    "frontend": (lambda v: v is None or _is_flat(v), "a front end, key: value, or nothing"),
    "asr": (lambda v: v is None or isinstance(v, dict), "a recogniser or nothing"),
    "normalisation": (lambda v: isinstance(v, dict), "statistics by stream"),
    "t_base": (_is_number, "a number"),
    "beta": (_is_number, "a number"),
    "max_gap_s": (lambda v: v is None or _is_number(v, 0), "seconds or nothing"),
    "low_ratio": (lambda v: _is_number(v, 0, 1), "a number from 0 to 1"),
    "window_s": (lambda v: v is None or _is_number(v, 0.1, 3600), "seconds from 0.1 to 3600, or nothing"),
    "epoch": (lambda v: type(v) is int and 0 < v < 1 << 32, "a whole number"),
    "scenes": (_is_names, "names of scenes"),
}
#: Not in every version's checkpoints, or not used by detection.
_OPTIONAL = ("calibration", "low_ratio", "window_s", "epoch", "scenes")
