"""Pages of the site that are not written by hand: the root's pages, the commands' help, the Python interface.

A hook of MkDocs (mkdocs.yml): ``on_files`` adds the pages, ``on_page_markdown`` mends links that leave ``docs/``.
"""

import argparse
import contextlib
import importlib
import inspect
import io
import json
import os
import re
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[1]
#: Pages beside docs/, and their places on the site.
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
ROOT_PAGES["CHANGELOG.md"] = "changelog.md"
#: How a program in Python begins.
EXAMPLE = """
from pysed import Decision, Detector

detector = Detector.load("exp/demo/babycry/gradual")
for event in detector.detect_file("recording.wav", Decision(threshold=0.8)):
    print(event.onset_s, event.offset_s, event.label, event.score)
"""


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    pages = {place: from_root((ROOT / name).read_text(encoding="utf-8")) for name, place in ROOT_PAGES.items()}
    pages |= {"reference/commands.md": commands_page(), "reference/python.md": python_page()}
    pages["tour.md"] = notebook_page(ROOT / "docs/tour.ipynb")
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The page, links to the root's pages made links of the site; of those to other files their text is left."""

    def mended(link: re.Match) -> str:
        place = ROOT_PAGES.get(link[2])
        return f"[{link[1]}]({place})" if place else link[1]

    return re.sub(r"\[([^\]]*)\]\(\.\./([^)#]+)\)", mended, markdown)


def from_root(text: str) -> str:
    """A page of the root with links and pictures as seen from docs/; of links to other files their text is left."""

    def mended(link: re.Match) -> str:
        target = link[2]
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        if target.startswith("docs/"):
            return f"{link[1]}({target.removeprefix('docs/').replace('.ipynb', '.md')})"
        return f"{link[1]}({ROOT_PAGES[target]})" if target in ROOT_PAGES else link[1].strip("![]")

    text = re.sub(r"(src|srcset)=\"docs/", r'\1="', text)
    return re.sub(r"(!?\[[^\]]*\])\(([^)\s]+)\)", mended, text)


def notebook_page(path: Path) -> str:
    """A notebook as Markdown, its code in blocks."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    kinds = {"markdown": "{}\n", "code": "```python\n{}\n```\n"}
    return "\n".join(kinds[cell["cell_type"]].format("".join(cell["source"])) for cell in cells)


def commands_page() -> str:
    """Every command's ``--help``, run.sh's first."""
    from pysed.cli import COMMANDS, usage

    lines = ["# Commands", "", "What each command says of itself with `--help`.", "", "## run.sh", ""]
    lines += ["```text", run_help(), "```", "", "## pysed", "", "```text", usage(), "```", ""]
    for name in COMMANDS:
        for prog, text in helps([name]) + (helps(["phones", "patterns"]) if name == "phones" else []):
            lines += [f"{'##' if prog.count(' ') == 1 else '###'} {prog}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(lines)


def run_help() -> str:
    """The usage of run.sh, from its source."""
    found = re.search(
        r'^help_message="(.*?)"$', (ROOT / "run.sh").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, "run.sh has no help_message"
    return found[1].replace("$0", "./run.sh")


def helps(command: list[str]) -> list[tuple[str, str]]:
    """(name, help) of a command and of its subcommands."""
    from pysed.cli import main

    parsers: list[argparse.ArgumentParser] = []
    printed = io.StringIO()

    def note(parser: argparse.ArgumentParser, *_: Any) -> None:
        parsers.append(parser)

    with (
        mock.patch.object(argparse.ArgumentParser, "print_help", note),
        mock.patch.dict(os.environ, {"COLUMNS": "88"}),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        contextlib.suppress(SystemExit),
    ):
        main([*command, "--help"])
        if not parsers:
            return [(" ".join(["pysed", *command]), printed.getvalue())]
    with mock.patch.dict(os.environ, {"COLUMNS": "88"}):
        below = [action.choices for action in parsers[0]._actions if isinstance(action, argparse._SubParsersAction)]
        parsers += [parser for choices in below for parser in choices.values()]
        return [(parser.prog, parser.format_help()) for parser in parsers]


def python_page() -> str:
    """What ``from pysed import`` gives: signatures and docstrings."""
    pysed = importlib.import_module("pysed")
    lines = ["# Python", "", "This page is for programs that use a trained detector. A program begins like this:", ""]
    lines += ["```python", *EXAMPLE.strip().splitlines(), "```", ""]
    for name in pysed.__all__:
        kind = getattr(pysed, name)
        lines += [f"## {name}", "", *described(name, kind)]
        for member, value in vars(kind).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if isinstance(function, property):
                lines += [f"### {name}.{member}", "", inspect.getdoc(function) or "", ""]
            elif not member.startswith("_") and inspect.isfunction(function):
                lines += [f"### {name}.{member}", "", *described(f"{name}.{member}", function)]
    return "\n".join(lines)


def described(name: str, value: Any) -> list[str]:
    """Signature, a parameter a line, and docstring as Markdown."""
    signature = inspect.signature(value)
    given = [str(each) for key, each in signature.parameters.items() if key not in ("self", "cls")]
    head = f"{name}({', '.join(given)})"
    if len(head) > 80:
        head = "\n".join([f"{name}(", *(f"    {each}," for each in given), ")"])
    if signature.return_annotation not in (inspect.Signature.empty, None):
        head += f" -> {inspect.formatannotation(signature.return_annotation)}"
    head = re.sub(r"\b(?:[a-z_]+\.)+([A-Z]\w*|ndarray)", r"\1", head)
    return ["```python", head, "```", "", (inspect.getdoc(value) or "").replace("``", "`"), ""]
