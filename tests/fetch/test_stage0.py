"""Stages 0 and 1 on a look-alike of the record and of the model's archives, served on this machine."""

import io
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fileserver import md5, serving
from lookalike import EVALUATION_HASH, archives
from tiny_recipe import run_in

from pysed.cli import main
from pysed.errors import DataError
from pysed.fetch.chain_model import arrange_model, splice_lines
from pysed.fetch.collect import accept_licence, collect, mirrors_from
from pysed.fetch.manifest import load_manifest
from pysed.fetch.tut import place_member
from pysed.kaldi.openfst import read_fst


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> dict[str, bytes]:
    return archives(tmp_path_factory.mktemp("record") / "work")


@pytest.fixture
def server():
    with serving() as server:
        yield server


def write_manifest(path: Path, url: str, files: dict[str, bytes], ratio: float = 1.5) -> Path:
    """A manifest of the same form as conf/downloads/tut2017.yaml, for other bytes."""
    entries = [{"name": name, "bytes": len(body), "md5": md5(body)} for name, body in files.items()]
    records = [{"url": url, "prefix": "", "files": entries}]
    content = {"title": "Look-alike", "licence": "Be kind.", "unpacked_ratio": ratio, "records": records}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def tut_recipe(recipe, tmp_path, server, record) -> Path:
    """The recipe with its own data/, whose manifest names the look-alike; 8 mixtures a class."""
    copy = tmp_path / "recipe"
    shutil.copytree(recipe, copy, symlinks=True, ignore=shutil.ignore_patterns("data", "exp"))
    server.files = dict(record)
    write_manifest(copy / "conf/downloads/tut2017.yaml", server.url, record)
    settings = copy / "conf/corpora/tut2017.yaml"
    settings.write_text(settings.read_text().replace("500", "8").replace("devtest: 8", "devtest: 4"))
    return copy


def test_from_the_record_to_data_directories(tut_recipe, server, record):
    line = ["./run.sh", "--corpus", "tut2017", "--event", "babycry", "--stop-stage", "1"]
    refused = run_in(tut_recipe, *line)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1
    assert "--accept-licence" in refused.stderr and not server.requests

    server.cuts = [10_000, 10**9, 2_000_000]
    done = run_in(tut_recipe, *line, "--accept-licence", check=True)
    assert "Be kind." in done.stderr
    assert [wanted for _, wanted in server.requests].count(None) == len(record), "each from its start once"
    data = tut_recipe / "data/tut2017/babycry"
    counts = {set_: len((data / set_ / "wav.scp").read_text().splitlines()) for set_ in ("devtest", "evaltest")}
    assert counts == {"devtest": 4, "evaltest": 2}
    assert "valid" in (data / "devtrain/utt2split").read_text()
    assert len((data / "isolated_devtrain/wav.scp").read_text().splitlines()) == 3
    assert len((data / "evaltest/events.tsv").read_text().splitlines()) == 1
    assert (tut_recipe / "data/tut2017/doc/TUT-rare-sound-events-2017-development/README.md").is_file()

    requests = len(server.requests)
    shutil.rmtree(tut_recipe / "downloads")  # the archives are not needed any more, and nothing is asked again
    again = run_in(tut_recipe, *line, check=True)
    assert again.stdout.count("up to date") == 2 and len(server.requests) == requests
    lost = run_in(tut_recipe, *line, "--stage", "1", "--event", "thunder")
    assert lost.returncode == 2 and "thunder" in lost.stderr


