"""What an installation needs: extras, pinned versions, and commands that do without the packages of an extra."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from pysed.cli import main
from pysed.errors import DISTRIBUTION, EXTRAS

#: Distributions by what is imported, where the names differ.
IMPORTED = {"kaldi_decoder": "kaldi-decoder", "paho": "paho-mqtt"}


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Their distributions' names, without versions; extras of this project are left out."""
    found = {re.match(r"[\w.-]+", requirement).group().lower() for requirement in requirements}
    return found - {DISTRIBUTION}


def test_every_optional_package_is_in_the_extra_that_is_named_for_it(project):
    assert project["name"] == DISTRIBUTION
    for package, extra in EXTRAS.items():
        assert IMPORTED.get(package, package) in names(project["optional-dependencies"][extra])
        assert package not in names(project["dependencies"])


def test_every_package_that_tests_need_is_pinned_as_are_those_it_needs(project, root):
    """path.sh installs constraints.txt without looking at dependencies."""
    pins = (root / "constraints.txt").read_text(encoding="utf-8").split()
    assert pins == sorted(set(pins), key=str.lower) and all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    pinned = {re.sub(r"[_.]", "-", pin.partition("==")[0].lower()) for pin in pins} | {"torch", "setuptools"}
    todo, seen = [f"{DISTRIBUTION}[dev]"], set()
    while todo:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", todo.pop()).groups()
        key = re.sub(r"[_.]", "-", name.lower()), extras
        if key in seen:
            continue
        seen.add(key)
        if key[0] == DISTRIBUTION:
            optional = project["optional-dependencies"]
            todo += [*project["dependencies"], *(each for extra in extras.split(",") for each in optional[extra])]
            continue
        assert key[0] in pinned, f"constraints.txt: {key[0]} is missing"
        todo += [each for each in metadata.requires(name) or () if wanted(each)]
    assert len(seen) > 80


def wanted(requirement: str) -> bool:
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


@pytest.mark.parametrize("package", ["sed_eval", "matplotlib"])
def test_a_missing_extra_is_one_line_that_says_what_to_install(package, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    events = tmp_path / "events.tsv"
    events.write_text("a.wav\t1.0\t2.0\tcry\n")
    options = ["--plot", str(tmp_path / "plots")] if package == "matplotlib" else []
    lists = ["--reference", str(events), "--detected", str(events), "--event", "cry"]
    assert main(["score", *lists, *options]) == 2
    errors = capsys.readouterr().err
    assert errors == (
        f"pysed score: the Python package {package} is needed and not installed: "
        f"pip install '{DISTRIBUTION}[{EXTRAS[package]}]'\n"
    )


def test_any_other_missing_module_is_a_fault_of_the_program(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysed.score.event_based", None)
    monkeypatch.delitem(sys.modules, "pysed.commands.score", raising=False)
    with pytest.raises(ModuleNotFoundError):
        main(["score", "--help"])


def test_detection_imports_no_optional_package():
    program = (
        "import sys; import pysed.cli, pysed.detect.archive, pysed.detect.live, pysed.commands.detect;"
        f"print(*sorted({set(EXTRAS)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_image_environment_and_workflow_name_what_is_there(root):
    """Neither Docker, nor conda, nor hosted machines are at hand: their files are read, and held against the tree."""
    import yaml

    folder = root / "utils/install"
    ignored = (folder / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (folder / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    sources = " ".join(copied).split()
    assert {f"!{source}" for source in sources} == {line for line in ignored if line.startswith("!")}
    assert all((root / source).exists() for source in sources) and "constraints.txt" in sources

    environment = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))
    lines = environment["dependencies"][-1]["pip"]
    assert (folder / lines[0].removeprefix("-c ")).resolve() == root / "constraints.txt"
    assert (folder / lines[-1].partition("[")[0]).resolve() == root

    workflow = yaml.safe_load((root / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    assert not any("${{ github.event" in step.get("run", "") for step in steps)
    tests = re.findall(r"\btests/\S+", " ".join(step.get("run", "") for step in steps))
    assert tests and all((root / name).exists() for name in tests)


def test_the_version_is_the_citations_and_the_changelogs(root):
    from pysed import __version__

    assert f"\nversion: {__version__}\n" in (root / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(
        rf"^## {re.escape(__version__)}\b", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
