"""MFCC and filterbanks: Kaldi's golden outputs, a double-precision reference, wave files good and bad."""

import io
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import kaldi_native_fbank as knf
import kaldiio
import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.__main__ import main
from pysed.kaldi.features import FbankOptions, MelOptions, MfccOptions, compute_fbank, compute_mfcc
from pysed.kaldi.files import Source
from pysed.kaldi.mel import mel_filters
from pysed.kaldi.tables import TableWriter, matrices, read_kind
from pysed.kaldi.wave import WAVE, read_wave, waves

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
NAMES = ("espeak_digits", "flite_rms", "flite_slt", "noise_burst")


@pytest.fixture
def scp(tmp_path) -> str:
    path = tmp_path / "wav.scp"
    path.write_text("".join(f"{name} {GOLDEN}/wav/{name}.wav\n" for name in NAMES))
    return f"scp:{path}"


def windows(samples: np.ndarray, o: MelOptions) -> np.ndarray:
    """Frames (T, N) float64 before any processing, the ends reflected where they are not snipped."""
    start = np.arange(o.num_frames(len(samples))) * o.window_shift
    if not o.snip_edges:
        start = start + o.window_shift // 2 - o.window_size // 2
    index = start[:, None] + np.arange(o.window_size)
    while ((index < 0) | (index >= len(samples))).any():
        index = np.where(index < 0, -index - 1, index)
        index = np.where(index >= len(samples), 2 * len(samples) - 1 - index, index)
    return samples.astype(np.float64)[index]


def window_shape(o: MelOptions) -> np.ndarray:
    n = np.arange(o.window_size) * 2 * np.pi / (o.window_size - 1)
    b = o.blackman_coeff
    return {
        "hanning": 0.5 - 0.5 * np.cos(n),
        "sine": np.sin(0.5 * n),
        "hamming": 0.54 - 0.46 * np.cos(n),
        "povey": (0.5 - 0.5 * np.cos(n)) ** 0.85,
        "rectangular": np.ones(len(n)),
        "blackman": b - 0.5 * np.cos(n) + (0.5 - b) * np.cos(2 * n),
    }[o.window_type]


