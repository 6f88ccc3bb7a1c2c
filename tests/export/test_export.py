"""``pysed export``: a folder that needs nothing beside it and finds what the original finds."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from small_detector import make_model

from pysed import Decision, Detector
from pysed.cli import main
from pysed.commands.train import note_recogniser
from pysed.detect.decision_file import DecisionFile, fingerprint, read_decision, write_decision
from pysed.detector import checkpoint, exported, shipped
from pysed.errors import DataError
from pysed.export.folder import export_model
from pysed.kaldi.nnet3.module import NnetModule
from pysed.kaldi.nnet3.reader import read_model
from pysed.kaldi.tables import read_object

ROOT = Path(__file__).parents[2]
SMALL = dict(channels=8, temporal_hidden=8, gru_hidden=4)
SYSTEMS = {
    "cbrnn": dict(system="cbrnn", **SMALL),
    "gradual": dict(system="gradual", asr=True, **SMALL),
    "finetune": dict(system="finetune", model="finetune", asr=True),
    "folds": dict(system="folds", asr=True, folds=2, normalisation="clip", **SMALL),
    "joint_asr": dict(system="joint_asr", asr=True, asr_layers=2, **SMALL),
}


@pytest.fixture
def asr(root, tmp_path) -> Path:
    shutil.copytree(root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("graph", "lang"))
    return tmp_path / "asr"


def noise(seconds: float = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    levels = np.repeat(10 ** rng.uniform(-3, -1, int(seconds)), 16000)
    return (rng.standard_normal(len(levels)) * levels).astype(np.float32)


def make(folder: Path, system: str, asr: Path) -> Path:
    """An untrained model of the system; the recogniser's layers changed where they are trained along."""
    values = SYSTEMS[system]
    if not values.get("asr"):
        return make_model(folder, system=values)
    noted = {**note_recogniser(str(asr), "prefinal-l"), "dim": 128}
    if values.get("asr_layers"):
        module = NnetModule(read_model(read_object(str(asr / "final.mdl"))).nnet, "prefinal-l")
        noted["tuned"] = {"weights.prefinal-l": module.weights["prefinal-l"].detach() * 1.5}
    return make_model(folder, noted, system=values)


def given(model: Path, asr: Path, out: Path) -> Path:
    return export_model(model, out, asr)


@pytest.fixture
def travelled(asr, tmp_path) -> Path:
    return given(make(tmp_path / "model", "gradual", asr), asr, tmp_path / "out")


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_finds_the_same_with_nothing_beside_it(system, asr, tmp_path, monkeypatch):
    (tmp_path / "away").mkdir()
    original = Detector.load(make(tmp_path / "model", system, asr))
    samples = noise()
    expected = original.scores(samples, 16000)
    decision = Decision(threshold=float(np.quantile(expected, 0.7)), max_gap_s=0.0)
    events = original.detect(samples, 16000, decision)
    given(tmp_path / "model", asr, tmp_path / "out").rename(tmp_path / "away/moved")
    shutil.rmtree(asr)
    shutil.rmtree(tmp_path / "model")
    monkeypatch.chdir(tmp_path / "away")
    found = Detector.load("moved")
    assert expected.std() > 1e-4 and events
    np.testing.assert_array_equal(found.scores(samples, 16000), expected)
    assert found.detect(samples, 16000, decision) == events
    assert found.recogniser is None or found.recogniser.settings.path == Path("moved/recogniser")


def test_what_is_in_it(travelled, asr, capsys):
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=travelled, capture_output=True)
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(travelled).as_posix() for path in travelled.rglob("*") if path.is_file()}
    listed = {line.split("  ", 1)[1] for line in (travelled / "SHA256SUMS").read_text().splitlines()}
    assert listed == names - {"SHA256SUMS"}
    assert not any("graph" in name or "tree" in name or "lang" in name for name in names)
    nnet = read_model(read_object(str(travelled / "recogniser/final.mdl"))).nnet
    whole = read_model(read_object(str(asr / "final.mdl"))).nnet
    assert "prefinal-chain.affine" in whole.nodes and "prefinal-chain.affine" not in nnet.nodes
    assert nnet.output_dim() == 128 and set(nnet.components) < set(whole.components)
    assert str(asr).encode() not in (travelled / "final.pt").read_bytes()
    assert main(["kaldi", "nnet3-info", str(travelled / "recogniser/final.mdl")]) == 0
    capsys.readouterr()


