"""Wave files and tables of them, read as Kaldi reads them: 16-bit PCM, any number of channels.

Source: Kaldi ``src/feat/wave-reader.cc``. As there, a file with fewer samples than its header says is read as far as
it goes, with a warning.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pysed.kaldi.files import Source
from pysed.kaldi.holders import Kind
from pysed.kaldi.messages import warn
from pysed.kaldi.tables import sequential

_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_UNKNOWN_LENGTH = (0, 0xFFFFFFFF, 0x7FFFF000)
_REMEDY = "convert it, for example 'sox IN -b 16 -e signed-integer OUT.wav'"


@dataclass(frozen=True)
class Wave:
    """Samples (channels, T) int16 at ``rate_hz``."""

    samples: np.ndarray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """Seconds, in single precision as Kaldi has it."""
        return float(np.float32(self.samples.shape[1]) / np.float32(self.rate_hz))


@dataclass(frozen=True)
class _Format:
    num_channels: int
    rate_hz: int
    order: str


def read_wave(source: Source, binary: bool = True) -> Wave:
    """The wave that starts here; one of unknown length (from a pipe) is read to the end.

    Raises DataError for what is not 16-bit PCM, has no samples or ends before them.
    """
    if not source.peek():
        raise source.fail("empty; expected a wave file")
    tag = source.read(4)
    if tag not in (b"RIFF", b"RIFX"):
        raise source.fail(f"expected RIFF, found {tag!r}; not a wave file: convert it, or decode it in a pipe")
    order = "<" if tag == b"RIFF" else ">"
    riff_size = _number(source, order + "I")
    if (tag := source.read(4)) != b"WAVE":
        raise source.fail(f"expected WAVE, found {tag!r}; not a wave file")
    _skip_until(source, b"fmt ", order)
    form = _read_format(source, order)
    _skip_until(source, b"data", order)
    size = _number(source, order + "I")
    dtype = np.dtype(order + "i2")
    frame = 2 * form.num_channels
    if riff_size in (0, 0xFFFFFFFF) or size in _UNKNOWN_LENGTH:
        data = b"".join(iter(lambda: source.read_up_to(1 << 24), b""))
    else:
        data = source.read_up_to(size)
        if len(data) < size:
            read_s, announced_s = (count / frame / form.rate_hz for count in (len(data), size))
            warn(f"{source.name}: cut off: {read_s:.3f} s of the announced {announced_s:.3f} s can be read")
    values = np.frombuffer(data, dtype, len(data) // frame * form.num_channels)
    if not len(values):
        raise source.fail("a wave file without samples")
    samples = values.reshape(-1, form.num_channels).T  # (T, channels) -> (channels, T)
    return Wave(samples.astype(np.int16, copy=False), form.rate_hz)


def _number(source: Source, form: str) -> int:
    return struct.unpack(form, source.read(struct.calcsize(form)))[0]


def _skip_until(source: Source, wanted: bytes, order: str) -> None:
    while source.read(4) != wanted:
        size = _number(source, order + "I")
        left = size
        while left:
            left -= len(skipped := source.read_up_to(min(left, 1 << 16)))
            if not skipped:
                raise source.fail(f"expected a {wanted.decode()!r} chunk, found the end; not a wave file, or truncated")
        # RIFF pads chunks to even sizes; not every writer does.
        if size % 2 and source.peek()[:1] == b"\0":
            source.read(1)


def _read_format(source: Source, order: str) -> _Format:
    size = _number(source, order + "I")
    if not 16 <= size <= 1 << 16:
        raise source.fail(f"a format chunk of {size} bytes; expected 16 or more")
    chunk = source.read(size)
    code, channels, rate, byte_rate, align, bits = struct.unpack(order + "HHIIHH", chunk[:16])
    if code == 0xFFFE:
        if size < 40:
            raise source.fail(f"an extensible format chunk of {size} bytes; expected 40")
        if order == "<" and chunk[24:40] != _PCM:
            raise source.fail(f"not PCM (extensible format {chunk[24]}); {_REMEDY}")
    elif code != 1:
        raise source.fail(f"not PCM (format {code}); {_REMEDY}")
    if bits != 16:
        raise source.fail(f"{bits} bits per sample; Kaldi reads 16: {_REMEDY}")
    if not channels or not rate or align != 2 * channels or byte_rate != (rate * 2 * channels) & 0xFFFFFFFF:
        raise source.fail(
            f"{channels} channels, {rate} Hz, {byte_rate} bytes a second, {align} a frame do not fit; it is damaged"
        )
    return _Format(channels, rate, order)


WAVE = Kind("wave", read_wave, lambda value, binary: [], header=False)


def waves(rspecifier: str) -> Iterator[tuple[str, Wave]]:
    """(key, `Wave`) of a table of wave files, pipes (``flac -c -d x.flac |``) among them."""
    return sequential(rspecifier, WAVE)


def pick_channel(key: str, wave: Wave, channel: int) -> np.ndarray | None:
    """Samples (T,) float32 of a channel; -1: the first, with a warning where there are more. None: no such channel."""
    num_channels = len(wave.samples)
    if channel == -1:
        if num_channels != 1:
            warn(f"{key}: {num_channels} channels and no --channel; the first is taken")
        channel = 0
    elif not 0 <= channel < num_channels:
        warn(f"{key}: {num_channels} channels, --channel={channel}; no output")
        return None
    return wave.samples[channel].astype(np.float32)
