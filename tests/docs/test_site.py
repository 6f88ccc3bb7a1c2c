"""The documentation's site: every page is in its navigation, generated pages are complete, links stay on the site."""

import importlib.util
import re
import subprocess
import sys

import pytest
import yaml
from doc_pages import ROOT

import pysed
from pysed.cli import COMMANDS

specification = importlib.util.spec_from_file_location("site_pages", ROOT / "docs/site_pages.py")
assert specification and specification.loader
site_pages = importlib.util.module_from_spec(specification)
specification.loader.exec_module(site_pages)


def test_every_page_is_in_the_navigation():
    sections = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = set(re.findall(r"'([\w/-]+\.md)'", str(sections)))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert listed == pages | set(site_pages.ROOT_PAGES.values()) | {
        "reference/commands.md",
        "reference/python.md",
        "tour.md",
    }


def test_help_of_every_command():
    text = site_pages.commands_page()
    for name in [*COMMANDS, "corpus own", "fetch graph", "phones patterns"]:
        assert f" pysed {name}\n\n```text\n" in text, name
    assert "--stop-stage" in text and "--one-event" in text and "nnet3-compute" in text


def test_help_explains_every_option_as_plain_text():
    """argparse prints ``%%`` of a description, and the backquotes of a docstring, as they stand."""
    text = site_pages.commands_page()
    assert "%%" not in text and "``" not in text.replace("```", "")
    lines = text.splitlines()
    bare = [
        line
        for line, after in zip(lines, lines[1:], strict=False)
        if re.match(r"  [^\s{]", line) and "  " not in line.strip() and not after.startswith("    ")
    ]
    assert not bare, bare


def test_python_interface():
    text = site_pages.python_page()
    assert all(f"\n## {name}\n" in text for name in pysed.__all__)
    assert "Detector.load(path: str | PathLike, device: str = 'cpu') -> Self" in text


def test_links_of_the_roots_pages():
    text = site_pages.from_root("[a](docs/a.md#b) [c](CONTRIBUTING.md) [`conf/`](conf) [x](https://x.org) [h](#h)")
    assert text == "[a](a.md#b) [c](contributing.md) `conf/` [x](https://x.org) [h](#h)"
    text = site_pages.from_root('<img src="docs/a.svg"> [n](docs/tour.ipynb)')
    assert text == '<img src="a.svg"> [n](tour.md)'
    text = site_pages.on_page_markdown("[`conf/`](../conf) [s](../SECURITY.md) [p](phones.md)", None, None, None)
    assert text == "`conf/` [s](security.md) [p](phones.md)"


def test_site_builds_without_warnings(tmp_path):
    pytest.importorskip("material", reason="the extra docs is not installed (make docs)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert "Table of contents" in pages[tmp_path / "index.html"] and len(pages) > 20
    foreign = r"<(?:script|img|iframe)[^>]*src=.?https?:[^>]*>|<link[^>]*stylesheet[^>]*https?:[^>]*>"
    loaded = {path.name: found for path, text in pages.items() if (found := re.findall(foreign, text))}
    assert not loaded, loaded


def test_nothing_of_the_site_is_loaded_from_elsewhere():
    """Without its shim for pages from disk, the theme asks unpkg.com for one, and has no search where that fails."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (shim,) = site["extra"]["polyfills"]
    script = (ROOT / "docs" / shim).read_text(encoding="utf-8")
    assert "iframe-worker" in shim and "window.Worker = IFrameWorker" in script
    assert site["theme"]["font"] is False


def test_the_site_is_dark_where_its_pictures_are():
    """Pictures follow the reader's system; the theme would keep the scheme of the first visit for ever."""
    palette = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["theme"]["palette"]
    assert [one["media"] for one in palette] == [
        "(prefers-color-scheme)", "(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"
    ]  # fmt: skip
    assert not any("toggle" in one for one in palette)
