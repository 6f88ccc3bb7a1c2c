"""A day of live sound through ``pysed listen``, fed as fast as it is taken: memory stays where it is."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from small_detector import make_model

from pysed import Detector

ROOT = Path(__file__).parents[2]
HOUR = 3600 * 16000


def memory_mib(process: subprocess.Popen) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


@pytest.mark.thorough
def test_a_day_takes_no_more_memory_than_an_hour(tmp_path, capsys):
    model = make_model(tmp_path / "model", window_s=5.0, max_gap_s=0.3)
    rng = np.random.default_rng(0)
    minute = rng.normal(0, 1, HOUR // 60) * 10 ** np.repeat(rng.uniform(-3, -1, 120), 8000)
    data = np.round(minute * 32768).clip(-32768, 32767).astype("<i2").tobytes()
    scores = Detector.load(model).scores(minute.astype(np.float32), 16000)
    command = [sys.executable, "-m", "pysed", "listen", "--model", str(model), "--rate", "16000"]
    command += ["--threshold", str(np.median(scores))]  # passed over and over
    with tempfile.TemporaryFile("w+") as lines:
        process = subprocess.Popen(
            [*command, "--step", "2"], cwd=ROOT, stdin=subprocess.PIPE, stdout=lines, stderr=subprocess.DEVNULL
        )
        assert process.stdin
        sizes = []
        for _ in range(24):
            for _ in range(60):
                process.stdin.write(data)
            sizes.append(memory_mib(process))
        process.stdin.close()
        assert process.wait() == 0
        lines.seek(0)
        ends = [event for event in map(json.loads, lines) if event["change"] == "end"]
    with capsys.disabled():
        print(f"\nmemory after 1, 6, 12, 24 h: {', '.join(f'{sizes[hour - 1]:.0f}' for hour in (1, 6, 12, 24))} MiB, "
              f"{len(ends)} events, ", end="")  # fmt: skip
    assert len(ends) > 1000 and ends[-1]["offset_s"] > 86_000
    assert max(sizes[1:]) - sizes[0] < 8
