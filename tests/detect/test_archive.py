"""Many files: lists, processes, failures, and runs that are killed."""

import json
import os
import random
import signal
import subprocess
import sys
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
            damage(path, rng.randrange(8))
        names.append(str(path))
    (folder / "list.txt").write_text("\n".join(names) + "\n")
    return folder / "list.txt"


def damage(path: Path, kind: int) -> None:
    """One of eight ways in which a file cannot be read as it should."""
    data = path.read_bytes()
    path.unlink()
    if kind == 0:
        path.write_bytes(b"")
    elif kind == 1:
        path.write_text("hello")
    elif kind == 2:
        path.write_bytes(data[:30])
    elif kind == 3:
        path.write_bytes(bytes(1000))
    elif kind == 4:
        path.mkdir()
    elif kind == 5:
        path.symlink_to("nowhere")
    elif kind == 6:
        soundfile.write(path, np.full(3000, np.nan), 16000, subtype="FLOAT")
    # 7: it is gone


@pytest.fixture
def model(tmp_path):
    return str(make_model(tmp_path / "model"))


def call(*arguments) -> list[str]:
    return ["detect", *map(str, arguments)]


def test_one_bad_file_stops_no_other(tmp_path, model, capsys):
    listed = archive(tmp_path / "in", 24, bad=0.0)
    names = listed.read_text().splitlines()
    for kind, name in enumerate(names[:8]):
        damage(Path(name), kind)
    assert main(call("--model", model, "--files-from", listed, "--out", tmp_path / "out.tsv")) == 3
    rows = [line.split("\t")[0] for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert list(dict.fromkeys(rows[1:])) == names[8:]
    err = capsys.readouterr().err.splitlines()
    assert "8 of 24 files failed" in err[0] and len(err) == 9
    assert all(name in line and len(line) > len(name) + 10 for name, line in zip(names[:8], err[1:], strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "model", "out.tsv"], "no journal is left"


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


def kill_at_random(arguments: list[str], kills: int, longest_s: float, seed: int) -> int:
    """Start the command and kill it, so many times, at random moments; then let it run. Returns its exit code."""
    rng = random.Random(seed)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pysed", *arguments]
    for _ in range(kills):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(rng.uniform(0.2 * longest_s, longest_s))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode


def killed_runs_equal(tmp_path, model, count: int, kills: int, longest_s: float, jobs: int) -> None:
    listed = archive(tmp_path / "in", count)
    plain = call("--model", model, "--files-from", listed, "--jobs", jobs)
    assert main([*plain, "--out", str(tmp_path / "undisturbed.tsv")]) == 3
    assert kill_at_random([*plain, "--out", str(tmp_path / "killed.tsv")], kills, longest_s, 1) == 3
    assert (tmp_path / "killed.tsv").read_bytes() == (tmp_path / "undisturbed.tsv").read_bytes()
    assert len(set(row.split("\t")[0] for row in (tmp_path / "killed.tsv").read_text().splitlines())) > 0.98 * count


def test_killed_runs_give_what_an_undisturbed_one_does(tmp_path, model):
    killed_runs_equal(tmp_path, model, 400, kills=2, longest_s=6.0, jobs=1)


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
def test_twenty_thousand_files_killed_twenty_times(tmp_path, model):
    killed_runs_equal(tmp_path, model, 20_000, kills=20, longest_s=30.0, jobs=2)
