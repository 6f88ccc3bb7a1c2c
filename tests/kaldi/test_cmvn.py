"""CMVN commands against a frame-by-frame float64 account of what Kaldi documents."""

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.__main__ import main
from pysed.kaldi.tables import TableWriter, matrices, read_object, sequential, write_kind

RNG = np.random.default_rng(5)
FEATS = {
    name: RNG.normal(RNG.normal(0, 20, 4), 5, (n, 4)).astype(np.float32)
    for name, n in zip("abc", (37, 5, 90), strict=True)
}
GLOBAL = np.array([[900.0, -300.0, 150.0, 0.0, 300.0], [9000.0, 6000.0, 4000.0, 5000.0, 0.0]])


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with TableWriter("ark,scp:feats.ark,feats.scp", "matrix") as table:
        for name, values in FEATS.items():
            table.write(name, values)
    (tmp_path / "spk2utt").write_text("s a c\nt b\n")
    (tmp_path / "utt2spk").write_text("a s\nb t\nc s\n")
    write_kind("global", "matrix", GLOBAL)


def sums(*features: np.ndarray) -> np.ndarray:
    rows = np.concatenate(features).astype(float)
    return np.array([[*rows.sum(0), len(rows)], [*(rows**2).sum(0), 0]])


def by_stats(row: np.ndarray, stats: np.ndarray, norm_vars: bool, skip=()) -> np.ndarray:
    mean = stats[0, :-1] / stats[0, -1]
    scale = 1 / np.sqrt(np.maximum(stats[1, :-1] / stats[0, -1] - mean**2, 1e-20)) if norm_vars else np.ones(len(mean))
    out = (row - mean) * scale
    out[..., list(skip)] = row[..., list(skip)]
    return out


def online(utterances, window, from_speaker, from_all, norm_vars, skip=()):
    """Each frame by its window, filled up from the speaker's earlier utterances, then from everyone's frames."""
    earlier, found = np.zeros((2, 5)), []
    for feats in utterances:
        rows = []
        for t in range(len(feats)):
            stats = sums(feats[max(0, t + 1 - window) : t + 1])
            if earlier[0, -1]:
                stats += earlier * (min(window - stats[0, -1], from_speaker, earlier[0, -1]) / earlier[0, -1])
            stats += GLOBAL * (min(max(window - stats[0, -1], 0), from_all) / GLOBAL[0, -1])
            rows.append(by_stats(feats[t].astype(float), stats, norm_vars, skip))
        earlier = earlier + sums(feats)
        found.append(np.array(rows))
    return found


def run(*line: str) -> dict[str, np.ndarray]:
    assert main([*line, "ark:out"]) == 0
    return dict(matrices("ark:out"))


@pytest.mark.parametrize("norm_vars", [False, True])
@pytest.mark.parametrize("sizes", [(600, 600, 200), (20, 12, 7), (30, 0, 0)])
def test_online_with_and_without_speakers(sizes, norm_vars):
    window, speaker, everyone = sizes
    options = [f"--cmn-window={window}", f"--speaker-frames={speaker}", f"--global-frames={everyone}"]
    options += [f"--norm-vars={str(norm_vars).lower()}", "--skip-dims=1:3"]
    if norm_vars and not everyone:
        options[2], everyone, options[1], speaker = (
            "--global-frames=3",
            3,
            "--speaker-frames=3",
            3,
        )  # one frame: no variance
    alone = run("apply-cmvn-online", *options, "global", "scp:feats.scp")
    for name, found in alone.items():
        (expected,) = online([FEATS[name]], window, speaker, everyone, norm_vars, (1, 3))
        np.testing.assert_allclose(found, expected, atol=2e-4)
    adapted = run("apply-cmvn-online", *options, "--spk2utt=ark:spk2utt", "global", "scp:feats.scp")
    expected = online([FEATS["a"], FEATS["c"]], window, speaker, everyone, norm_vars, (1, 3))
    np.testing.assert_allclose(adapted["c"], expected[1], atol=2e-4)
    assert list(adapted) == ["a", "c", "b"]
    if speaker:
        assert np.abs(adapted["c"] - alone["c"]).max() > 0.01


def test_the_defaults_are_a_window_of_600_frames_with_200_of_everyone():
    (expected,) = online([FEATS["c"]], 600, 600, 200, False)
    np.testing.assert_allclose(run("apply-cmvn-online", "global", "ark:feats.ark")["c"], expected, atol=2e-4)
    plain = run("apply-cmvn-online", "--norm-means=false", "global", "ark:feats.ark")
    assert all(np.array_equal(plain[name], FEATS[name]) for name in FEATS)