def test_a_copy_of_a_copy_is_the_same(travelled, tmp_path):
    again = export_model(travelled, tmp_path / "again")
    for name in ("final.pt", "recogniser/final.mdl", "recogniser/conf/ivector.conf"):
        assert (again / name).read_bytes() == (travelled / name).read_bytes()


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"cmvn_opts": "--norm-means=true --norm-vars=true\n"}, "cmvn_opts"),
        (
            {"cmvn_opts": "--config=conf/o.conf\n", "conf/o.conf": "--cmn-window=700\n", "online_cmvn": ""},
            "online_cmvn",
        ),
        ({"conf/ivector.conf": "--num-gselect=3\n", "extractor/online_cmvn_iextractor": ""}, "conf/ivector.conf"),
    ],
)
def test_other_features(files, text, asr, tmp_path):
    for name, content in files.items():
        (asr / name).write_text(content)
    if "online_cmvn" in files:
        shutil.copy(asr / "extractor/global_cmvn.stats", asr)
    model = make(tmp_path / "model", "gradual", asr)
    expected = Detector.load(model).scores(noise(), 16000)
    found = Detector.load(given(model, asr, tmp_path / "out"))
    np.testing.assert_array_equal(found.scores(noise(), 16000), expected)
    assert (tmp_path / "out/recogniser" / text).is_file()


