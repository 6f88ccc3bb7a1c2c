"""Digests of code: what changes them and what does not, on copies of the package's sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ("pysed.commands.train:main", "pysed.networks=cbrnn", "-pysed.train.joint")
SCORING = ("pysed.commands.evaluate:main",)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A user's cache: empty for the first test."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def package(tmp_path, cache):
    """A copy of the package, and a function that says which files of it roots reach, with digests."""
    shutil.copytree(ROOT / "pysed", tmp_path / "pysed", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "KALDI_ROOT": ""}
    script = "import sys, json; from pysed.freshness.code import code_of; print(json.dumps(code_of(sys.argv[1:])))"

    def code(*roots: str) -> dict[str, str]:
        command = [sys.executable, "-S", "-E", "-c", script, *roots]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return __import__("json").loads(done.stdout)

    return tmp_path / "pysed", code


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comments_docstrings_and_layout_do_not_count(package):
    folder, code = package
    before = code(*TRAINING)
    for path in folder.rglob("*.py"):
        text = path.read_text()
        if text.startswith('"""'):
            path.write_text(text.replace('"""', '"""Changed. ', 1) + "\n# a comment\n\n")
    native = folder / "native/layers.c"
    native.write_text("/* a comment // of two kinds */\n" + native.read_text().replace("\n", "\n\n", 3))
    assert code(*TRAINING) == before


def test_a_line_of_the_loss_is_named_by_training_alone(package):
    folder, code = package
    training, scoring = code(*TRAINING), code(*SCORING)
    edit(folder / "train/loss.py", "return ", "return 2 * ")
    assert changed(training, code(*TRAINING)) == {"pysed/train/loss.py"}
    assert code(*SCORING) == scoring


def test_a_line_of_post_processing_is_named_by_scoring_alone(package):
    folder, code = package
    training, scoring = code(*TRAINING), code(*SCORING)
    edit(folder / "decision/postprocess.py", "def detect_event(", "def detect_event_(")
    with (folder / "decision/postprocess.py").open("a") as stream:
        stream.write("\n\ndef detect_event(*values, **settings):\n    return detect_event_(*values, **settings)\n")
    assert changed(scoring, code(*SCORING)) == {"pysed/decision/postprocess.py"}
    assert code(*TRAINING) == training


def test_only_what_can_be_reached_counts(package):
    folder, code = package
    before = code(*TRAINING)
    for name in ("report/page.py", "networks/mlp.py", "train/joint.py"):
        with (folder / name).open("a") as stream:
            stream.write("\n\nADDED = 1\n")
    with (folder / "train/loss.py").open("a") as stream:
        stream.write("\n\ndef of_nobody():\n    return 1\n")
    assert code(*TRAINING) == before
    assert "pysed/networks/mlp.py" in code("pysed.commands.train:main"), "imported by a computed name"


def test_c_sources_and_what_runs_at_import_count(package):
    folder, code = package
    before = code(*TRAINING)
    edit(folder / "native/layers.c", "for (", "for  /**/ (")
    assert code(*TRAINING) == before
    edit(folder / "native/layers.c", "for (", "if (1) for (")
    assert changed(before, code(*TRAINING)) == {"pysed/native/layers.c"}
    before = code(*TRAINING)
    with (folder / "train/clips.py").open("a") as stream:
        stream.write("\nprint(1)\n")
    assert changed(before, code(*TRAINING)) == {"pysed/train/clips.py"}


def test_kaldi_commands_and_shell_scripts(package, monkeypatch):
    folder, code = package
    script = folder.parent / "steps/x.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/bash\n# why\necho '# not a comment' \"${#words}\" # a comment\n")
    before = code("steps/x.sh", "copy-feats")
    assert "pysed/kaldi/commands/copy_feats.py" in before and "steps/x.sh" in before
    script.write_text("#!/bin/bash\necho '# not a comment' \"${#words}\"\n\n")
    assert code("steps/x.sh", "copy-feats") == before
    script.write_text("#!/bin/bash\necho '# not this comment' \"${#words}\"\n")
    assert changed(before, code("steps/x.sh", "copy-feats")) == {"steps/x.sh"}


def test_what_is_remembered_of_a_module_is_what_its_text_gives(tmp_path, monkeypatch):
    from pysed.freshness import closure, syntax

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("pysed.train.engine", "pysed.networks", "pysed.native.libraries"):
        path = closure.module_file(name)
        read = syntax.read(name, Path(path).read_text(), path.endswith("__init__.py"))
        for _ in range(2):  # at first from the text, then from the cache
            closure.parsed.cache_clear()
            assert closure.parsed(name) == read
    assert len(list(tmp_path.glob("pysed/parts-*.json"))) == 3


def test_every_root_of_the_scripts_exists():
    """Each stage names code that is there: a renamed module would otherwise stop it."""
    import re

    from pysed.freshness.closure import module_file, parsed

    text = "\n".join(path.read_text() for path in [*ROOT.glob("steps/*.sh"), ROOT / "utils/resume.sh"])
    roots = re.findall(r"[ (=\"-](pysed(?:\.\w+)+)(?::(\w+))?", text)
    assert len(roots) > 8
    for name, definition in roots:
        assert module_file(name), name
        assert not definition or definition in parsed(name).definitions, (name, definition)