def reference(samples: np.ndarray, o: MelOptions) -> np.ndarray:
    """The features of Kaldi's documentation, in double precision."""
    tiny = np.finfo(np.float32).eps
    frames = windows(samples, o)
    if o.remove_dc_offset:
        frames = frames - frames.mean(axis=1, keepdims=True)
    energy = (frames**2).sum(axis=1)
    previous = np.hstack([frames[:, :1], frames[:, :-1]])
    frames = (frames - o.preemphasis_coefficient * previous) * window_shape(o)
    if not o.raw_energy:
        energy = (frames**2).sum(axis=1)
    energy = np.log(np.maximum(energy, max(tiny, o.energy_floor)))[:, None]
    spectrum = np.abs(np.fft.rfft(frames, o.padded_size)) ** 2
    if isinstance(o, FbankOptions) and not o.use_power:
        spectrum = np.sqrt(spectrum)
    nyquist = o.sample_frequency / 2
    high = o.high_freq if o.high_freq > 0 else nyquist + o.high_freq
    edges = np.linspace(1127 * np.log1p(o.low_freq / 700), 1127 * np.log1p(high / 700), o.num_mel_bins + 2)
    bins = 1127 * np.log1p(np.arange(o.padded_size // 2) * o.sample_frequency / o.padded_size / 700)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    mel = spectrum[:, : len(bins)] @ np.maximum(np.minimum(rising, falling), 0).T
    if isinstance(o, FbankOptions):
        if o.use_log_fbank:
            mel = np.log(np.maximum(mel, tiny))
        if o.use_energy:
            mel = np.hstack([mel, energy] if o.htk_compat else [energy, mel])
        return mel
    assert isinstance(o, MfccOptions)
    order = np.arange(o.num_ceps)
    dct = np.sqrt(2 / o.num_mel_bins) * np.cos(
        np.pi / o.num_mel_bins * (np.arange(o.num_mel_bins) + 0.5) * order[:, None]
    )
    dct[0] = np.sqrt(1 / o.num_mel_bins)
    cepstra = np.log(np.maximum(mel, tiny)) @ dct.T
    if o.cepstral_lifter:
        cepstra *= 1 + 0.5 * o.cepstral_lifter * np.sin(np.pi * order / o.cepstral_lifter)
    if o.use_energy:
        cepstra[:, :1] = energy
    if o.htk_compat:
        cepstra = np.hstack([cepstra[:, 1:], cepstra[:, :1] * (1 if o.use_energy else np.sqrt(2))])
    return cepstra


def relative(result: np.ndarray, expected: np.ndarray) -> float:
    assert result.shape == expected.shape
    return float(np.linalg.norm(result - expected) / np.linalg.norm(expected))


NOISE = (1000 * np.random.default_rng(1).standard_normal(8000)).round().astype(np.float32)

BOTH = [
    {}, {"use_energy": True}, {"use_energy": False}, {"snip_edges": False}, {"htk_compat": True},
    {"htk_compat": True, "use_energy": True}, {"htk_compat": True, "use_energy": False},
    {"raw_energy": False, "use_energy": True}, {"energy_floor": 1e12, "use_energy": True},
    {"round_to_power_of_two": False}, {"remove_dc_offset": False}, {"preemphasis_coefficient": 0.0},
    {"sample_frequency": 8000.0}, {"low_freq": 100.0, "high_freq": -400.0}, {"frame_shift": 12.5, "frame_length": 32.0},
    {"window_type": "hamming"}, {"window_type": "hanning"}, {"window_type": "rectangular"}, {"window_type": "sine"},
    {"window_type": "blackman", "blackman_coeff": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("settings", BOTH, ids=str)
@pytest.mark.parametrize("kind, compute", [(MfccOptions, compute_mfcc), (FbankOptions, compute_fbank)])
def test_against_double_precision(kind, compute, settings):
    options = kind(dither=0.0, **settings)
    result = compute(NOISE, int(options.sample_frequency), options)
    assert relative(result, reference(NOISE, options)) < 1e-5


def native(samples: np.ndarray, o: MelOptions) -> np.ndarray:
    """The features by kaldi-native-fbank, whose code is Kaldi's."""
    options = knf.MfccOptions() if isinstance(o, MfccOptions) else knf.FbankOptions()
    frame = options.frame_opts
    frame.dither, frame.snip_edges, frame.window_type = o.dither, o.snip_edges, o.window_type
    frame.samp_freq, frame.frame_length_ms, frame.frame_shift_ms = o.sample_frequency, o.frame_length, o.frame_shift
    options.mel_opts.num_bins, options.mel_opts.high_freq = o.num_mel_bins, o.high_freq
    options.use_energy, options.htk_compat, options.raw_energy = o.use_energy, o.htk_compat, o.raw_energy
    if isinstance(o, MfccOptions):
        options.num_ceps = o.num_ceps
    extractor = (knf.OnlineMfcc if isinstance(o, MfccOptions) else knf.OnlineFbank)(options)
    extractor.accept_waveform(o.sample_frequency, samples)
    extractor.input_finished()
    return np.stack([extractor.get_frame(i) for i in range(extractor.num_frames_ready)])


@pytest.mark.parametrize(
    "settings",
    [{}, {"num_mel_bins": 40, "high_freq": -400.0}, {"snip_edges": False, "raw_energy": False}, {"htk_compat": True},
     {"sample_frequency": 44100.0, "frame_length": 40.0, "window_type": "hamming"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind, compute", [(MfccOptions, compute_mfcc), (FbankOptions, compute_fbank)])
def test_against_kaldi_native_fbank(kind, compute, settings):
    options = kind(dither=0.0, use_energy=True, **settings)
    assert relative(compute(NOISE, int(options.sample_frequency), options), native(NOISE, options)) < 1e-5


@pytest.mark.parametrize("warp", [0.8, 0.95, 1.0, 1.1, 1.25])
def test_warped_filters_against_kaldi_native_fbank(warp):
    mel, frame = knf.MelBanksOptions(num_bins=30, low_freq=20, high_freq=-300), knf.FrameExtractionOptions()
    energies = np.random.default_rng(2).random(257).astype(np.float32)
    expected = knf.MelBanks(mel, frame, warp).compute(energies)
    filters = mel_filters(30, 512, 16000.0, 20.0, 7700.0, warp, (100.0, 7500.0))
    np.testing.assert_allclose(energies @ filters, expected, rtol=1e-4)


def test_warps_by_utterance_and_speaker(tmp_path, scp):
    with TableWriter(f"ark,t:{tmp_path}/warps", "float") as table:
        for speaker, warp in (("s1", 0.9), ("s2", 1.0)):
            table.write(speaker, warp)
    (tmp_path / "utt2spk").write_text("espeak_digits s1\nflite_rms s2\nflite_slt s3\n")
    maps = [f"--vtln-map=ark:{tmp_path}/warps", f"--utt2spk=ark:{tmp_path}/utt2spk"]
    assert main(["compute-mfcc-feats", "--dither=0", *maps, scp, f"ark:{tmp_path}/a.ark"]) == 0
    found = dict(matrices(f"ark:{tmp_path}/a.ark"))
    assert list(found) == ["espeak_digits", "flite_rms"]
    for key, warp in (("espeak_digits", 0.9), ("flite_rms", 1.0)):
        samples = read_kind(str(GOLDEN / f"wav/{key}.wav"), WAVE).samples[0]
        assert np.array_equal(found[key], compute_mfcc(samples, 16000, MfccOptions(dither=0.0), warp))


@pytest.mark.parametrize("settings", [{"use_log_fbank": False}, {"use_power": False}], ids=str)
def test_fbank_settings(settings):
    options = FbankOptions(dither=0.0, **settings)
    assert relative(compute_fbank(NOISE, 16000, options), reference(NOISE, options)) < 1e-5


@pytest.mark.parametrize("num_samples", [80, 81, 150, 399, 400, 401, 559, 560])
@pytest.mark.parametrize("snip_edges", [True, False])
def test_short_signals(num_samples, snip_edges):
    options = MfccOptions(dither=0.0, snip_edges=snip_edges)
    result = compute_mfcc(NOISE[:num_samples], 16000, options)
    if snip_edges and num_samples < 400:
        assert result.shape == (0, 0)
    else:
        assert relative(result, reference(NOISE[:num_samples], options)) < 1e-5


def test_dither_is_on_by_default():
    silence = np.zeros(16000, np.float32)
    energy = compute_mfcc(silence, 16000)[:, 0]
    # 400 samples of variance 1, their mean removed
    assert abs(float(np.mean(energy)) - np.log(399)) < 0.05
    assert np.array_equal(energy, compute_mfcc(silence, 16000)[:, 0])
    assert not np.array_equal(energy, compute_mfcc(silence, 16000, rng=np.random.default_rng(1))[:, 0])


@pytest.mark.parametrize(
    "command, options, golden",
    [
        ("compute-mfcc-feats", [f"--config={ROOT}/models/demo/conf/mfcc_hires.conf"], "mfcc_hires"),
        ("compute-mfcc-feats", ["--use-energy=false"], "mfcc_13"),
        ("compute-fbank-feats", ["--num-mel-bins=40", "--frame-length=20", "--frame-shift=10"], "fbank_40"),
    ],
)
def test_parity_with_kaldi(tmp_path, scp, command, options, golden):
    assert main([command, *options, "--dither=0", scp, f"ark,scp:{tmp_path}/a.ark,{tmp_path}/a.scp"]) == 0
    result = dict(matrices(f"scp:{tmp_path}/a.scp"))
    expected = dict(kaldiio.load_ark(str(GOLDEN / f"{golden}.ark")))
    assert list(result) == list(expected)
    for key, value in expected.items():
        assert relative(result[key], value) < 1e-4


def test_durations_mean_channel_and_htk(tmp_path, scp, capfd):
    base = ["compute-fbank-feats", "--dither=0", "--write-utt2dur=ark,t:-"]
    assert main([*base, "--subtract-mean=true", scp, f"ark:{tmp_path}/a.ark"]) == 0
    assert capfd.readouterr().out.split()[:2] == ["espeak_digits", "2.097437"]
    for _, value in matrices(f"ark:{tmp_path}/a.ark"):
        assert np.abs(value.mean(axis=0)).max() < 1e-3
    assert main(["compute-fbank-feats", "--channel=1", scp, f"ark:{tmp_path}/b.ark"]) == 1
    assert main(["compute-fbank-feats", "--min-duration=3.2", "--dither=0", scp, f"ark:{tmp_path}/c.ark"]) == 0
    assert [key for key, _ in matrices(f"ark:{tmp_path}/c.ark")] == ["flite_rms", "noise_burst"]
    target = tmp_path / "d.htk"
    assert main(["compute-mfcc-feats", "--dither=0", "--output-format=htk", scp, f"ark:{target}"]) == 0
    data = target.read_bytes().removeprefix(b"espeak_digits ")
    assert struct.unpack(">iihH", data[:12]) == (208, 100000, 52, 0o106)


def test_allow_downsample_and_upsample(tmp_path, scp):
    out = f"ark:{tmp_path}/a.ark"
    assert main(["compute-mfcc-feats", "--sample-frequency=8000", scp, out]) == 1
    assert main(["compute-mfcc-feats", "--sample-frequency=8000", "--allow-upsample", scp, out]) == 1
    low = ["compute-mfcc-feats", "--sample-frequency=8000", "--allow-downsample=true", scp, out]
    assert main(low) == 0
    assert main(["compute-mfcc-feats", "--sample-frequency=44100", "--allow-upsample=true", scp, out]) == 0
    assert [len(value) for _, value in matrices(out)] == [208, 345, 306, 348]


@pytest.mark.parametrize(
    "option", ["--num-ceps=24", "--num-mel-bins=2", "--num-mel-bins=4000", "--window-type=hann", "--low-freq=9000",
               "--high-freq=9000", "--frame-shift=0", "--frame-length=-3", "--preemphasis-coefficient=2",
               "--sample-frequency=nan", "--vtln-low=10 --vtln-warp=1.1",
               "--vtln-warp=nan", "--utt2spk=ark:x", "--debug-mel=true", "--output-format=x",
               "--htk-in=true", "--round-to-power-of-two=false --frame-length=25.07"]
)  # fmt: skip
def test_bad_options_are_refused_by_name(tmp_path, scp, option, capsys):
    assert main(["compute-mfcc-feats", *option.split(), scp, f"ark:{tmp_path}/a.ark"]) == 255
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("ERROR (compute-mfcc-feats): ")
    assert option.split()[0].partition("=")[0] in error
    assert not (tmp_path / "a.ark").exists()


def riff(data: bytes, channels=1, rate=16000, bits=16, code=1, size=None, riff_size=None, extra=b"", fmt=b"") -> bytes:
    size = len(data) if size is None else size
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * align, align, bits) + fmt
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + extra + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


PCM = np.arange(-50, 50, dtype="<i2").tobytes()


def parse(data: bytes):
    return read_wave(Source(io.BufferedReader(io.BytesIO(data)), "x.wav"))


def test_wave_forms():
    expected = np.frombuffer(PCM, "<i2")
    assert np.array_equal(parse(riff(PCM)).samples, expected[None])
    assert np.array_equal(parse(riff(PCM, channels=2)).samples, expected.reshape(50, 2).T)
    for size, riff_size in ((0xFFFFFFFF, None), (0, None), (0x7FFFF000, None), (len(PCM), 0), (len(PCM), 0xFFFFFFFF)):
        assert np.array_equal(parse(riff(PCM, size=size, riff_size=riff_size)).samples[0], expected)
    extra = b"LIST" + struct.pack("<I", 5) + b"abcde\0" + b"fact" + struct.pack("<I", 4) + b"1234"
    assert np.array_equal(parse(riff(PCM, extra=extra)).samples[0], expected)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    extensible = riff(PCM, code=0xFFFE, fmt=struct.pack("<HHI", 22, 16, 4) + guid)
    assert np.array_equal(parse(extensible).samples[0], expected)
    with pytest.raises(DataError, match="extensible"):
        parse(riff(PCM, code=0xFFFE, fmt=struct.pack("<HHI", 22, 16, 4) + b"\3" + guid[1:]))


@pytest.mark.parametrize(
    "data, word",
    [
        (b"", "empty"),
        (b"fLaC" + bytes(50), "RIFF"),
        (riff(PCM, bits=24), "24 bits per sample"),
        (riff(PCM, bits=8), "8 bits per sample"),
        (riff(PCM, code=3), "format 3"),
        (riff(PCM, channels=0), "channels"),
        (riff(b"", size=0), "without samples"),
    ],
)
def test_bad_waves(data, word):
    with pytest.raises(DataError, match=word):
        parse(data)


def test_a_wave_is_read_as_far_as_it_goes(capsys):
    data = riff(PCM)
    for end in range(len(data)):
        if end < 46:
            with pytest.raises(DataError):
                parse(data[:end])
        else:
            assert parse(data[:end]).samples.tobytes() == PCM[: (end - 44) // 2 * 2]
            assert "x.wav: cut off: 0.0" in capsys.readouterr().err
    assert parse(riff(PCM, size=1 << 31)).samples.tobytes() == PCM
    assert "0.006 s of the announced 67108.864 s" in capsys.readouterr().err


def test_a_bad_wave_is_one_line_and_leaves_no_output(tmp_path):
    for name, data in (("empty.wav", b""), ("cut.wav", (GOLDEN / "wav/flite_slt.wav").read_bytes()[:40])):
        (tmp_path / name).write_bytes(data)
        (tmp_path / "wav.scp").write_text(f"a {tmp_path}/{name}\n")
        command = [sys.executable, "-m", "pysed.kaldi", "compute-mfcc-feats", "--print-args=false"]
        done = subprocess.run(
            [*command, f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/a.ark"], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 255
        assert done.stderr.count("\n") == 1
        assert name in done.stderr
        assert not (tmp_path / "a.ark").exists()


def test_wave_pipes(tmp_path):
    wave = GOLDEN / "wav/flite_slt.wav"
    expected = read_kind(str(wave), WAVE).samples
    script = tmp_path / "wav.scp"
    script.write_text(f"a cat {wave} |\nb {wave}\n")
    for _, value in waves(f"scp:{script}"):
        assert np.array_equal(value.samples, expected)
    script.write_text("a false |\n")
    with pytest.raises(DataError, match="false"):
        list(waves(f"scp:{script}"))
    if shutil.which("sox"):
        script.write_text(f"a sox {wave} -t wav - |\n")
        assert np.array_equal(next(waves(f"scp:{script}"))[1].samples, expected)
