"""Kaldi's MFCC and filterbank features, computed by kaldi-native-fbank.

Source: Kaldi ``src/feat/{feature-window,feature-mfcc,feature-fbank,mel-computations}.{h,cc}``.
Samples are in the range of 16-bit integers (±32768), not ±1. Options have Kaldi's names and
defaults, the dither of 1.0 included.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.resample import resample_waveform

_WINDOWS = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")


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
    window_type: str = _option("povey", f"Type of window ({'|'.join(_WINDOWS)})")
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
    vtln_low: float = _option(100.0, "Low inflection point of VTLN warping (only without warping: not used)")
    vtln_high: float = _option(-500.0, "High inflection point of VTLN warping (only without warping: not used)")
    debug_mel: bool = _option(False, "Print out debugging information for mel bin computation (not supported)")
    energy_floor: float = _option(0.0, "Floor on energy (absolute, not relative); matters if --use-energy=true")
    raw_energy: bool = _option(True, "If true, compute energy before preemphasis and windowing")
    htk_compat: bool = _option(False, "If true, put energy last (and for C0 use a factor of sqrt(2))")


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


def check_options(options: MelOptions) -> None:
    """Refuse what Kaldi refuses, by name; raises DataError."""

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
    need(o.window_type in _WINDOWS, "window-type", o.window_type, "one of " + ", ".join(_WINDOWS))
    need(o.padded_size % 2 == 0, "round-to-power-of-two", "false", "a window of an even number of samples")
    need(not o.debug_mel, "debug-mel", "true", "false; printing the filters is not supported")
    need(3 <= o.num_mel_bins <= 1 << 16, "num-mel-bins", o.num_mel_bins, "at least 3")
    nyquist = 0.5 * o.sample_frequency
    high = o.high_freq if o.high_freq > 0 else nyquist + o.high_freq
    need(0 <= o.low_freq < nyquist, "low-freq", o.low_freq, f"0 to {nyquist:g} Hz")
    need(o.low_freq < high <= nyquist, "high-freq", o.high_freq, f"above --low-freq, at most {nyquist:g} Hz")
    need(_all_filters_used(o, high), "num-mel-bins", o.num_mel_bins, "fewer: some filters lie between two FFT bins")
    if isinstance(o, MfccOptions):
        need(1 <= o.num_ceps <= o.num_mel_bins, "num-ceps", o.num_ceps, f"1 to --num-mel-bins={o.num_mel_bins}")
        need(bool(np.isfinite(o.cepstral_lifter)), "cepstral-lifter", o.cepstral_lifter, "a finite number")


def _mel(hz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hz, np.float32) / np.float32(700.0))


def _all_filters_used(options: MelOptions, high_hz: float) -> bool:
    edges = np.linspace(_mel(options.low_freq), _mel(high_hz), options.num_mel_bins + 2)
    bins = _mel(np.arange(options.padded_size // 2) * (options.sample_frequency / options.padded_size))
    return bool((np.searchsorted(bins, edges[2:]) > np.searchsorted(bins, edges[:-2], side="right")).all())


def _native_options(options: MelOptions) -> Any:
    import kaldi_native_fbank as knf

    native = knf.MfccOptions() if isinstance(options, MfccOptions) else knf.FbankOptions()
    frame, mel = native.frame_opts, native.mel_opts
    frame.samp_freq = options.sample_frequency
    frame.frame_length_ms, frame.frame_shift_ms = options.frame_length, options.frame_shift
    frame.preemph_coeff, frame.dither = options.preemphasis_coefficient, options.dither
    frame.window_type, frame.blackman_coeff = options.window_type, options.blackman_coeff
    for name in ("remove_dc_offset", "round_to_power_of_two", "snip_edges"):
        setattr(frame, name, getattr(options, name))
    mel.num_bins, mel.low_freq, mel.high_freq = options.num_mel_bins, options.low_freq, options.high_freq
    for name in ("energy_floor", "raw_energy", "htk_compat", "use_energy"):
        setattr(native, name, getattr(options, name))
    own = ("num_ceps", "cepstral_lifter") if isinstance(options, MfccOptions) else ("use_log_fbank", "use_power")
    for name in own:
        setattr(native, name, getattr(options, name))
    return native


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


def _compute(samples: np.ndarray, rate_hz: int, options: MelOptions) -> np.ndarray:
    import kaldi_native_fbank as knf

    check_options(options)
    samples = match_rate(np.ascontiguousarray(samples, np.float32), rate_hz, options)
    num_frames = options.num_frames(len(samples))
    if not num_frames:
        return np.zeros((0, 0), np.float32)
    extractor = (knf.OnlineMfcc if isinstance(options, MfccOptions) else knf.OnlineFbank)(_native_options(options))
    extractor.accept_waveform(options.sample_frequency, samples)
    extractor.input_finished()
    features = np.empty((num_frames, extractor.dim), np.float32)
    for frame in range(num_frames):
        features[frame] = extractor.get_frame(frame)
    return features


def compute_mfcc(samples: np.ndarray, rate_hz: int, options: MfccOptions | None = None) -> np.ndarray:
    """MFCC (frames, num_ceps) float32 of samples (T,) in ±32768; (0, 0) for a signal shorter than a frame.

    Raises DataError for options that do not fit each other or the rate.
    """
    return _compute(samples, rate_hz, MfccOptions() if options is None else options)


def compute_fbank(samples: np.ndarray, rate_hz: int, options: FbankOptions | None = None) -> np.ndarray:
    """Log-mel filterbank (frames, num_mel_bins[+1]) float32 of samples (T,) in ±32768; see `compute_mfcc`."""
    return _compute(samples, rate_hz, FbankOptions() if options is None else options)
