"""Many files: lists, processes, failures, and runs that are killed."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.archive import Analyser, Work, results
from pysed.detect.decide import Decision, Detection
from pysed.detect.journal import Journal, Result

ROOT = Path(__file__).parents[2]
NUM_DAMAGES = 22


def write(path: Path, seed: int, seconds: float = 0.5) -> Path:
    """A second or less of noise whose level the seed chooses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    soundfile.write(path, rng.normal(0, 10 ** rng.uniform(-3, -1), round(seconds * 16000)), 16000)
    return path


def archive(folder: Path, count: int, bad: float = 0.01) -> Path:
    """Tiny files in folders of a hundred, some of them damaged, each in another way; and a list of them."""
    rng = random.Random(1)
    names = []
    for number in range(count):
        path = folder / f"{number // 100:03d}/{number % 100:02d}, é {number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        rng_level = np.random.default_rng(number)
        samples = rng_level.normal(0, 10 ** rng_level.uniform(-3, -1), 1600 + number % 7 * 400)
        soundfile.write(path, samples, 16000, subtype="FLOAT" if number % 3 else "PCM_16")
        if rng.random() < bad:
            damage(path, rng.randrange(NUM_DAMAGES))
        names.append(str(path))
    (folder / "list.txt").write_text("\n".join(names) + "\n")
    return folder / "list.txt"


