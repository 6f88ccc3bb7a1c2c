"""What compute-mfcc-feats and compute-fbank-feats have in common.

Source: Kaldi ``src/featbin/compute-{mfcc,fbank}-feats.cc``.
"""

import struct
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.features import MelOptions, check_options
from pysed.kaldi.holders import Kind
from pysed.kaldi.messages import log, verbose_log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, parse_rspecifier
from pysed.kaldi.wave import Wave, pick_channel, waves


def _htk_kind(base: int, use_energy: bool) -> Kind:
    """HTK feature files: a 12-byte header and floats, all big-endian, 10 ms a frame."""

    def write(value: Any, binary: bool) -> list:
        header = struct.pack(">iihH", len(value), 100000, 4 * value.shape[1], base | (0o100 if use_energy else 0o20000))
        return [header, np.ascontiguousarray(value, ">f4").tobytes()]

    def read(source: Any, binary: bool) -> Any:
        raise source.fail("reading HTK features is not supported")

    return Kind("htk", read, write, header=False)


def run(
    command: str,
    argv: list[str],
    struct_type: type,
    compute: Callable[..., np.ndarray],
    htk_base: int,
) -> int:
    """Features of every wave of a table; returns the exit code, 1 where none could be made."""
    usage = f"Create {command.split('-')[1].upper()} feature files.\n"
    parser = OptionParser(command, f"{usage}Usage:  {command} [options...] <wav-rspecifier> <feats-wspecifier>")
    parser.register_struct(struct_type)
    parser.register("output-format", "kaldi", "Format of the output files [kaldi, htk]")
    parser.register("subtract-mean", False, "Subtract mean of each feature file [CMS]; not recommended")
    parser.register("vtln-warp", 1.0, "Vtln warp factor (only applicable if vtln-map not specified)")
    parser.register("vtln-map", "", "Map from utterance or speaker-id to vtln warp factor (rspecifier)")
    parser.register("utt2spk", "", "Utterance to speaker-id map rspecifier (if you have warps per speaker)")
    parser.register("channel", -1, "Channel to extract (-1 -> expect mono, 0 -> left, 1 -> right)")
    parser.register("min-duration", 0.0, "Minimum duration of segments to process (in seconds)")
    parser.register("write-utt2dur", "", "Wspecifier to write durations in seconds, e.g. 'ark,t:utt2dur'")
    values, (wav_rspecifier, feats_wspecifier) = parser.parse(argv, 2)
    if values.utt2spk and not values.vtln_map:
        raise DataError(f"--utt2spk={values.utt2spk}: only needed with --vtln-map; leave it, or give that")
    if values.output_format not in ("kaldi", "htk"):
        raise DataError(f"--output-format={values.output_format}: expected kaldi or htk")
    options: MelOptions = parser.build(struct_type, values)
    check_options(options, values.vtln_warp)
    parse_rspecifier(wav_rspecifier)
    kind = "matrix" if values.output_format == "kaldi" else _htk_kind(htk_base, values.use_energy)
    num_done = num_utterances = 0
    with ExitStack() as stack:
        feats = stack.enter_context(TableWriter(feats_wspecifier, kind))
        durations = stack.enter_context(TableWriter(values.write_utt2dur, "double")) if values.write_utt2dur else None
        warps = _Warps(stack, values)
        rng = np.random.default_rng(0)
        for key, wave in waves(wav_rspecifier):
            num_utterances += 1
            features = _features(key, wave, options, compute, values, warps, rng)
            if features is None:
                continue
            feats.write(key, features)
            if durations is not None:
                durations.write(key, wave.duration_s)
            if num_utterances % 10 == 0:
                log(f"Processed {num_utterances} utterances")
            verbose_log(2, f"Processed features for key {key}")
            num_done += 1
    log(f"Done {num_done} out of {num_utterances} utterances.")
    return 0 if num_done else 1


class _Warps:
    """Each utterance's vocal tract warp factor."""

    def __init__(self, stack: ExitStack, values: Any):
        self._default = values.vtln_warp
        self._map = stack.enter_context(RandomAccess(values.vtln_map, "float")) if values.vtln_map else None
        self._speakers = stack.enter_context(RandomAccess(values.utt2spk, "token")) if values.utt2spk else None

    def find(self, key: str) -> float | None:
        if self._map is None:
            return self._default
        if self._speakers is not None:
            if key not in self._speakers:
                return None
            key = self._speakers[key]
        return self._map[key] if key in self._map else None  # noqa: SIM401


def _features(
    key: str,
    wave: Wave,
    options: MelOptions,
    compute: Callable[..., np.ndarray],
    values: Any,
    warps: _Warps,
    rng: np.random.Generator,
) -> np.ndarray | None:
    if wave.duration_s < values.min_duration:
        warn(f"{key}: {wave.duration_s:g} s, --min-duration={values.min_duration:g}; no output")
        return None
    samples = pick_channel(key, wave, values.channel)
    if samples is None:
        return None
    warp = warps.find(key)
    if warp is None:
        warn(f"{key}: no entry in --vtln-map; no output")
        return None
    try:
        features = compute(samples, wave.rate_hz, options, warp, rng)
    except DataError as error:
        warn(f"{key}: {error}; no output")
        return None
    if not len(features):
        warn(f"{key}: {wave.duration_s:g} s is shorter than a frame; its features are empty")
    elif values.subtract_mean:
        features -= features.mean(axis=0)
    return features
