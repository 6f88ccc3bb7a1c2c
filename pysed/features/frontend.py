"""A front end: what turns samples into SED features, as one YAML of ``conf/frontends/``.

Features are stored unnormalised, averaged, without context; normalisation and context are the model's business.
"""

import dataclasses
import difflib
import os
from dataclasses import dataclass
from typing import Any

from pysed.errors import DataError
from pysed.text_files import read_yaml

#: What a frame of labels and scores covers; stored frames have to fit it a whole number of times.
SCORE_MS = 100.0


@dataclass(frozen=True)
class FrontEnd:
    """Log-mel energies by Kaldi's ``compute-fbank-feats``, then the mean of ``average_frames`` frames (paper 2.2)."""

    name: str
    sample_frequency_hz: float = 16000.0
    num_mel_bins: int = 40
    frame_length_ms: float = 20.0
    frame_shift_ms: float = 10.0
    low_freq_hz: float = 20.0
    high_freq_hz: float = 8000.0
    window_type: str = "hamming"
    preemphasis: float = 0.97
    remove_dc_offset: bool = True
    snip_edges: bool = False
    dither: float = 0.0
    average_frames: int = 5
    context_frames: int = 2

    @property
    def hop_s(self) -> float:
        """Seconds a stored frame covers: frame t is [t·hop_s, (t+1)·hop_s)."""
        return self.frame_shift_ms * self.average_frames / 1000

    @property
    def frames_per_label(self) -> int:
        """Stored frames to a 100 ms frame of labels and scores: 2 of logmel40's 50 ms."""
        return round(SCORE_MS / (self.frame_shift_ms * self.average_frames))

    @property
    def feature_dim(self) -> int:
        """Values a frame with its context: (2·context_frames + 1)·num_mel_bins."""
        return (2 * self.context_frames + 1) * self.num_mel_bins

    def num_frames(self, duration_s: float) -> int:
        """Stored frames of a recording (600 for 30 s of logmel40)."""
        samples = round(duration_s * self.sample_frequency_hz)
        shift = round(self.sample_frequency_hz * self.frame_shift_ms / 1000)
        length = round(self.sample_frequency_hz * self.frame_length_ms / 1000)
        frames = max(0, 1 + (samples - length) // shift) if self.snip_edges else (samples + shift // 2) // shift
        return -(-frames // self.average_frames)

    def kaldi_options(self) -> list[str]:
        """Options of compute-fbank-feats, one a line of its ``--config`` file."""
        values: dict[str, Any] = {
            "sample-frequency": self.sample_frequency_hz,
            "num-mel-bins": self.num_mel_bins,
            "frame-length": self.frame_length_ms,
            "frame-shift": self.frame_shift_ms,
            "low-freq": self.low_freq_hz,
            "high-freq": self.high_freq_hz,
            "window-type": self.window_type,
            "preemphasis-coefficient": self.preemphasis,
            "remove-dc-offset": self.remove_dc_offset,
            "snip-edges": self.snip_edges,
            "dither": self.dither,
        }
        return [f"--{name}={_written(value)}" for name, value in values.items()]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints; from_dict() takes them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], place: str = "front end") -> "FrontEnd":
        """A front end of plain values. Raises DataError naming ``place`` for unknown keys and wrong types or values."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in values:
            if key not in fields:
                near = difflib.get_close_matches(str(key), fields, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}"
                raise DataError(f"{place}: unknown key {key!r}; {hint}")
        if "name" not in values:
            raise DataError(f"{place}: no 'name'; expected the front end's name")
        frontend = cls(**{key: _typed(value, fields[key].type, f"{place}: {key}") for key, value in values.items()})
        frontend._check(place)
        return frontend

    def _check(self, place: str) -> None:
        nyquist = self.sample_frequency_hz / 2
        rules = [
            ("sample_frequency_hz", 0 < self.sample_frequency_hz <= 768000, "more than 0, up to 768000"),
            ("num_mel_bins", 3 <= self.num_mel_bins <= 1000, "3 to 1000"),
            ("frame_shift_ms", self.frame_shift_ms > 0, "more than 0"),
            ("frame_length_ms", self.frame_shift_ms <= self.frame_length_ms <= 1000, "frame_shift_ms to 1000"),
            ("low_freq_hz", 0 <= self.low_freq_hz < nyquist, f"from 0 to below {nyquist:g}"),
            ("high_freq_hz", self.low_freq_hz < self.high_freq_hz <= nyquist, f"above low_freq_hz, up to {nyquist:g}"),
            ("preemphasis", 0 <= self.preemphasis <= 1, "0 to 1"),
            ("dither", 0 <= self.dither <= 32768, "0 to 32768"),
            ("average_frames", 1 <= self.average_frames <= 1000, "1 to 1000"),
            (
                "average_frames",
                _divides(self.frame_shift_ms * self.average_frames, SCORE_MS),
                f"frame_shift_ms {self.frame_shift_ms:g} times it to divide the {SCORE_MS:g} ms of a score",
            ),
            ("context_frames", 0 <= self.context_frames <= 1000, "0 to 1000"),
            ("window_type", self.window_type in WINDOWS, f"one of {', '.join(WINDOWS)}"),
        ]
        for key, holds, expected in rules:
            if not holds:
                raise DataError(f"{place}: {key} {getattr(self, key)}; expected {expected}")


def _divides(part: float, whole: float) -> bool:
    return part > 0 and round(whole / part) >= 1 and abs(part * round(whole / part) - whole) < 1e-6


def frames_per_label(frontend: dict[str, Any] | None) -> int:
    """Stored frames to a score frame by a front end's as_dict(); of none, the paper's two."""
    return 2 if frontend is None else FrontEnd.from_dict(frontend).frames_per_label


WINDOWS = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")


def _typed(value: Any, kind: Any, place: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise DataError(f"{place} {value!r}; expected {kind.__name__}")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def load_frontend(path: str | os.PathLike) -> FrontEnd:
    """Read ``conf/frontends/<name>.yaml``. Raises DataError for a missing or malformed file."""
    values = read_yaml(path, "a front end's 'key: value' lines")
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a mapping; expected 'key: value' lines")
    return FrontEnd.from_dict(values, str(path))
