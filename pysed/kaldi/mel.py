"""Window shapes, mel filters, warping of the vocal tract length and the cosine transform, as Kaldi defines them.

Source: Kaldi ``src/feat/{feature-window,mel-computations}.cc``, ``src/matrix/matrix-functions.cc`` (ComputeDctMatrix).
"""

import numpy as np

WINDOWS = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")


def window_shape(kind: str, size: int, blackman_coeff: float) -> np.ndarray:
    """One of `WINDOWS`, (size,) float32."""
    angle = 2 * np.pi / (size - 1) * np.arange(size)
    if kind == "hanning":
        window = 0.5 - 0.5 * np.cos(angle)
    elif kind == "sine":
        window = np.sin(0.5 * angle)
    elif kind == "hamming":
        window = 0.54 - 0.46 * np.cos(angle)
    elif kind == "povey":
        window = (0.5 - 0.5 * np.cos(angle)) ** 0.85
    elif kind == "rectangular":
        window = np.ones(size)
    else:
        window = blackman_coeff - 0.5 * np.cos(angle) + (0.5 - blackman_coeff) * np.cos(2 * angle)
    return window.astype(np.float32)


def mel_scale(hz: np.ndarray | float) -> np.ndarray:
    """Frequencies in Hz on the mel scale."""
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


def warp_hz(hz: np.ndarray, warp: float, edges_hz: tuple[float, float], low_hz: float, high_hz: float) -> np.ndarray:
    """Kaldi's VtlnWarpFreq: scaled by 1 / ``warp`` between the inflection points ``edges_hz``, fixed at the ends."""
    lower, upper = edges_hz[0] * max(1.0, warp), edges_hz[1] * min(1.0, warp)
    knots = (low_hz, lower, upper, high_hz)
    warped = np.interp(hz, knots, (low_hz, lower / warp, upper / warp, high_hz))
    return np.where((hz < low_hz) | (hz > high_hz), hz, warped)


def mel_filters(
    num_bins: int,
    fft_size: int,
    rate_hz: float,
    low_hz: float,
    high_hz: float,
    warp: float = 1.0,
    edges_hz: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Triangular filters over a power spectrum: (fft_size // 2 + 1, num_bins) float32; zero where too narrow."""
    points = np.linspace(mel_scale(low_hz), mel_scale(high_hz), num_bins + 2)
    if warp != 1.0:
        points = mel_scale(warp_hz(700.0 * np.expm1(points / 1127.0), warp, edges_hz, low_hz, high_hz))
    left, centre, right = points[:-2], points[1:-1], points[2:]
    mel = mel_scale(np.arange(fft_size // 2 + 1) * (rate_hz / fft_size))[:, None]
    filters = np.maximum(np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)), 0.0)
    filters[-1] = 0.0  # Kaldi leaves the Nyquist frequency out.
    return filters.astype(np.float32)


def cepstral_transform(num_ceps: int, num_bins: int, lifter: float) -> np.ndarray:
    """Log filter energies to cepstra: (num_bins, num_ceps) float32, liftering included."""
    order = np.arange(num_ceps)
    transform = np.sqrt(2.0 / num_bins) * np.cos(np.pi / num_bins * (np.arange(num_bins)[:, None] + 0.5) * order)
    transform[:, 0] = np.sqrt(1.0 / num_bins)
    if lifter:
        transform *= 1.0 + 0.5 * lifter * np.sin(np.pi * order / lifter)
    return transform.astype(np.float32)
