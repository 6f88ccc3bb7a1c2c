"""An i-vector extractor of any size with random but well-behaved contents, for tests and benchmarks."""

from pathlib import Path

import numpy as np

from pysed.atomic import atomic_open
from pysed.kaldi.stream import KaldiWriter


def random_features(rng: np.random.Generator, num_frames: int, dim: int) -> np.ndarray:
    """Features (T, F) float32 that change slowly, and through many regions, as those of sounds do."""
    levels = rng.standard_normal((num_frames // 12 + 2, dim)) * 20.0 / np.sqrt(1 + np.arange(dim))
    place = np.arange(num_frames) / 12
    share = (place % 1)[:, None]
    smooth = levels[place.astype(int)] * (1 - share) + levels[place.astype(int) + 1] * share
    return (smooth + rng.standard_normal((num_frames, dim))).astype(np.float32)


def write_random_extractor(
    folder: Path,
    *,
    seed: int = 1,
    num_gauss: int = 512,
    ivector_dim: int = 100,
    feature_dim: int = 40,
    lda_dim: int = 40,
    context: int = 3,
    binary: bool = True,
) -> Path:
    """Write final.{mat,dubm,ie}, global_cmvn.stats and settings to ``folder``; returns the file for ``--config``.

    The sizes by default are those of the LibriSpeech model.
    """
    rng = np.random.default_rng(seed)
    frames = random_features(rng, max(4000, 4 * num_gauss), feature_dim).astype(np.float64)
    stats = np.zeros((2, feature_dim + 1))
    stats[:, :-1] = frames.sum(0), np.square(frames).sum(0)
    stats[0, -1] = len(frames)
    centred = frames - frames.mean(0)
    windows = np.concatenate([np.roll(centred, -shift, axis=0) for shift in range(-context, context + 1)], axis=1)
    basis = np.linalg.qr(rng.standard_normal((windows.shape[1], lda_dim)))[0].T
    basis /= (windows @ basis.T).std(0)[:, None]
    offset = rng.standard_normal((lda_dim, 1)) * 0.1
    points = windows @ basis.T + offset[:, 0]
    means = points[rng.choice(len(points), num_gauss, replace=False)]
    precisions = rng.uniform(2.0, 6.0, means.shape)
    weights = rng.dirichlet(np.full(num_gauss, 20.0))

    prior_offset = 20.0
    projections = rng.standard_normal((num_gauss, lda_dim, ivector_dim)) / np.sqrt(ivector_dim)
    projections[:, :, 0] = means / prior_offset
    factors = rng.standard_normal((num_gauss, lda_dim, lda_dim)) * 0.1
    inverses = np.matmul(factors, factors.transpose(0, 2, 1)) + precisions[:, :, None] * np.eye(lda_dim)

    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "final.mat", binary, [("matrix", np.hstack([basis, offset]).astype(np.float32))])
    _write(folder / "global_cmvn.stats", binary, [("matrix", stats)])
    gmm = [("token", "<DiagGMM>"), ("token", "<WEIGHTS>"), ("vector", weights.astype(np.float32))]
    gmm += [("token", "<MEANS_INVVARS>"), ("matrix", (means * precisions).astype(np.float32))]
    gmm += [("token", "<INV_VARS>"), ("matrix", precisions.astype(np.float32)), ("token", "</DiagGMM>")]
    _write(folder / "final.dubm", binary, gmm)
    model = [("token", "<IvectorExtractor>"), ("token", "<w>"), ("matrix", np.zeros((0, 0))), ("token", "<w_vec>")]
    model += [("vector", weights), ("token", "<M>"), ("int32", num_gauss)]
    model += [("matrix", m) for m in projections]
    model += [("token", "<SigmaInv>")]
    model += [("packed", v) for v in inverses]
    model += [("token", "<IvectorOffset>"), ("double", prior_offset), ("token", "</IvectorExtractor>")]
    _write(folder / "final.ie", binary, model)
    return _write_settings(folder, context)


def _write_settings(folder: Path, context: int) -> Path:
    lines = {
        "splice.conf": [f"--left-context={context}", f"--right-context={context}"],
        "online_cmvn.conf": ["# settings of apply-cmvn-online: the defaults"],
        "ivector_extractor.conf": [
            f"--splice-config={folder}/splice.conf",
            f"--cmvn-config={folder}/online_cmvn.conf",
            f"--lda-matrix={folder}/final.mat",
            f"--global-cmvn-stats={folder}/global_cmvn.stats",
            f"--diag-ubm={folder}/final.dubm",
            f"--ivector-extractor={folder}/final.ie",
        ],
    }
    for name, content in lines.items():
        with atomic_open(folder / name) as stream:
            stream.write("\n".join(content) + "\n")
    return folder / "ivector_extractor.conf"


def _write(path: Path, binary: bool, items: list) -> None:
    writer = KaldiWriter(binary)
    for kind, value in items:
        if kind == "packed":
            _write_packed(writer, value)
        elif kind == "double":
            writer.real(value, double=True)
        else:
            getattr(writer, kind)(value)
    with atomic_open(path, "wb") as stream:
        stream.write(bytes(writer))


def _write_packed(writer: KaldiWriter, value: np.ndarray) -> None:
    """A symmetric matrix (N, N) as its lower triangle."""
    triangle = value[np.tril_indices(len(value))]
    if writer.binary:
        writer.raw(b"DP ")
        writer.int32(len(value))
        writer.raw(triangle.astype("<f8").tobytes())
        return
    writer.raw("[\n")
    for row in range(len(value)):
        writer.raw(
            "".join(f"{x!r} " for x in value[row, : row + 1].tolist()) + ("]\n" if row == len(value) - 1 else "\n")
        )
