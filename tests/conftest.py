"""Fixtures shared by all tests: the repository, a copy of the recipe to run, a tiny corpus."""

import shutil
import signal
from pathlib import Path

import pytest
import yaml
from tiny_recipe import write_corpus

ROOT = Path(__file__).resolve().parents[1]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, where what tests start inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = ("test_recipe.py", "test_stages.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first: the processes that share the tests then end at about the same time."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    """A copy of the recipe's scripts with the same package and models, so that tests leave the checkout alone."""
    copy = tmp_path_factory.mktemp("recipe")
    for name in ("run.sh", "path.sh", "cmd.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("utils", "steps", "local", "conf"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True)
    for name in ("pysed", "models"):
        (copy / name).symlink_to(ROOT / name)
    return copy


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """The tiny corpus with its own settings: 10 training and 4 test mixtures of 10 s."""
    folder = write_corpus(tmp_path_factory.mktemp("corpora") / "tiny")
    settings = yaml.safe_load((ROOT / "conf/corpora/default.yaml").read_text())
    settings |= {"mixtures": {"devtrain": 10, "devtest": 4}, "duration_s": 10.0}
    (folder / "corpus.yaml").write_text(yaml.safe_dump(settings))
    return folder
