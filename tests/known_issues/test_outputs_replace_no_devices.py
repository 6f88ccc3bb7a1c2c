"""An output that names a device or a pipe took its place: as root, ``--out /dev/null`` made a file of that."""

import os
import stat
import sys
import threading

import pytest

from pysed.atomic import atomic_open, is_special


def test_a_pipe_is_written_through(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with atomic_open(pipe) as stream:
        stream.write("found\n")
    reader.join(timeout=10)
    assert read == ["found\n"] and stat.S_ISFIFO(os.stat(pipe).st_mode)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="links below /dev are Linux's")
def test_what_lies_in_dev_is_special_and_files_are_not(tmp_path):
    assert all(map(is_special, ("/dev/null", "/dev/stdout")))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("")
    assert not any(map(is_special, (tmp_path, tmp_path / "file", tmp_path / "link", tmp_path / "new")))


def test_detections_go_through_a_pipe(tmp_path, capsys):
    import numpy as np
    import soundfile
    from small_detector import make_model

    from pysed.cli import main

    model = make_model(tmp_path / "model")
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert main(["detect", "--model", str(model), "--out", str(tmp_path / "pipe"), str(tmp_path / "a.wav")]) == 0
    reader.join(timeout=10)
    assert read and read[0].startswith("filename\tonset") and sorted(os.listdir(tmp_path)) == ["a.wav", "model", "pipe"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="links below /dev are Linux's")
def test_what_else_was_written_to_standard_output_stays(tmp_path):
    """``{ echo head; pysed ... --out /dev/stdout; } >FILE`` lost the head."""
    with open(tmp_path / "all", "w") as stream:
        stream.write("head\n")
        stream.flush()
        with atomic_open(f"/proc/{os.getpid()}/fd/{stream.fileno()}") as out:
            out.write("found\n")
    assert (tmp_path / "all").read_text() == "head\nfound\n"
