"""What a run shows while it goes on: utils/show_progress.py fed by hand, to a pipe and to a terminal."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "utils/show_progress.py"


def shown(*lines: str, end: str = "@end\n") -> list[str]:
    """The lines printed, times of the clock and durations left out."""
    text = "".join(f"{line}\n" for line in lines) + end
    done = subprocess.run([sys.executable, "-S", "-E", PROGRAM], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr and "\r" not in done.stdout and "\033" not in done.stdout
    return [re.sub(r"\d+ s$", "N s", re.sub(r"^\d\d:\d\d:\d\d ", "", line)) for line in done.stdout.splitlines()]


def test_a_line_for_each_stage_and_each_training():
    assert shown(
        "10:00:00 stage 0: set-up: corpus",
        "a question",
        "10:00:00 stage 2: features: a -> b",
        "@work 30",
        "10:00:00   data/a: 20 recordings",
        "@did 20",
        "10:00:00   data/b: up to date",
        "@did 10",
        "10:00:00 stage 3: more: a -> b",
        "10:00:01   data/a: up to date",
        "10:00:02 stage 5: train: a -> b",
        "10:00:03   exp/a: training",
        "what a job says",
        "10:00:04   exp/a: best epoch 2: validation F 50.0 %, error rate 0.50; 1 s",
    ) == [
        "stage 0: set-up: corpus",
        "a question",
        "stage 2: features: a -> b: 1 made, 1 up to date; N s",
        "stage 3: more: a -> b: up to date",
        "stage 5: train: a -> b",
        "  exp/a: best epoch 2: validation F 50.0 %, error rate 0.50; N s",
        "  1 made; N s",
    ]


def test_what_is_made_anew_is_told_of():
    """The outcome was empty where a part was only noted."""
    assert shown("10:00:00 stage 8: report: a -> b", "10:00:00   exp/a: x: changed; made anew") == [
        "stage 8: report: a -> b: done in N s",
        "  exp/a: x: changed; made anew",
    ]


def test_notes_stand_once_for_all_that_they_hold_for():
    kept = "made by other code (pysed/x.py); kept; --remake makes it anew"
    assert shown(
        "10:00:00 stage 2: features: a -> b",
        *(f"10:00:00   data/{name}: {kept}" for name in "abc"),
        "10:00:00   data/d: inputs changed: wav.scp; made anew",
        "10:00:00   data/d: 3 recordings",
    ) == [
        "stage 2: features: a -> b: 1 made, 3 kept; N s",
        f"  data/a and 2 more: {kept}",
        "  data/d: inputs changed: wav.scp; made anew",
    ]


def test_a_stage_that_fails_is_said_to_have_stopped():
    assert shown("10:00:00 stage 2: features: a -> b", end="") == ["stage 2: features: a -> b: stopped after N s"]


def test_on_a_terminal_a_bar_and_epochs_are_painted_and_gone_in_the_end(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.yaml").write_text("system: x\nepochs: 4\n")
    leads, follows = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-S", "-E", PROGRAM], cwd=tmp_path, stdin=subprocess.PIPE, stdout=follows,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follows)
    assert run.stdin
    run.stdin.write(b"10:00:00 stage 5: train: a -> b\n@work 2\n10:00:00   model: training\n")
    run.stdin.flush()
    text = b""
    while b"epoch 0" not in text:  # it is there before the training has done anything
        text += os.read(leads, 1 << 16)
    (tmp_path / "model/metrics.csv").write_text("epoch,loss,average_f\n1,0.9,\n2,0.51234,0.25\n")
    while b"epoch 2" not in text:
        text += os.read(leads, 1 << 16)
    run.stdin.write(b"10:00:00   model: best epoch 4: all\n@did 1\n@end\n")
    run.stdin.close()
    try:
        while more := os.read(leads, 1 << 16):
            text += more
    except OSError:  # the terminal's other end is closed
        pass
    os.close(leads)
    assert run.wait() == 0
    said = text.decode()
    assert "model: epoch 2 of 4, loss 0.512, validation F 25.0 %" in said
    assert re.search(r"stage 5: train: a  \[#{6}-{18}\] 25 %, \d+ s left", said), "half of one of two"
    last = said.rsplit("\033[J", 1)[1]
    assert "[" not in last, "nothing is painted below the last line"


def test_folds_side_by_side_share_a_line(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    from show_progress import Training

    (tmp_path / "config.yaml").write_text("epochs: 4\nfolds: 5\n")
    for number, done in ((1, 4), (2, 1), (3, 0)):
        (tmp_path / f"fold{number}").mkdir()
        rows = "".join(f"{epoch},0.5,0.25\n" for epoch in range(1, done + 1))
        (tmp_path / f"fold{number}/metrics.csv").write_text("epoch,loss,average_f\n" + rows)
    (tmp_path / "fold1/final.pt").touch()
    training = Training(str(tmp_path))
    figures = ", loss 0.500, validation F 25.0 %"
    assert training.look() == (0.0, f"{tmp_path} fold 2, 3: epoch 1, 0 of 4{figures}")  # by a run before
    (tmp_path / "fold3/metrics.csv").write_text("epoch,loss,average_f\n1,0.5,0.25\n2,0.5,0.25\n3,0.5,0.25\n")
    assert training.look() == (3 / 15, f"{tmp_path} fold 2, 3: epoch 1, 3 of 4{figures}")
