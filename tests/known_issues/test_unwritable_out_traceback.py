"""An --out where nothing can be written, a full disk and a closed pipe ended in tracebacks, or named no file."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pysed.atomic import atomic_open
from pysed.audio import write_wav
from pysed.cli import main
from pysed.kaldi.tables import TableWriter

ROOT = Path(__file__).resolve().parents[2]
LIST = "a.wav\t1.0\t2.0\tcry\n"


def pysed(*arguments, size: int | None = None, **options) -> subprocess.CompletedProcess:
    """Run the command; no file may grow beyond ``size`` bytes."""

    def limit() -> None:
        if size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "pysed", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, text=True, preexec_fn=limit, **options)


def clips(folder):
    rng = np.random.default_rng(0)
    for number in range(3):
        loud = np.zeros(16000)
        loud[4000:9000] = rng.uniform(-0.9, 0.9, 5000)
        for part, samples in (("events/cry", loud), ("places/home", rng.uniform(-0.01, 0.01, 16000 * 31))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            write_wav(folder / part / f"{part[:1]}{number}.wav", samples, 16000)
    return ["corpus", "own", "--events", folder / "events", "--backgrounds", folder / "places"]


def test_a_place_where_nothing_can_be_written(tmp_path, capsys):
    (tmp_path / "r").write_text(LIST)
    (tmp_path / "file").write_text("")
    score = ["score", "--reference", tmp_path / "r", "--detected", tmp_path / "r", "--event", "cry", "--out"]
    for place in (tmp_path / "file/x.json", "/proc/x.json", tmp_path / ("x" * 300)):
        assert main([*map(str, score), str(place)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and ("file" in error or str(place) in error), error
    assert main([*map(str, clips(tmp_path)), "--out", "/proc/own"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "/proc" in error


def test_a_file_that_cannot_grow(tmp_path):
    own = clips(tmp_path)
    found = pysed(*own, "--out", tmp_path / "own", size=100_000)
    assert found.returncode == 2 and found.stderr.count("\n") == 1, found.stderr
    assert "File too large" in found.stderr and ".wav" in found.stderr
    assert not list(tmp_path.glob("*own*"))
    assert pysed(*own, "--out", tmp_path / "own").returncode == 0
    config = tmp_path / "c.yaml"
    config.write_text("mixtures: {devtrain: 4}\nvalidation_fraction: 0\n")
    mix = ["corpus", "mix", "--source", tmp_path / "own", "--config", config, "--event", "cry", "--subset", "devtrain"]
    for jobs in (1, 2):
        found = pysed(*mix, "--out", tmp_path / "mixed", "--nj", jobs, size=100_000)
        assert found.returncode == 2 and found.stderr.count("\n") == 1, found.stderr
        assert "File too large" in found.stderr and ".wav" in found.stderr
        assert not list(tmp_path.glob("*mixed*"))


def test_a_table_that_cannot_grow(tmp_path):
    script = f"""
import numpy as np, resource
from pysed.kaldi.tables import TableWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with TableWriter("ark,scp:{tmp_path}/x.ark,{tmp_path}/x.scp", "matrix") as table:
    for number in range(100):
        table.write(f"u{{number}}", np.zeros((100, 40), np.float32))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"File too large: '{tmp_path}/x.ark'" in found.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
    kaldi = pysed("kaldi", "copy-feats", f"ark:{table(tmp_path)}", f"ark:{tmp_path}/copy.ark", size=1000)
    assert kaldi.returncode == 255 and f"{tmp_path}/copy.ark: File too large" in kaldi.stderr.splitlines()[-1]


def table(folder) -> str:
    with TableWriter(f"ark:{folder}/in.ark", "matrix") as writer:
        writer.write("u", np.zeros((100, 40), np.float32))
    return f"{folder}/in.ark"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_standard_output_that_takes_nothing(tmp_path):
    (tmp_path / "r").write_text(LIST)
    score = ["score", "--reference", tmp_path / "r", "--detected", tmp_path / "r", "--event", "cry"]
    with open("/dev/full", "w") as full:
        found = pysed(*score, stdout=full)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1) and "No space left" in found.stderr
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        found = pysed(*score, stdout=closed)
    assert (found.returncode, found.stderr) == (1, "standard output: closed by its reader\n")


@pytest.mark.parametrize("size", [10, 3000])
def test_training_that_cannot_write(size, tmp_path):
    from small_clips import make_clips, write_data_dir

    data = write_data_dir(tmp_path / "data", make_clips(4, 1), make_clips(2, 2))
    train = ["train", "--system", ROOT / "conf/systems/cbrnn.yaml", "--data", data, "--event", "cry", "--epochs", 2]
    small = [
        word
        for change in ("frontend=logmel40", "channels=8", "temporal_hidden=8", "batch_size=2")
        for word in ("--set", change)
    ]
    plain = {**os.environ, "PYSED_NATIVE": "0", "OMP_NUM_THREADS": "1"}  # the compiler could not write either
    found = pysed(*train, *small, "--out", tmp_path / "out", size=size, env=plain)
    assert found.returncode == 2 and found.stderr.count("\n") == 1, found.stderr
    assert f"{tmp_path}/out/" in found.stderr and "File too large" in found.stderr


def test_the_file_is_named_not_its_temporary(tmp_path):
    with pytest.raises(OSError) as error, atomic_open(tmp_path / "x"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.filename == f"{tmp_path}/x"