def damage(path: Path, kind: int) -> None:
    """One of NUM_DAMAGES ways in which a file cannot be read as it should."""
    data = path.read_bytes()
    path.unlink()
    rng = np.random.default_rng(len(data))
    other = io.BytesIO()
    soundfile.write(other, rng.normal(0, 0.1, 3000), 16000, format="FLAC" if kind % 2 else "OGG")
    contents = {
        0: b"",
        1: b"hello",
        2: data[:30],
        3: bytes(1000),
        4: data[:22] + bytes(2) + data[24:],  # no channels
        5: data[:24] + bytes(4) + data[28:],  # no rate
        6: data[:24] + b"\xff" * 4 + data[28:],
        7: data[:36],
        8: rng.bytes(3000),
        9: other.getvalue()[:200],
        10: other.getvalue()[:2000],
        11: other.getvalue()[:100] + bytes(2000),
        12: b"NIST_1A\n   1024\n" + bytes(2000),
        13: b"ID3" + b"hello\n" * 400,
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == 14:
        path.mkdir()
    elif kind == 15:
        path.symlink_to("nowhere")
    elif kind == 16:
        path.symlink_to(path.name)
    elif kind == 17:
        os.mkfifo(path)
    elif kind == 18:
        path.symlink_to("/dev/zero")
    elif kind in (19, 20):
        soundfile.write(path, np.full(3000, np.nan if kind == 19 else np.inf), 16000, subtype="FLOAT", format="WAV")
    # 21: it is gone


@pytest.fixture
def model(tmp_path):
    return str(make_model(tmp_path / "model"))


def call(*arguments) -> list[str]:
    return ["detect", *map(str, arguments)]


def test_one_bad_file_stops_no_other(tmp_path, model, capsys):
    listed = archive(tmp_path / "in", NUM_DAMAGES + 16, bad=0.0)
    names = listed.read_text().splitlines()
    for kind, name in enumerate(names[:NUM_DAMAGES]):
        damage(Path(name), kind)
    assert main(call("--model", model, "--files-from", listed, "--out", tmp_path / "out.tsv")) == 3
    rows = [line.split("\t")[0] for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert list(dict.fromkeys(rows[1:])) == names[NUM_DAMAGES:]
    err = capsys.readouterr().err.splitlines()
    assert f"{NUM_DAMAGES} of {len(names)} files failed" in err[0] and len(err) == NUM_DAMAGES + 1
    assert all(name in line and len(line) > len(name) + 10 for name, line in zip(names, err[1:], strict=False))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "model", "out.tsv", "out.tsv.journal"]


def test_a_missing_input_among_others_is_one_failure(tmp_path, model, capsys):
    good = write(tmp_path / "a.wav", 1)
    assert main(call("--model", model, good, tmp_path / "gone.wav")) == 3
    out, err = capsys.readouterr()
    assert "\na.wav\t" in out and "gone.wav" in err


def test_the_number_of_processes_changes_nothing(tmp_path, model):
    listed = archive(tmp_path / "in", 40, bad=0.1)
    for jobs in (1, 2):
        code = main(call("--model", model, "--files-from", listed, "--out", tmp_path / f"{jobs}.tsv", "--jobs", jobs))
        assert code == 3
    assert (tmp_path / "1.tsv").read_bytes() == (tmp_path / "2.tsv").read_bytes()


def test_a_file_that_ends_its_process_is_one_failure(tmp_path, model, monkeypatch):
    listed = archive(tmp_path / "in", 12, bad=0.0)
    names = listed.read_text().splitlines()
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nfrom pysed.detect import archive\nanalyse = archive.Analyser.analyse\n"
        f"def deadly(self, name, path):\n    if str(path) == {names[7]!r}:\n        os._exit(9)\n"
        "    return analyse(self, name, path)\n"
        "archive.Analyser.analyse = deadly\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    analyser = Analyser(Work((model,), Decision()))
    found = list(results({name: Path(name) for name in names}, analyser, jobs=2))
    assert [each.name for each in found] == names
    assert [each.name for each in found if each.fault] == [names[7]] and "crash" in found[7].fault


def test_a_journal_takes_back_what_it_was_given(tmp_path):
    write(tmp_path / "a.wav", 1)
    results = [
        Result("a.wav", f"{tmp_path / 'a.wav'} x", 1.25, ((Detection(0.1, 0.5, "é\n", 0.75, 2),), ())),
        Result("b\udce9.wav", "state", fault="why"),
    ]
    with Journal(tmp_path / "j", "key") as journal:
        for each in results:
            journal.add(each)
    text = (tmp_path / "j").read_bytes()
    for cut in range(len(text)):  # killed while a line was being written
        (tmp_path / "j").write_bytes(text[:cut])
        with Journal(tmp_path / "j", "key") as journal:
            assert list(journal.done.values()) == results[: max(0, text[:cut].count(b"\n") - 1)]
        assert text.startswith((tmp_path / "j").read_bytes())
    (tmp_path / "j").write_bytes(text)
    with Journal(tmp_path / "j", "other options") as journal:
        assert not journal.done


def test_what_is_done_is_not_done_again_unless_it_changed(tmp_path, model, monkeypatch):
    paths = [write(tmp_path / f"in/{name}.wav", seed) for seed, name in enumerate("abc")]
    arguments = call("--model", model, "--out", tmp_path / "out.tsv", tmp_path / "in")
    analyse, seen = Analyser.analyse, []

    def watched(self, name, path):
        seen.append(name)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return analyse(self, name, path)

    monkeypatch.setattr(Analyser, "analyse", watched)
    assert main(arguments) == 130 and not (tmp_path / "out.tsv").exists()
    monkeypatch.setattr(Analyser, "analyse", lambda self, name, path: seen.append(name) or analyse(self, name, path))
    write(paths[1], 9, 0.75)
    seen.clear()
    assert main(arguments) == 0
    assert seen == ["b.wav", "c.wav"]
    text = (tmp_path / "out.tsv").read_bytes()
    seen.clear()
    assert main(arguments) == 0 and len(seen) == 3 and (tmp_path / "out.tsv").read_bytes() == text


def test_a_folder_of_results_stays_inside_itself(tmp_path, model, monkeypatch):
    (tmp_path / "work").mkdir()
    for name in ("a.wav", "work/b.wav"):
        write(tmp_path / name, 1)
    (tmp_path / "work/list").write_text(f"../a.wav\n{tmp_path}/work/b.wav\n")
    monkeypatch.chdir(tmp_path / "work")
    assert main(call("--model", model, "--files-from", "list", "--out-dir", "out", "--format", "json")) == 0
    found = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.json"))
    assert found == sorted(["a.wav.json", f"{str(tmp_path).lstrip('/')}/work/b.wav.json"])
    assert json.loads(Path("out/a.wav.json").read_text())[0]["filename"] == "../a.wav"
    assert not list(tmp_path.glob("*.json"))


def start(arguments: list[str]) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pysed", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, start_new_session=True, text=True)


def num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def kill_at_random(arguments: list[str], out: Path, count: int, kills: int, seed: int) -> int:
    """Start the command and kill it, so many times: some while it starts, the others at random files, at random
    moments; then let it run. Returns its exit code."""
    rng = random.Random(seed)
    marks = sorted(rng.choices(range(1, count), k=kills - kills // 4) + [0] * (kills // 4))
    for mark in marks:
        process = start([*arguments, "--out", str(out)])
        time.sleep(rng.uniform(0, 1.5))
        while mark and num_lines(Path(f"{out}.journal")) <= mark and process.poll() is None:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.05))
        assert process.poll() is None, process.stderr.read()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = start([*arguments, "--out", str(out)])
    process.communicate()
    return process.returncode


def undisturbed(arguments: list[str], out: Path) -> tuple[int, list[int], str]:
    """Exit code, memory in kB during the run, twice a second, and the line about the rate."""
    process = start([*arguments, "--out", str(out)])
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr))  # a pipe that nobody reads fills up
    reader.start()
    sizes = []
    while process.poll() is None:
        if num_lines(Path(f"{out}.journal")) > 20:
            sizes += re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        time.sleep(0.5)
    reader.join()
    return process.returncode, [int(each) for each in sizes], next((line for line in said if "a minute" in line), "")