def refusal(capsys, model: Path, recording: Path) -> str:
    assert main(["detect", "--model", str(model), str(recording)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda out: flip(out / "final.pt"), "final.pt: damaged or exchanged"),
        (lambda out: flip(out / "recogniser/extractor/final.ie"), "final.ie: damaged or exchanged"),
        (
            lambda out: shutil.copy(ROOT / "models/demo/final.mdl", out / "recogniser"),
            "final.mdl: damaged or exchanged",
        ),
        (lambda out: (out / "recogniser/final.mdl").unlink(), "final.mdl: missing"),
        (lambda out: (out / "recogniser/cmvn_opts").write_text("--norm-means=true\n"), "cmvn_opts: not listed"),
        (lambda out: (out / "SHA256SUMS").write_text("nonsense\n"), "SHA256SUMS:1: 'nonsense'"),
        (lambda out: (out / "SHA256SUMS").write_text(""), "SHA256SUMS: no final.pt"),
        (lambda out: add_line(out, "../../etc/passwd"), "leads outside"),
        (lambda out: shutil.rmtree(out / "recogniser"), "missing"),
        (lambda out: lead_away(out / "recogniser/extractor/final.ie"), "leads outside"),
    ],
)
def test_changed_folders_are_refused(change, words, travelled, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", noise(2), 16000)
    change(travelled)
    assert words in refusal(capsys, travelled, tmp_path / "a.wav")


def lead_away(path: Path) -> None:
    """The same file, but elsewhere."""
    elsewhere = path.rename(path.parents[3] / "elsewhere")
    path.symlink_to(elsewhere)


def add_line(out: Path, name: str) -> None:
    with open(out / "SHA256SUMS", "a") as stream:
        stream.write(f"{'0' * 64}  {name}\n")


@pytest.mark.parametrize("name", ["{asr}", "../{asr.name}", "a/../../{asr.name}"])
def test_names_that_lead_anywhere_are_not_followed(name, asr, tmp_path, capsys, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    noted = {"model": name.format(asr=asr), "layer": "prefinal-l", "dim": 128}
    model = make_model(tmp_path / "model", noted)
    assert main(["export", str(model), "out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give it: --asr" in line and not list(Path.cwd().iterdir())
    assert main(["export", str(model), "out", "--asr", str(asr)]) == 0


def test_what_is_wrong_is_one_line_and_leaves_nothing(asr, tmp_path, capsys):
    (tmp_path / "outs").mkdir()
    model = make(tmp_path / "model", "gradual", asr)
    cases = [
        (["export", str(tmp_path / "none"), str(tmp_path / "outs/a")], "none"),
        (["export", str(model), str(tmp_path / "asr"), "--asr", str(asr)], "exists already"),
        (["export", str(model), str(tmp_path / "outs/b"), "--asr", str(tmp_path)], "final.mdl: missing"),
        (["export", str(model), str(tmp_path / "outs/c"), "--asr", str(asr), "--notes", "no.md"], "no.md"),
        (["export", str(model)], "OUT"),
    ]
    for options, words in cases:
        assert main(options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line, line
    (asr / "conf/ivector.conf").write_text("--num-gselect=2\n")
    with pytest.raises(DataError, match="trained on other features"):
        given(model, asr, tmp_path / "outs/e")
    assert not list((tmp_path / "outs").iterdir())


def test_a_failure_on_the_way_leaves_nothing(asr, tmp_path, monkeypatch):
    monkeypatch.setattr("pysed.export.folder.write_sums", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        given(make(tmp_path / "model", "gradual", asr), asr, tmp_path / "outs/a")
    assert not list((tmp_path / "outs").iterdir())


def experiment(folder: Path, **changes) -> Path:
    """exp/tiny/cry/cbrnn with the scores of stage 6."""
    model = make_model(folder / "tiny/cry/cbrnn", code_version="x", extra="not for others")
    rates = {"error_rate": 0.25, "f_measure": 0.875, "precision": 1.0, "recall": 0.75}
    counts = {"num_reference": 4, "num_detected": 3, "insertions": 0, "deletions": 1}
    rule = {"event": "cry", "system": "cbrnn", "subset": "devtest", "threshold": 0.5, "beta": 0.0, "seed": 1}
    score = {**rates, **counts, **rule, "num_files": 8, **changes}
    (model / "score_devtest.json").write_text(json.dumps(score))
    (model / "config.yaml").write_text("command: ./run.sh --corpus tiny\n")
    return model


def test_the_card(tmp_path):
    (tmp_path / "notes.md").write_text("## Sources\n\nClips of Ada, CC BY 4.0.\n")
    model = experiment(tmp_path / "exp")
    assert main(["export", str(model), str(tmp_path / "out"), "--notes", str(tmp_path / "notes.md")]) == 0
    text = (tmp_path / "out/MODEL_CARD.md").read_text()
    for part in (
        "`cry`", "corpus `tiny`", "| devtest | 8 | 0.25 | 87.5 | 100.0 | 75.0 |", "Clips of Ada, CC BY 4.0.",
        "`./run.sh --corpus tiny`", "`pysed export cbrnn out --notes notes.md`", f"torch {torch.__version__}",
    ):  # fmt: skip
        assert part in text, part
    assert str(tmp_path) not in text
    content = checkpoint.load(tmp_path / "out/final.pt")
    assert "extra" not in content and content["event"] == "cry"


def test_the_cards_scores_are_those_of_this_model(tmp_path):
    text = (export_model(experiment(tmp_path / "exp", threshold=0.6), tmp_path / "out") / "MODEL_CARD.md").read_text()
    assert "No scores are known" in text and "87.5" not in text


def test_the_card_has_the_recognisers_licence(travelled):
    text = " ".join((travelled / "MODEL_CARD.md").read_text().split())
    assert "Apache-2.0, as the project." in text and "`MODEL_CARD.md`: **Data**: 136 minutes." in text
    assert "Files and licence" not in text and "`prefinal-l` (128 values) of `asr`" in text
    assert (travelled / "recogniser/MODEL_CARD.md").is_file()


def test_a_tuned_threshold_goes_along(tmp_path, capsys):
    model = make_model(tmp_path / "model")
    values = DecisionFile(0.625, fingerprint(checkpoint.load_network(model)), min_duration_s=0.2)
    write_decision(model / "decision.yaml", values, "pysed tune")
    out = export_model(model, tmp_path / "out")
    assert read_decision(out / "decision.yaml", checkpoint.load_network(out), {}) == Decision(0.625, 0.2)
    assert "0.625" in (out / "MODEL_CARD.md").read_text() and "decision.yaml" in (out / "SHA256SUMS").read_text()
    make_model(tmp_path / "other", seed=2, low_ratio=0.5)
    shutil.copy(model / "decision.yaml", tmp_path / "other")
    assert main(["export", str(tmp_path / "other"), str(tmp_path / "out2")]) == 2
    assert "tuned for another model" in capsys.readouterr().err and not (tmp_path / "out2").exists()


def test_a_threshold_of_ones_own(tmp_path, capsys):
    model = make_model(tmp_path / "model", t_base=0.3, beta=0.5)
    write_decision(
        model / "decision.yaml", DecisionFile(0.625, fingerprint(checkpoint.load_network(model))), "pysed tune"
    )
    assert main(["export", "--threshold", "0.45", str(model), str(tmp_path / "out")]) == 0
    network = checkpoint.load_network(tmp_path / "out")
    assert (network.t_base, network.beta) == (0.45, 0.0) and not (tmp_path / "out/decision.yaml").exists()
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    assert "scores above 0.45 are an event" in card
    assert all(len(line) <= 100 for line in card.splitlines() if "`" not in line and not line.startswith("|"))
    samples = noise(20)
    rule = Decision(threshold=0.45)
    assert Detector.load(tmp_path / "out").detect(samples, 16000) == Detector.load(model).detect(samples, 16000, rule)
    capsys.readouterr()
    assert main(["export", "--threshold", "45", str(model), str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err.count("expected 0 to 1") == 1 and not (tmp_path / "other").exists()


def test_detectors_by_name(tmp_path, monkeypatch, capsys):
    home = tmp_path / "models/detectors"
    monkeypatch.setattr(shipped, "HOMES", (tmp_path / "nowhere", home))
    export_model(make_model(tmp_path / "model", event="knock"), home / "door")
    monkeypatch.chdir(tmp_path)
    assert Detector.load("door").event == "knock"
    soundfile.write("a.wav", noise(2), 16000)
    assert main(["detect", "--model", "door", "--threshold", "0", "a.wav"]) == 0
    assert "knock" in capsys.readouterr().out
    assert "detectors that are here by name: door" in refusal(capsys, Path("window"), Path("a.wav"))
    with pytest.raises(SystemExit):
        main(["detect", "--help"])
    assert "or a name: door" in " ".join(capsys.readouterr().out.split())
    make_model(tmp_path / "door", event="bell")  # a folder here goes first
    assert Detector.load("door").event == "bell"


def test_sums_of_a_folder_without(tmp_path):
    exported.check_sums(tmp_path)
