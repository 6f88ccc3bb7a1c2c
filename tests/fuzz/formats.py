"""Readers of audio, archives and checkpoints."""

import bz2
import gzip
import io
import random
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from mutations import ODD, changed_value, damaged
from reader import Reader, files_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/detect"))
SOUNDS = {
    "wav": "PCM_16",
    "flac": "PCM_16",
    "ogg": "VORBIS",
    "mp3": "MPEG_LAYER_III",
    "aiff": "PCM_24",
    "au": "ULAW",
    "w64": "FLOAT",
}


def _audio(folder: Path) -> list[Reader]:
    import soundfile

    from pysed.audio import AudioFile, duration_of, read_audio
    from pysed.kaldi.tables import read_kind
    from pysed.kaldi.wave import WAVE

    def read(path: Path) -> None:
        assert duration_of(path) > 0
        samples, rate_hz = read_audio(path)
        assert rate_hz > 0 and np.isfinite(samples).all()
        with AudioFile(path) as audio:
            audio.read(0.2, 0.1)

    samples = 0.3 * np.sin(np.arange(4000) / 7)
    readers = []
    for kind, subtype in SOUNDS.items():
        path = folder / f"x.{kind}"
        soundfile.write(path, np.stack((samples, samples), axis=1), 8000, subtype)
        readers.append(Reader(kind, files_of(folder, path.name), lambda f, name=path.name: read(f / name)))
    soundfile.write(folder / "k.wav", samples, 8000, "PCM_16")
    readers.append(Reader("Kaldi's wav", files_of(folder, "k.wav"), lambda f: read_kind(str(f / "k.wav"), WAVE)))
    return readers


def _tar(members: dict[str, bytes], form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()[:8192]  # of the 10240 that tar fills with zeros


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _archives() -> list[Reader]:
    from pysed.fetch.unpack import unpack

    members = {"a/x.wav": bytes(range(256)) * 2, "a/y.csv": b"text\n" * 50, "b/" + "long" * 40: b"z"}

    def read(path: Path) -> None:
        out = path.parent / "out"
        shutil.rmtree(out, ignore_errors=True)
        try:
            unpack(path, out, limit=1 << 24)
        finally:
            beside = {each.name for each in path.parent.iterdir()}
            assert beside <= {path.name, "out"}, beside  # nothing leaves the folder
            left = [each for each in out.rglob("*.tmp")] if out.exists() else []
            assert not left, left

    def of_tar(compress: Callable[[bytes], bytes], tar: bytes) -> Callable[[random.Random], bytes]:
        return lambda rng: compress(damaged(rng, tar))

    readers = [Reader("zip", {"x.zip": _zip(members)}, lambda f: read(f / "x.zip"))]
    for name, form in (("", tarfile.GNU_FORMAT), (" in pax format", tarfile.PAX_FORMAT)):
        tar = _tar(members, form)
        for kind, compress in (("tar", bytes), ("tar.gz", lambda c: gzip.compress(c, 1)), ("tar.bz2", bz2.compress)):
            file = f"x.{kind}"
            readers.append(
                Reader(
                    f"{kind}{name}", {file: compress(tar)}, lambda f, file=file: read(f / file),
                    made={file: of_tar(compress, tar)},
                )
            )  # fmt: skip
    return readers


def _checkpoints(folder: Path) -> list[Reader]:
    import torch
    from small_detector import make_model

    from pysed.detect.decision_file import fingerprint, read_decision
    from pysed.detector.checkpoint import load_network

    tensors = (
        torch.zeros(0), torch.zeros(3), torch.full((40,), float("nan")), torch.zeros(2, 2, dtype=torch.int64),
        torch.zeros(1).expand(10**10), torch.tensor(1.0), torch.zeros(40, dtype=torch.float64),
    )  # fmt: skip

    def made(content: dict) -> Callable[[random.Random], bytes]:
        def change(rng: random.Random) -> bytes:
            stream = io.BytesIO()
            torch.save(changed_value(rng, content, (*ODD, *tensors)), stream)
            return stream.getvalue()

        return change

    readers = []
    for name, asr in (("checkpoint", None), ("checkpoint with a recogniser", {"model": "m", "layer": "l", "dim": 6})):
        where = make_model(folder / name.replace(" ", "-"), asr)
        content = torch.load(where / "final.pt", weights_only=True)
        content["state"] = dict(content["state"])
        files = files_of(where, "final.pt")
        readers.append(Reader(name, files, lambda f: load_network(f), made={"final.pt": made(content)}))
    network = load_network(folder / "checkpoint")
    decision = {"threshold": 0.4, "model": fingerprint(network), "event": "cry", "per_day": 1.0, "hours": 30.0}
    readers.append(
        Reader(
            "decision", {"x.yaml": yaml.safe_dump(decision).encode()},
            lambda f: read_decision(f / "x.yaml", network, {}),
            made={"x.yaml": lambda rng: yaml.safe_dump(changed_value(rng, decision)).encode()},
        )
    )  # fmt: skip
    return readers


def format_readers(folder: Path) -> list[Reader]:
    """All of them; ``folder`` takes what they need."""
    made = folder / "formats"
    made.mkdir(parents=True, exist_ok=True)
    return [*_audio(made), *_archives(), *_checkpoints(made)]