def test_an_existing_folder_of_archives_is_used_and_a_wrong_one_named(tut_recipe, tmp_path, server, record):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, body in record.items():
        (folder / name).write_bytes(body)
    damaged = next(name for name in record if "events" in name and "source" in name)
    (folder / damaged).write_bytes(record[damaged][:-1])
    line = ["./run.sh", "--corpus", "tut2017", "--accept-licence", "--download-dir", folder, "--stop-stage", "0"]
    refused = run_in(tut_recipe, *line)
    assert refused.returncode == 2 and damaged in refused.stderr.splitlines()[-1]
    assert f"expected {len(record[damaged])}" in refused.stderr
    (folder / damaged).write_bytes(record[damaged])
    run_in(tut_recipe, *line, check=True)
    assert not server.requests and sorted(path.name for path in folder.iterdir()) == sorted(record)
    assert (tut_recipe / f"data/tut2017/mixture_data/evaltest/{EVALUATION_HASH}/meta").is_dir()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_licence_is_asked_for_once(server, tmp_path, monkeypatch, capsys):
    manifest, mark = (
        load_manifest(write_manifest(tmp_path / "m.yaml", server.url, {"a": b""})),
        tmp_path / "out/.licence",
    )
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    with pytest.raises(DataError, match="not accepted; nothing was fetched"):
        accept_licence(manifest, mark, False)
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    accept_licence(manifest, mark, False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    accept_licence(manifest, mark, False)
    with pytest.raises(DataError, match="--accept-licence"):  # another text is another licence
        accept_licence(replace(manifest, licence="Be kinder."), mark, False)


def small(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def fetch_small(server, tmp_path, files, **options):
    server.files = dict(files)
    manifest = load_manifest(write_manifest(tmp_path / "m.yaml", server.url, files, options.pop("ratio", 1.5)))
    return collect(manifest, tmp_path / "down", tmp_path / "out", place_member, wait_s=0.001, **options)


def test_what_was_unpacked_stays_when_a_later_archive_is_at_fault(server, tmp_path):
    files = {"1.zip": small(("x/source_data/a", b"1")), "2.zip": small(("x/source_data/../../b", b"2"))}
    with pytest.raises(DataError, match=r"2\.zip: member .* leads outside"):
        fetch_small(server, tmp_path, files)
    assert (tmp_path / "out/source_data/a").read_bytes() == b"1" and (tmp_path / "down/2.zip").exists()
    assert not (tmp_path / "b").exists()
    (tmp_path / "down/2.zip").unlink()
    files["2.zip"] = small(("x/source_data/b", b"2"))
    assert fetch_small(server, tmp_path, files) == 1, "the first is not unpacked again"
    assert (tmp_path / "out/source_data/b").read_bytes() == b"2"


def test_missing_files_and_full_disks_are_said_and_nothing_is_lost(server, tmp_path):
    files = {"1.zip": small(("x/source_data/a", b"1")), "2.zip": small(("x/source_data/b", b"2"))}
    manifest = load_manifest(write_manifest(tmp_path / "m.yaml", server.url, files))
    server.files = {"1.zip": files["1.zip"]}
    with pytest.raises(DataError, match=r"2\.zip: HTTP 404"):
        collect(manifest, tmp_path / "down", tmp_path / "out", place_member, wait_s=0.001)
    assert [path.name for path in (tmp_path / "down").iterdir()] == ["1.zip"]
    with pytest.raises(DataError, match="GB are needed to fetch and unpack Look-alike"):
        manifest_large = load_manifest(tmp_path / "m.yaml")
        large = type(manifest)(manifest.title, "", 1e15, manifest_large.files)
        collect(large, tmp_path / "down", tmp_path / "out", place_member)
    server.files = files
    assert collect(manifest, tmp_path / "down", tmp_path / "out", place_member, remove=True) == 2
    assert not list((tmp_path / "down").iterdir()), "archives are removed when asked for"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("records: []", "expected a mapping with 'records'"),
        ("records: [{url: 'ftp://x', prefix: '', files: []}]", "expected http"),
        ("records: [{url: 'http://x', prefix: '', files: [{name: ../x}]}]", "expected a plain file name"),
        ("records: [{url: 'http://x', prefix: '', files: [{name: x, md5: zz}]}]", "expected 32 digits"),
        ("records: [{url: 'http://x', prefix: '', files: [{name: x}, {name: x}]}]", "stands twice"),
        ("{record: 1, records: [1]}", "unknown key"),
    ],
)
def test_faults_of_manifests(tmp_path, text, words):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DataError, match=words):
        load_manifest(tmp_path / "m.yaml")


def test_shipped_manifests_hold_what_is_published(root):
    tut = load_manifest(root / "conf/downloads/tut2017.yaml")
    assert (
        len(tut.files) == 17 and all(file.size and file.md5 for file in tut.files) and "non-commercial" in tut.licence
    )
    assert tut.files[2].url == (
        "https://zenodo.org/record/401395/files/"
        "TUT-rare-sound-events-2017-development.source_data_bgs_and_cvsetup.1.zip"
    )
    model = load_manifest(root / "conf/downloads/librispeech.yaml")
    assert model.files[0].url == "https://kaldi-asr.org/models/13/0013_librispeech_v1_chain.tar.gz"


def test_mirrors_are_addresses():
    assert mirrors_from({"PYSED_MIRROR": "http://a/ https://b"}) == ("http://a/", "https://b")
    with pytest.raises(DataError, match="expected addresses"):
        mirrors_from({"PYSED_MIRROR": "/folder"})