def killed_runs_equal(tmp_path, model, count: int, kills: int, jobs: int) -> tuple[list[int], str]:
    listed = archive(tmp_path / "in", count)
    plain = call("--model", model, "--files-from", listed)
    code, sizes, rate = undisturbed(plain, tmp_path / "undisturbed.tsv")
    assert code == 3
    assert kill_at_random([*plain, "--jobs", str(jobs)], tmp_path / "killed.tsv", count, kills, 1) == 3
    assert (tmp_path / "killed.tsv").read_bytes() == (tmp_path / "undisturbed.tsv").read_bytes()
    assert len(set(row.split("\t")[0] for row in (tmp_path / "killed.tsv").read_text().splitlines())) > 0.98 * count
    return sizes, rate


def test_killed_runs_give_what_an_undisturbed_one_does(tmp_path, model):
    killed_runs_equal(tmp_path, model, 400, kills=2, jobs=1)


def test_processes_end_with_the_one_that_started_them(tmp_path, model):
    listed = archive(tmp_path / "in", 4000, bad=0.0)
    arguments = call("--model", model, "--files-from", listed, "--jobs", 2, "--out", tmp_path / "out.tsv")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pysed", *arguments], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    journal = tmp_path / "out.tsv.journal"
    for _ in range(600):
        if journal.is_file() and journal.read_bytes().count(b"\n") > 5:
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("processes are left")


@pytest.mark.thorough
def test_twenty_thousand_files_killed_twenty_times(tmp_path, model, capsys):
    sizes, rate = killed_runs_equal(tmp_path, model, 20_000, kills=20, jobs=2)
    tenth = max(1, len(sizes) // 10)
    first, last = max(sizes[: 2 * tenth]), max(sizes[-tenth:])
    with capsys.disabled():
        print(f"\nmemory {first / 1024:.0f} MiB after a fifth, {last / 1024:.0f} MiB at the end; {rate}", end="")
    assert last - first < 8 * 1024
