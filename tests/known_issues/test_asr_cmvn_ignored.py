"""Networks trained on normalised features got them as they are: cmvn_opts, online_cmvn, Vosk's global_cmvn.stats."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_recipe import run_in

from pysed.audio import read_audio
from pysed.cli import main
from pysed.errors import DataError
from pysed.features.of_samples import AsrFeatures, RecogniserInputs, as_int16_values
from pysed.fetch.chain_model import arrange_model
from pysed.fetch.vosk import arrange_vosk
from pysed.kaldi.cmvn import OnlineCmvnOptions
from pysed.kaldi.model_folder import read_model_folder
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.phones import split_to_phones
from pysed.kaldi.recogniser import Recogniser
from pysed.kaldi.tables import matrices, read_object


@pytest.fixture
def model(root, tmp_path) -> Path:
    shutil.copytree(root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("lang"))
    return tmp_path / "asr"


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Eight seconds, more than a window of 600 frames, whose level changes."""
    rng, time = np.random.default_rng(3), np.arange(128000) / 16000
    sound = np.sin(2 * np.pi * (300 + 80 * time) * time) * (time % 1) + rng.normal(0, 0.02, len(time)) * (1 + time)
    return as_int16_values(0.3 * sound)


def features(model: Path, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    feats, ivectors = AsrFeatures(model, "prefinal-l").inputs(samples)
    assert ivectors is not None
    return feats.astype(float), ivectors


def online(feats: np.ndarray, stats: np.ndarray, window: int, share: int, norm_vars: bool = False) -> np.ndarray:
    """The definition, frame by frame: the window behind a frame, filled up from everyone's statistics."""
    normalised = []
    for t, frame in enumerate(feats):
        rows = feats[max(0, t + 1 - window) : t + 1]
        weight = min(window - len(rows), share) / stats[0, -1]
        count = len(rows) + weight * stats[0, -1]
        mean = (rows.sum(0) + weight * stats[0, :-1]) / count
        variance = ((rows**2).sum(0) + weight * stats[1, :-1]) / count - mean**2
        normalised.append((frame - mean) / (np.sqrt(variance) if norm_vars else 1.0))
    return np.array(normalised)


@pytest.mark.parametrize("norm_vars", [False, True])
def test_offline_by_the_recordings_own_statistics(model, samples, norm_vars):
    plain, ivectors = features(model, samples)
    (model / "cmvn_opts").write_text(f"--norm-means=true --norm_vars={str(norm_vars).lower()}\n")
    found, same = features(model, samples)
    expected = (plain - plain.mean(0)) / (plain.std(0) if norm_vars else 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_array_equal(same, ivectors)  # of the features as they are


def test_switched_off_or_at_kaldis_defaults(model, samples):
    plain, _ = features(model, samples)
    (model / "cmvn_opts").write_text("--norm-means=false --norm-vars=false\n")
    np.testing.assert_array_equal(features(model, samples)[0], plain)
    (model / "cmvn_opts").write_text("\n")  # apply-cmvn without options takes off the mean
    np.testing.assert_allclose(features(model, samples)[0], plain - plain.mean(0), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "config", "window", "share", "norm_vars"),
    [
        ("--norm-means=true --norm-vars=false", None, 600, 200, False),
        (
            "--config=conf/online_cmvn.conf",
            "--cmn-window=300\n--speaker-frames=300\n--norm-vars=true\n",
            300,
            200,
            True,
        ),
        (None, "--cmn_window = 300\n  --global-frames=100\n--speaker-frames=200", 300, 100, False),
        (None, None, 600, 200, False),
    ],
)
def test_online_as_kaldis_decoders_do(model, samples, options, config, window, share, norm_vars):
    plain, ivectors = features(model, samples)
    shutil.copy(model / "extractor/global_cmvn.stats", model)
    (model / "online_cmvn").touch()
    if options:
        (model / "cmvn_opts").write_text(f"{options}\n")
    if config:
        (model / "conf/online_cmvn.conf").write_text(config)
    stats = read_object(str(model / "global_cmvn.stats")).matrix().astype(float)
    found, same = features(model, samples)
    np.testing.assert_allclose(found, online(plain, stats, window, share, norm_vars), atol=2e-3)
    np.testing.assert_array_equal(same, ivectors)


def test_a_vosk_model_with_statistics_also_when_arranged_before(model, samples, tmp_path):
    vosk, out = tmp_path / "vosk-model", tmp_path / "arranged"
    shutil.copytree(model / "extractor", vosk / "ivector")
    for folder, names in {"am": ("final.mdl",), "graph": ("graph/HCLG.fst",)}.items():
        (vosk / folder).mkdir()
        for name in names:
            shutil.copy(model / name, vosk / folder)
    (vosk / "conf").mkdir()
    shutil.copy(model / "conf/mfcc_hires.conf", vosk / "conf/mfcc.conf")
    (vosk / "conf/model.conf").write_text("--min-active=200\n --frame_subsampling_factor = 2 # odd\n")
    arrange_vosk(vosk, out)
    assert read_model_folder(out).frame_subsampling_factor == 2
    plain, _ = features(out, samples)
    shutil.copy(model / "extractor/global_cmvn.stats", vosk / "am")
    arrange_vosk(vosk, out)
    stats = read_object(str(vosk / "am/global_cmvn.stats")).matrix().astype(float)
    np.testing.assert_allclose(features(out, samples)[0], online(plain, stats, 600, 200), atol=2e-3)
    (vosk / "conf/pitch.conf").touch()
    with pytest.raises(DataError, match="pitch"):
        arrange_vosk(vosk, tmp_path / "other")


def test_a_chain_model_from_its_archives(model, samples, tmp_path):
    source, kaldi = tmp_path / "unpacked", tmp_path / "kaldi/egs/wsj/s5/utils/mkgraph.sh"
    kaldi.parent.mkdir(parents=True)
    kaldi.write_text('#!/bin/sh\nmkdir "$6" && echo >"$6/HCLG.fst"\n')
    kaldi.chmod(0o755)
    chain, lang = source / "exp/chain_cleaned/tdnn_1i_sp", source / "data/lang_test_tgsmall"
    shutil.copytree(model / "extractor", source / "exp/nnet3_cleaned/extractor")
    for folder, names in {chain: ("final.mdl", "tree"), lang: ("phones.txt",), source / "conf": ()}.items():
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(model / name, folder)
    (chain / "cmvn_opts").write_text("--config=conf/online_cmvn.conf\n")
    (source / "conf/online_cmvn.conf").write_text("--cmn-window=300\n--speaker-frames=300\n")
    for mark in (chain / "online_cmvn", source / "exp/nnet3_cleaned/extractor/online_cmvn_iextractor"):
        mark.touch()
    shutil.copy(model / "extractor/global_cmvn.stats", chain)
    arrange_model(source, tmp_path / "out", {"KALDI_ROOT": str(tmp_path / "kaldi")})
    settings = read_model_folder(tmp_path / "out")
    assert settings.cmvn == OnlineCmvnOptions(cmn_window=300, speaker_frames=300)
    assert settings.ivectors.options.online_cmvn_iextractor
    plain, _ = features(model, samples)
    found, _ = features(tmp_path / "out", samples)
    stats = read_object(str(chain / "global_cmvn.stats")).matrix().astype(float)
    np.testing.assert_allclose(found, online(plain, stats, 300, 200), atol=2e-3)


@pytest.mark.parametrize("kind", ["offline", "online"])
def test_stages_3_and_4_and_detection_agree(recipe, model, samples, tmp_path, kind):
    data = tmp_path / "data"
    data.mkdir()
    soundfile.write(data / "a.wav", samples / 32768, 16000, subtype="PCM_16")
    (data / "wav.scp").write_text(f"a {data}/a.wav\n")
    (data / "spk2utt").write_text("a a\n")
    (data / ".done").write_text("made\n")
    plain = AsrFeatures(model, "prefinal-l").compute(samples)
    (model / "cmvn_opts").write_text(f"--norm-vars={'true' if kind == 'online' else 'false'}\n")
    if kind == "online":
        (model / "online_cmvn").touch()
        shutil.copy(model / "extractor/global_cmvn.stats", model)
        (model / "conf/ivector.conf").write_text("  --ivector_period=20\n--online-cmvn-iextractor=true\n")
    recogniser = AsrFeatures(model, "prefinal-l")
    samples = as_int16_values(read_audio(data / "a.wav")[0])
    feats, ivectors = recogniser.inputs(samples)
    expected = recogniser.network.compute(feats, ivectors)
    run_in(recipe, "steps/make_asr_feats.sh", "--nj", 1, data, model, check=True)
    found = dict(matrices(f"scp:{data}/prefinal.scp"))["a"]
    scale = np.abs(expected).mean()
    assert np.abs(found - expected).mean() < 0.03 * scale < 0.3 * np.abs(plain - expected).mean()
    inputs = RecogniserInputs(data, recogniser)["a"]  # what a joint training takes
    np.testing.assert_allclose(inputs[0], feats, atol=0.05 * np.abs(feats).max())
    assert len(inputs[1]) == (-(-len(feats) // 20) if kind == "online" else -(-len(feats) // 10))
    if kind == "offline":
        return
    run_in(recipe, "steps/make_alignments.sh", "--nj", 1, data, model, check=True)
    phones = [line.split()[4] for line in (data / "phones.int.ctm").read_text().splitlines()]
    period = recogniser.extractor.options.ivector_period
    chunks = ChunkOptions(150, frame_subsampling_factor=3, online_ivector_period=period)
    decoder = Recogniser(str(model / "final.mdl"), str(model / "graph/HCLG.fst"), chunks)
    decoded = decoder.decode(*inputs)
    assert decoded is not None and phones
    assert phones == [str(phone) for phone, _ in split_to_phones(decoder.transitions, decoded.alignment)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"online_cmvn": ""}, "global_cmvn.stats: missing or empty"),
        ({"global_cmvn.stats": "[ 1 2\n 3 4 ]\n"}, "global_cmvn.stats: beside no file online_cmvn"),
        ({"online_cmvn": "", "global_cmvn.stats": "[ 1 2\n 3 4 ]\n"}, "global_cmvn.stats: 1 dimensions"),
        ({"online_cmvn": "", "global_cmvn.stats": " [ 1 2 0\n 3 4 0 ]\n"}, "global_cmvn.stats: count 0"),
        ({"cmvn_opts": "--norm-means=true --norm-var=true"}, "cmvn_opts: unknown option --norm-var=true"),
        ({"cmvn_opts": "--cmn-window=300"}, "cmvn_opts: unknown option --cmn-window=300"),
        ({"cmvn_opts": "--norm-means=false --norm-vars=true"}, "variance needs the mean"),
        ({"cmvn_opts": "--skip-dims=39:40"}, "--skip-dims=39:40; features of 40 dimensions"),
        ({"cmvn_opts": "--skip-dims=" + 5000 * "9"}, "expected dimensions such as 13:14:15"),
        ({"cmvn_opts": "norm_vars=true"}, "'norm_vars=true'; expected an option"),
        ({"cmvn_opts": "--config=/etc/online_cmvn.conf"}, "--config=/etc/online_cmvn.conf; expected that file in"),
    ],
)
def test_what_cannot_be_applied_is_refused(model, capsys, files, said):
    for name, text in files.items():
        (model / name).write_text(text)
    assert main(["feats", "recogniser", str(model)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    with pytest.raises(DataError) as error:
        AsrFeatures(model, "prefinal-l")
    assert str(error.value) == line