def tarred(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def model_archives(root: Path) -> dict[str, bytes]:
    """The demo model in the three archives of the LibriSpeech model, with splice_opts instead of splice.conf."""
    demo, chain, extractor = root / "models/demo", "exp/chain_cleaned/tdnn_1d_sp", "exp/nnet3_cleaned/extractor"
    names = ("final.ie", "final.dubm", "final.mat", "global_cmvn.stats", "online_cmvn.conf")
    parts = {f"{extractor}/{name}": (demo / "extractor" / name).read_bytes() for name in names}
    parts[f"{extractor}/splice_opts"] = b"--left-context=3 --right-context=3\n"
    names = ("L_disambig.fst", "G.fst", "words.txt", "phones/disambig.int")
    lang = {f"data/lang_test_tgsmall/{name}": (demo / "lang" / name).read_bytes() for name in names}
    lang["data/lang_test_tgsmall/phones.txt"] = (demo / "phones.txt").read_bytes()
    return {
        "0013_librispeech_v1_chain.tar.gz": tarred(
            {f"{chain}/{n}": (demo / n).read_bytes() for n in ("final.mdl", "tree")}
        ),
        "0013_librispeech_v1_extractor.tar.gz": tarred(parts),
        "0013_librispeech_v1_lm.tar.gz": tarred(lang),
    }


def test_the_model_is_arranged_and_gives_features(recipe, root, server, tmp_path, monkeypatch, tiny_corpus):
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    monkeypatch.setenv("PYSED_MIRROR", server.url)
    server.files, out = model_archives(root), tmp_path / "librispeech"
    server.cuts = [1000]
    line = [
        "local/prepare_model.sh",
        "--manifest",
        "conf/downloads/librispeech.yaml",
        "--download-dir",
        tmp_path / "down",
        out,
    ]
    done = run_in(recipe, *line, check=True)
    assert "a graph of 1511 words" in done.stdout
    assert (out / "graph/words.txt").read_bytes() == (root / "models/demo/graph/words.txt").read_bytes()
    assert read_fst(str(out / "graph/HCLG.fst")).num_states > 3000
    for name in ("final.mdl", "tree", "phones.txt", "extractor/final.ie"):
        assert (out / name).read_bytes() == (root / "models/demo" / name).read_bytes(), name
    assert (out / "extractor/splice.conf").read_text() == "--left-context=3\n--right-context=3\n"
    assert (out / "frame_subsampling_factor").read_text() == "3\n"
    requests = len(server.requests)
    run_in(recipe, *line, check=True)
    assert len(server.requests) == requests, "nothing is fetched twice"
    assert main(["feats", "recogniser", str(out), str(tmp_path / "conf")]) == 0
    assert (tmp_path / "conf/splice.conf").read_text() == "--left-context=3\n--right-context=3\n"


def fake_kaldi(folder: Path, script: str) -> Path:
    path = folder / "kaldi/egs/wsj/s5/utils/mkgraph.sh"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return folder / "kaldi"


def unpacked(root: Path, folder: Path) -> Path:
    for body in model_archives(root).values():
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            archive.extractall(folder)  # made here; Python 3.11.2, Debian's, has no filters
    return folder


def test_the_graph_is_built_by_kaldis_own_script(root, tmp_path):
    source = unpacked(root, tmp_path / "source")
    kaldi = fake_kaldi(tmp_path, 'test -f "$4/G.fst" -a -f "$5/final.mdl" && mkdir "$6" && echo "$*" >"$6/HCLG.fst"')
    arrange_model(source, tmp_path / "model", {"KALDI_ROOT": str(kaldi)})
    assert (tmp_path / "model/graph/HCLG.fst").read_text().startswith("--self-loop-scale 1.0 --remove-oov /")
    failing = fake_kaldi(tmp_path / "other", "echo no fst tools; exit 1")
    with pytest.raises(DataError, match=r"exit 1, no HCLG.fst; the reason is in .*mkgraph\.log"):
        arrange_model(source, tmp_path / "second", {"KALDI_ROOT": str(failing)})
    assert "no fst tools" in (tmp_path / "second/mkgraph.log").read_text()


def test_faults_of_model_archives(root, tmp_path):
    source = unpacked(root, tmp_path / "source")
    (source / "exp/nnet3_cleaned/extractor/final.ie").unlink()
    with pytest.raises(DataError, match=r"no final\.ie"):
        arrange_model(source, tmp_path / "model", {})
    assert not (tmp_path / "model").exists() and not list(tmp_path.glob(".model*"))
    with pytest.raises(DataError, match="expected options like"):
        splice_lines("left 3")


@pytest.mark.thorough
def test_from_the_archives_to_the_report(tut_recipe, root, server, monkeypatch):
    """The paper's line, all stages, on look-alikes of the record and of the model; one class and one epoch."""
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    monkeypatch.setenv("PYSED_MIRROR", server.url)
    server.files |= model_archives(root)
    (tut_recipe / "models").unlink()  # a link to the checkout's
    shutil.copytree(root / "models/demo", tut_recipe / "models/demo")
    line = ["./run.sh", "--corpus", "tut2017", "--asr", "librispeech", "--accept-licence", "--event", "babycry"]
    line += ["--num-mixtures", "40", "--epochs", "1"]
    done = run_in(tut_recipe, *line, check=True)
    assert "a graph of 1511 words" in done.stdout
    results = tut_recipe / "exp/tut2017"
    table = (results / "RESULTS.md").read_text()
    assert "gradual" in table and "cbrnn" in table and "evaltest" in table
    for name in ("phones/phones.md", "phones/patterns/patterns.md", "report/index.html"):
        assert (results / name).stat().st_size > 1000, name
    again = run_in(tut_recipe, *line, check=True)
    assert "fetching" not in again.stdout and "a graph of" not in again.stdout
