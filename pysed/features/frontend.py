"""A front end: what turns samples into SED features, as one YAML of ``conf/frontends/``.

Features are stored unnormalised, averaged, without context; normalisation and context are the model's business.
"""

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

from pysed.config import checked, load, setting
from pysed.errors import DataError

#: What a frame of labels and scores covers; stored frames have to fit it a whole number of times.
SCORE_MS = 100.0
WINDOWS = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")


@dataclass(frozen=True)
class FrontEnd:
    """Log-mel energies by Kaldi's ``compute-fbank-feats``, then the mean of ``average_frames`` frames (paper 2.2)."""

    name: str = setting(what="the front end's name")
    sample_frequency_hz: float = setting(16000.0, above=0, at_most=768000)
    num_mel_bins: int = setting(40, at_least=3, at_most=1000)
    frame_length_ms: float = setting(20.0, above=0, at_most=1000)
    frame_shift_ms: float = setting(10.0, above=0, at_most=1000)
    low_freq_hz: float = setting(20.0, at_least=0)
    high_freq_hz: float = setting(8000.0, above=0)
    window_type: str = setting("hamming", choices=WINDOWS)
    preemphasis: float = setting(0.97, at_least=0, at_most=1)
    remove_dc_offset: bool = setting(True)
    snip_edges: bool = setting(False)
    dither: float = setting(0.0, at_least=0, at_most=32768)
    average_frames: int = setting(5, at_least=1, at_most=1000)
    context_frames: int = setting(2, at_least=0, at_most=1000)

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
        return checked(cls, values, place)

    def check(self, place: str) -> None:
        """DataError for keys that do not go together."""
        nyquist = self.sample_frequency_hz / 2
        rules = [
            ("frame_length_ms", self.frame_length_ms >= self.frame_shift_ms, "at least frame_shift_ms"),
            ("low_freq_hz", self.low_freq_hz < nyquist, f"below {nyquist:g}"),
            ("high_freq_hz", self.low_freq_hz < self.high_freq_hz <= nyquist, f"above low_freq_hz, up to {nyquist:g}"),
            (
                "average_frames",
                _divides(self.frame_shift_ms * self.average_frames, SCORE_MS),
                f"frame_shift_ms {self.frame_shift_ms:g} times it to divide the {SCORE_MS:g} ms of a score",
            ),
        ]
        for key, holds, expected in rules:
            if not holds:
                raise DataError(f"{place}: {key} {getattr(self, key)}; expected {expected}")


def _divides(part: float, whole: float) -> bool:
    return part > 0 and round(whole / part) >= 1 and abs(part * round(whole / part) - whole) < 1e-6


def frames_per_label(frontend: dict[str, Any] | None) -> int:
    """Stored frames to a score frame by a front end's as_dict(); of none, the paper's two."""
    return 2 if frontend is None else FrontEnd.from_dict(frontend).frames_per_label


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def load_frontend(path: str | os.PathLike) -> FrontEnd:
    """Read ``conf/frontends/<name>.yaml``. Raises DataError for a missing or malformed file."""
    return load(FrontEnd, path, "a front end's YAML")
