"""Kaldi's MFCC and filterbank features.

Source: Kaldi ``src/feat/{feature-window,feature-mfcc,feature-fbank}.{h,cc}``. Many frames are done by one
matrix product, which takes a sixth of the time of frame-by-frame code such as kaldi-native-fbank's;
the tests hold the result against that library, real Kaldi and a double-precision reference.
Samples are in the range of 16-bit integers (±32768), not ±1. Options have Kaldi's names and
defaults, the dither of 1.0 included.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.mel import WINDOWS, cepstral_transform, mel_filters, window_shape
from pysed.kaldi.resample import resample_waveform

# So many frames at a time stay in a core's cache.
_BLOCK = 64
# So many filters at a time are one product, over the FFT bins that they reach: low ones are narrow.
_BAND = 32
_TINY = np.float32(np.finfo(np.float32).eps)


def _option(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """How the signal is cut into windows (Kaldi FrameExtractionOptions)."""

    sample_frequency: float = _option(16000.0, "Waveform data sample frequency (must match the waveform file)")
    frame_length: float = _option(25.0, "Frame length in milliseconds")
    frame_shift: float = _option(10.0, "Frame shift in milliseconds")
    preemphasis_coefficient: float = _option(0.97, "Coefficient for use in signal preemphasis")
    remove_dc_offset: bool = _option(True, "Subtract mean from waveform on each frame")
    dither: float = _option(1.0, "Dithering constant (0.0 means no dither: features are then the same on every run)")
    window_type: str = _option("povey", f"Type of window ({'|'.join(WINDOWS)})")
    blackman_coeff: float = _option(0.42, "Constant coefficient for generalized Blackman window")
    round_to_power_of_two: bool = _option(True, "If true, round window size to power of two by zero-padding")
    snip_edges: bool = _option(True, "If true, only frames that fit completely; if false, the ends are reflected")
    allow_downsample: bool = _option(False, "If true, a waveform of a higher frequency is downsampled")
    allow_upsample: bool = _option(False, "If true, a waveform of a lower frequency is upsampled")
    max_feature_vectors: int = _option(-1, "Memory optimisation of online features; no effect here")

    @property
    def window_size(self) -> int:
        """Samples in a frame."""
        return int(np.float32(self.sample_frequency) * 0.001 * np.float32(self.frame_length))

    @property
    def window_shift(self) -> int:
        """Samples from one frame to the next."""
        return int(np.float32(self.sample_frequency) * 0.001 * np.float32(self.frame_shift))

    @property
    def padded_size(self) -> int:
        """Points of the Fourier transform."""
        return 1 << (self.window_size - 1).bit_length() if self.round_to_power_of_two else self.window_size

    def num_frames(self, num_samples: int) -> int:
        """Frames of a whole signal."""
        if not self.snip_edges:
            return (num_samples + self.window_shift // 2) // self.window_shift
        if num_samples < self.window_size:
            return 0
        return 1 + (num_samples - self.window_size) // self.window_shift


@dataclass(frozen=True, kw_only=True)
class MelOptions(FrameOptions):
    """The mel filters (Kaldi MelBanksOptions) and what both kinds of features share."""

    num_mel_bins: int = _option(23, "Number of triangular mel-frequency bins")
    low_freq: float = _option(20.0, "Low cutoff frequency for mel bins")
    high_freq: float = _option(0.0, "High cutoff frequency for mel bins (if <= 0, offset from Nyquist)")
    vtln_low: float = _option(100.0, "Low inflection point in piecewise linear VTLN warping function")
    vtln_high: float = _option(-500.0, "High inflection point of VTLN warping (if negative, offset from Nyquist)")
    debug_mel: bool = _option(False, "Print out debugging information for mel bin computation (not supported)")
    use_energy: bool = _option(False, "Use energy")
    energy_floor: float = _option(0.0, "Floor on energy (absolute, not relative); matters if --use-energy=true")
    raw_energy: bool = _option(True, "If true, compute energy before preemphasis and windowing")
    htk_compat: bool = _option(False, "If true, put energy last (and for C0 use a factor of sqrt(2))")

    @property
    def high_hz(self) -> float:
        """The upper end of the filters."""
        return self.high_freq if self.high_freq > 0 else 0.5 * self.sample_frequency + self.high_freq

    @property
    def vtln_edges_hz(self) -> tuple[float, float]:
        """Where the warping bends."""
        return self.vtln_low, self.vtln_high + (0.5 * self.sample_frequency if self.vtln_high < 0 else 0.0)


@dataclass(frozen=True, kw_only=True)
class MfccOptions(MelOptions):
    """Options of compute-mfcc-feats."""

    num_ceps: int = _option(13, "Number of cepstra in MFCC computation (including C0)")
    use_energy: bool = _option(True, "Use energy (not C0) in MFCC computation")
    cepstral_lifter: float = _option(22.0, "Constant that controls scaling of MFCCs")


@dataclass(frozen=True, kw_only=True)
class FbankOptions(MelOptions):
    """Options of compute-fbank-feats."""

    use_energy: bool = _option(False, "Add an extra dimension with energy to the FBANK output")
    use_log_fbank: bool = _option(True, "If true, produce log-filterbank, else produce linear")
    use_power: bool = _option(True, "If true, use power, else use magnitude")


def check_options(options: MelOptions, warp: float = 1.0) -> None:
    """Refuse what Kaldi refuses, by name; raises DataError. ``warp``: the vocal tract warp factor."""

    def need(good: bool, what: str, value: Any, expected: str) -> None:
        if not good:
            raise DataError(f"--{what}={value}: expected {expected}")

    o = options
    for name in ("sample_frequency", "frame_length", "frame_shift"):
        value = getattr(o, name)
        need(np.isfinite(value) and 0 < value <= 1e6, name.replace("_", "-"), value, "a positive number")
    for name in ("dither", "energy_floor", "low_freq", "high_freq", "blackman_coeff", "preemphasis_coefficient"):
        need(bool(np.isfinite(getattr(o, name))), name.replace("_", "-"), getattr(o, name), "a finite number")
    need(2 <= o.window_size <= 1 << 22, "frame-length", o.frame_length, "a window of 2 to 4 million samples")
    need(o.window_shift >= 1, "frame-shift", o.frame_shift, "at least one sample")
    need(0 <= o.preemphasis_coefficient <= 1, "preemphasis-coefficient", o.preemphasis_coefficient, "0 to 1")
    need(o.window_type in WINDOWS, "window-type", o.window_type, "one of " + ", ".join(WINDOWS))
    need(o.padded_size % 2 == 0, "round-to-power-of-two", "false", "a window of an even number of samples")
    need(not o.debug_mel, "debug-mel", "true", "false; printing the filters is not supported")
    need(3 <= o.num_mel_bins <= o.padded_size // 2, "num-mel-bins", o.num_mel_bins, f"3 to {o.padded_size // 2}")
    nyquist = 0.5 * o.sample_frequency
    need(0 <= o.low_freq < nyquist, "low-freq", o.low_freq, f"0 to {nyquist:g} Hz")
    need(o.low_freq < o.high_hz <= nyquist, "high-freq", o.high_freq, f"above --low-freq, at most {nyquist:g} Hz")
    if warp != 1.0:
        need(bool(np.isfinite(warp)) and 0.1 <= warp <= 10, "vtln-warp", warp, "a factor near 1")
        low_edge, high_edge = o.vtln_edges_hz
        need(o.low_freq < low_edge < high_edge, "vtln-low", o.vtln_low, "more than --low-freq, less than --vtln-high")
        need(high_edge < o.high_hz, "vtln-high", o.vtln_high, "less than --high-freq")
        need(low_edge * max(1.0, warp) < high_edge * min(1.0, warp), "vtln-warp", warp, "a factor nearer to 1")
    narrow = "fewer: some filters lie between two FFT bins"
    need(bool(_filters(o, warp).any(axis=0).all()), "num-mel-bins", o.num_mel_bins, narrow)
    if isinstance(o, MfccOptions):
        need(1 <= o.num_ceps <= o.num_mel_bins, "num-ceps", o.num_ceps, f"1 to --num-mel-bins={o.num_mel_bins}")
        need(bool(np.isfinite(o.cepstral_lifter)), "cepstral-lifter", o.cepstral_lifter, "a finite number")


def match_rate(samples: np.ndarray, rate_hz: int, options: FrameOptions) -> np.ndarray:
    """Samples (T,) at ``--sample-frequency``, resampled where the options allow it; raises DataError else."""
    wanted = options.sample_frequency
    if rate_hz == wanted:
        return samples
    direction = "downsample" if wanted < rate_hz else "upsample"
    allowed = options.allow_downsample if wanted < rate_hz else options.allow_upsample
    if not allowed:
        raise DataError(f"the waveform has {rate_hz} Hz, --sample-frequency={wanted:g}; set it, or --allow-{direction}")
    if wanted != int(wanted):
        raise DataError(f"--sample-frequency={wanted}: expected a whole number to resample to")
    return resample_waveform(samples, rate_hz, int(wanted))


def _filters(options: MelOptions, warp: float) -> np.ndarray:
    o = options
    return mel_filters(o.num_mel_bins, o.padded_size, o.sample_frequency, o.low_freq, o.high_hz, warp, o.vtln_edges_hz)


def _bands(filters: np.ndarray) -> list[tuple[slice, slice, np.ndarray]]:
    """Filters (fft // 2 + 1, M), some columns at a time: the bins where any of these is not zero, the columns, both's
    weights."""
    parts = []
    for first in range(0, filters.shape[1], _BAND):
        columns = slice(first, min(first + _BAND, filters.shape[1]))
        reached = np.flatnonzero(filters[:, columns].any(axis=1))
        bins = slice(int(reached[0]), int(reached[-1]) + 1)
        parts.append((bins, columns, np.ascontiguousarray(filters[bins, columns])))
    return parts


def _cut(samples: np.ndarray, options: FrameOptions) -> np.ndarray:
    """A view of the frames (T, window_size), the ends reflected where they are not snipped."""
    num_frames, shift, size = options.num_frames(len(samples)), options.window_shift, options.window_size
    if not options.snip_edges:
        start = shift // 2 - size // 2
        end = (num_frames - 1) * shift + start + size
        samples = np.pad(samples[max(0, start) :], (max(0, -start), max(0, end - len(samples))), "symmetric")
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::shift][:num_frames]


def _log_energy(frames: np.ndarray, floor: float) -> np.ndarray:
    energy = np.log(np.maximum(np.einsum("tn,tn->t", frames, frames), _TINY))
    return np.maximum(energy, np.log(np.float32(floor))) if floor > 0 else energy


def _spectra(
    frames: np.ndarray, options: MelOptions, window: np.ndarray, padded: np.ndarray, spectrum: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Power spectra (T, fft // 2 + 1) of frames (T, N), which are overwritten, and their log energies (T,).

    padded (B, fft), zeros after N, and spectrum (B, fft // 2 + 1) complex: room for B >= T frames.
    """
    if options.remove_dc_offset:
        frames -= frames.mean(axis=1, keepdims=True)
    energy = _log_energy(frames, options.energy_floor) if options.use_energy and options.raw_energy else None
    windowed = padded[: len(frames), : options.window_size]
    coefficient = np.float32(options.preemphasis_coefficient)
    np.multiply(frames[:, :-1], -coefficient, out=windowed[:, 1:])
    windowed[:, 1:] += frames[:, 1:]
    windowed[:, 0] = frames[:, 0] * (1 - coefficient)
    windowed *= window
    if options.use_energy and not options.raw_energy:
        energy = _log_energy(windowed, options.energy_floor)
    spectrum = np.fft.rfft(padded[: len(frames)], out=spectrum[: len(frames)])
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power, energy


def _compute(
    samples: np.ndarray, rate_hz: int, options: MelOptions, warp: float, rng: np.random.Generator | None
) -> np.ndarray:
    check_options(options, warp)
    samples = match_rate(np.ascontiguousarray(samples, np.float32), rate_hz, options)
    if not options.num_frames(len(samples)):
        return np.zeros((0, 0), np.float32)
    rng = np.random.default_rng(0) if rng is None else rng
    views = _cut(samples, options)
    window = window_shape(options.window_type, options.window_size, options.blackman_coeff)
    padded = np.zeros((_BLOCK, options.padded_size), np.float32)
    spectrum = np.empty((_BLOCK, options.padded_size // 2 + 1), np.complex64)
    filters = _filters(options, warp)
    bands = _bands(filters)
    mel = np.empty((_BLOCK, filters.shape[1]), np.float32)
    finish = _finish_mfcc if isinstance(options, MfccOptions) else _finish_fbank
    blocks = []
    for first in range(0, len(views), _BLOCK):
        frames = views[first : first + _BLOCK].copy()
        if options.dither:
            frames += rng.standard_normal(frames.shape, np.float32) * np.float32(options.dither)
        power, energy = _spectra(frames, options, window, padded, spectrum)
        if isinstance(options, FbankOptions) and not options.use_power:
            np.sqrt(power, out=power)
        for bins, columns, weights in bands:
            np.matmul(power[:, bins], weights, out=mel[: len(frames), columns])
        blocks.append(finish(mel[: len(frames)], energy, options))
    return np.concatenate(blocks)


def _finish_mfcc(mel: np.ndarray, energy: np.ndarray | None, o: Any) -> np.ndarray:
    cepstra = np.log(np.maximum(mel, _TINY)) @ cepstral_transform(o.num_ceps, o.num_mel_bins, o.cepstral_lifter)
    if energy is not None:
        cepstra[:, 0] = energy
    if o.htk_compat:
        last = cepstra[:, :1] if energy is not None else cepstra[:, :1] * np.float32(np.sqrt(2))
        cepstra = np.hstack([cepstra[:, 1:], last])
    return cepstra


def _finish_fbank(mel: np.ndarray, energy: np.ndarray | None, o: Any) -> np.ndarray:
    mel = np.log(np.maximum(mel, _TINY)) if o.use_log_fbank else mel.copy()
    if energy is not None:
        column = energy[:, None]
        mel = np.hstack([mel, column] if o.htk_compat else [column, mel])
    return mel


def compute_mfcc(
    samples: np.ndarray,
    rate_hz: int,
    options: MfccOptions | None = None,
    warp: float = 1.0,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """MFCC (frames, num_ceps) float32 of samples (T,) in ±32768; (0, 0) for a signal shorter than a frame.

    ``warp``: vocal tract warp factor; ``rng``: of the dither, a fixed seed by default.
    Raises DataError for options that do not fit each other or the rate.
    """
    return _compute(samples, rate_hz, MfccOptions() if options is None else options, warp, rng)


def compute_fbank(
    samples: np.ndarray,
    rate_hz: int,
    options: FbankOptions | None = None,
    warp: float = 1.0,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Log-mel filterbank (frames, num_mel_bins[+1]) float32 of samples (T,) in ±32768; see `compute_mfcc`."""
    return _compute(samples, rate_hz, FbankOptions() if options is None else options, warp, rng)