@pytest.mark.parametrize("norm_vars", [False, True])
def test_offline_of_utterances_speakers_and_everything(norm_vars):
    option = f"--norm-vars={str(norm_vars).lower()}"
    assert main(["compute-cmvn-stats", "scp:feats.scp", "ark:utterances"]) == 0
    assert main(["compute-cmvn-stats", "--spk2utt=ark:spk2utt", "scp:feats.scp", "ark:speakers"]) == 0
    assert main(["compute-cmvn-stats", "scp:feats.scp", "everything"]) == 0
    found = run("apply-cmvn", option, "ark:utterances", "scp:feats.scp")
    for name in FEATS:
        np.testing.assert_allclose(found[name], by_stats(FEATS[name], sums(FEATS[name]), norm_vars), atol=1e-4)
    found = run("apply-cmvn", option, "--utt2spk=ark:utt2spk", "ark:speakers", "scp:feats.scp")
    for name, of in (("a", "ac"), ("b", "b"), ("c", "ac")):
        stats = sums(*(FEATS[other] for other in of))
        np.testing.assert_allclose(found[name], by_stats(FEATS[name], stats, norm_vars), atol=1e-4)
    found = run("apply-cmvn", option, "--skip-dims=0:2", "everything", "scp:feats.scp")
    expected = by_stats(FEATS["b"], sums(*FEATS.values()), norm_vars, (0, 2))
    np.testing.assert_allclose(found["b"], expected, atol=1e-3)  # the file holds floats
    with TableWriter("ark:normalised", "matrix") as table:
        table.write("a", by_stats(FEATS["a"], sums(FEATS["a"]), norm_vars).astype(np.float32))
    found = run("apply-cmvn", option, "--reverse=true", "ark:utterances", "ark:normalised")
    np.testing.assert_allclose(found["a"], FEATS["a"], atol=1e-3)


def test_statistics_are_doubles_and_weighted():
    weights = {name: RNG.uniform(size=len(values)).astype(np.float32) for name, values in FEATS.items()}
    weights["b"] = weights["b"][:3]  # too few: left out
    with TableWriter("ark:weights", "vector") as table:
        for name, values in weights.items():
            table.write(name, values)
    assert main(["compute-cmvn-stats", "--weights=ark:weights", "scp:feats.scp", "ark:stats"]) == 0
    found = dict(sequential("ark:stats", "double_matrix"))
    assert list(found) == ["a", "c"] and found["a"].dtype == np.float64
    rows = FEATS["a"].astype(float)
    expected = [[*weights["a"] @ rows, weights["a"].sum()], [*weights["a"] @ rows**2, 0]]
    np.testing.assert_allclose(found["a"], expected, rtol=1e-6)
    assert main(["compute-cmvn-stats", "--binary=false", "scp:feats.scp", "text"]) == 0
    np.testing.assert_allclose(read_object("text").matrix(), sums(*FEATS.values()), rtol=1e-6)


def test_utterances_without_statistics_are_left_out(tmp_path, capsys):
    assert main(["compute-cmvn-stats", "scp:feats.scp", "ark:stats"]) == 0
    (tmp_path / "utt2spk").write_text("a b\nc nobody\n")
    assert list(run("apply-cmvn", "--utt2spk=ark:utt2spk", "ark:stats", "scp:feats.scp")) == ["a"]
    assert capsys.readouterr().err.count("No normalization statistics") == 2
    (tmp_path / "utt2spk").write_text("")
    assert main(["apply-cmvn", "--utt2spk=ark:utt2spk", "ark:stats", "scp:feats.scp", "ark:out"]) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("apply-cmvn --norm-means=false --norm-vars=true global scp:feats.scp", "variance needs the mean"),
        ("apply-cmvn --skip-dims=9 global scp:feats.scp", "--skip-dims=9"),
        ("apply-cmvn --utt2spk=ark:utt2spk global scp:feats.scp", "--utt2spk"),
        ("apply-cmvn narrow scp:feats.scp", "2 dimensions"),
        ("apply-cmvn none scp:feats.scp", "0 frames"),
        ("apply-cmvn-online narrow scp:feats.scp", "2 dimensions"),
        ("apply-cmvn-online none scp:feats.scp", "count 0"),
        ("apply-cmvn-online --cmn-window=100 global scp:feats.scp", "--cmn-window=100"),
        ("apply-cmvn-online --modulus=20 global scp:feats.scp", "unknown option --modulus=20"),
        ("compute-cmvn-stats --spk2utt=ark:spk2utt scp:feats.scp plain-file", "--spk2utt"),
    ],
)
def test_refusals(line, said, capsys):
    write_kind("narrow", "matrix", np.ones((2, 3)))
    write_kind("none", "matrix", np.zeros((2, 5)))
    words = line.split()
    assert main([*words, *["ark:out"] * (words[-1] == "scp:feats.scp")]) == 255
    (message,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("ERROR")]
    assert said in message


def test_a_speaker_of_other_dimensions_is_named(tmp_path):
    with TableWriter("ark:feats", "matrix") as table:
        table.write("a", np.ones((2, 4), np.float32))
        table.write("c", np.ones((2, 3), np.float32))
    from pysed.kaldi.commands import compute_cmvn_stats

    with pytest.raises(DataError, match="c: 3 dimensions"):
        compute_cmvn_stats.main(["--spk2utt=ark:spk2utt", "ark:feats", "ark:out"])
