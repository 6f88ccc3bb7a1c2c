"""A Vosk model's folder, made of the demo model, given by --asr: arranged, its features and phones, its faults."""

import shutil
from pathlib import Path

import pytest
import soundfile
from tiny_recipe import run_in

from pysed.errors import DataError
from pysed.fetch.vosk import arrange_vosk


@pytest.fixture
def vosk(root, tmp_path) -> Path:
    """The demo model as Vosk would pack it."""
    demo, folder = root / "models/demo", tmp_path / "given/vosk-model-small"
    shutil.copytree(demo / "extractor", folder / "ivector")
    for name in ("am", "conf", "graph"):
        (folder / name).mkdir()
    shutil.copy(demo / "final.mdl", folder / "am")
    shutil.copy(demo / "conf/mfcc_hires.conf", folder / "conf/mfcc.conf")
    (folder / "conf/model.conf").write_text("--max-active=3000\n--frame-subsampling-factor=3\n")
    for name in ("HCLG.fst", "phones.txt", "words.txt"):
        shutil.copy(demo / "graph" / name, folder / "graph")
    return folder


@pytest.fixture
def own_models(recipe, root, tmp_path) -> Path:
    """The recipe with a models/ of its own."""
    copy = tmp_path / "recipe"
    shutil.copytree(recipe, copy, symlinks=True, ignore=shutil.ignore_patterns("data", "exp", "models"))
    (copy / "models").mkdir()
    (copy / "models/demo").symlink_to(root / "models/demo")
    return copy


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def data_directory(folder: Path, corpus: Path) -> Path:
    samples, rate_hz = soundfile.read(next(corpus.glob("source_data/bgs/audio/*.wav")), frames=3 * 16000)
    folder.mkdir()
    soundfile.write(folder / "a.wav", samples, rate_hz)
    (folder / "wav.scp").write_text(f"a {folder}/a.wav\n")
    (folder / "spk2utt").write_text("a a\n")
    (folder / ".done").write_text("made\n")
    return folder


def test_stage_0_arranges_it_and_features_and_phones_are_those_of_the_model(own_models, vosk, tiny_corpus, tmp_path):
    given = contents(vosk)
    line = ["./run.sh", "--corpus", tiny_corpus, "--event", "knock", "--asr", vosk]
    early = run_in(own_models, *line, "--stage", "3", "--stop-stage", "3")
    assert early.returncode == 2 and early.stderr.count("\n") == 1 and "run stage 0" in early.stderr
    done = run_in(own_models, *line, "--stop-stage", "0", check=True)
    assert "no phones" not in done.stdout
    arranged = own_models / "models/vosk/vosk-model-small"
    assert (arranged / "frame_subsampling_factor").read_text() == "3\n"
    for name in ("mine", "demo"):
        data = data_directory(tmp_path / name, tiny_corpus)
        model = arranged if name == "mine" else "models/demo"
        run_in(own_models, "steps/make_asr_feats.sh", "--nj", 1, data, model, check=True)
        run_in(own_models, "steps/make_alignments.sh", "--nj", 1, data, model, check=True)
    for name in ("ivectors/ivectors.1.ark", "prefinal/prefinal.1.ark", "phones.ctm"):
        assert (tmp_path / "mine" / name).read_bytes() == (tmp_path / "demo" / name).read_bytes(), name
    assert contents(vosk) == given


def test_a_look_ahead_graph_gives_features_only(own_models, vosk, tmp_path):
    (vosk / "graph/HCLG.fst").rename(vosk / "graph/HCLr.fst")
    (vosk / "graph/Gr.fst").write_bytes(b"G")
    out = tmp_path / "out"
    for _ in range(2):
        done = run_in(own_models, "local/prepare_model.sh", "--vosk", vosk, out, check=True)
        (said,) = done.stdout.splitlines()
        assert "features only" in said and "HCLr.fst" in said and "look-ahead" in said
    assert not (out / "graph/HCLG.fst").exists()
    (tmp_path / "data").mkdir()
    stage = run_in(own_models, "steps/make_alignments.sh", tmp_path / "data", out, check=True)
    assert "features only" in stage.stdout


def test_without_extractor_or_names_of_phones(vosk, tmp_path):
    shutil.rmtree(vosk / "ivector")
    (vosk / "graph/phones.txt").unlink()
    assert "no phones.txt" in (arrange_vosk(vosk, tmp_path / "out") or "")
    assert not (tmp_path / "out/extractor").exists() and not (tmp_path / "out/graph").exists()


def test_faults(vosk, tmp_path):
    out, moved = tmp_path / "out", tmp_path / "moved"
    (vosk / "ivector/final.ie").write_bytes(b"")
    with pytest.raises(DataError, match=r"final\.ie: missing or empty"):
        arrange_vosk(vosk, out)
    assert not list(tmp_path.glob("*out*"))
    shutil.rmtree(vosk / "ivector")
    arrange_vosk(vosk, out)
    shutil.copytree(vosk, moved)
    with pytest.raises(DataError, match="belongs to"):
        arrange_vosk(moved, out)
    shutil.rmtree(vosk)  # moved away: the links are made anew
    arrange_vosk(moved, out)
    assert (out / "final.mdl").resolve() == moved / "am/final.mdl"
