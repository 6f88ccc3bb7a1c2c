"""The documentation reads well, and what it names is there: lines, sentences, links, code, paths, commands, options."""

import ast
import re
import subprocess

import pytest
import yaml
from doc_pages import PAGES, ROOT, Page, read_page

from pysed.cli import COMMANDS

#: Characters of a line of text, and of one of code.
WIDTH, CODE_WIDTH = 100, 120
#: Words of a page's sentences: on average, and of the longest one (docs/style.md).
MEAN_WORDS, MOST_WORDS = 16, 40
#: Years of school that a page asks for, by the automated readability index.
MOST_YEARS = 9
#: Whose files are named in the documentation.
FOLDERS = ("pysed", "docs", "conf", "steps", "utils", "local", "tests", ".ci")
KALDIS = {"utils/mkgraph.sh"}
HELP = (ROOT / "run.sh").read_text(encoding="utf-8")
pages = pytest.mark.parametrize("page", [read_page(path) for path in PAGES], ids=lambda page: page.name)


@pages
def test_lines_are_short(page: Page):
    wide = [f"{page.name}:{number}: {len(line)}" for number, line in page.lines if len(line) > WIDTH]
    wide += [
        f"{page.name}:{number} ({language}): {len(line)}"
        for number, language, text in page.blocks
        for line in text.splitlines()
        if len(line) > CODE_WIDTH
    ]
    assert not wide, wide


@pages
def test_sentences_are_short(page: Page):
    sentences = page.sentences()
    long = [(number, " ".join(words)) for number, words in sentences if len(words) > MOST_WORDS]
    mean = sum(len(words) for _, words in sentences) / len(sentences)
    assert not long and mean <= MEAN_WORDS, (f"{mean:.1f} words on average", long)


def years_of_school(page: Page) -> float:
    """By the lengths of words and sentences, which asks for no list of syllables from the network."""
    textstat = pytest.importorskip("textstat", reason="the extra dev is not installed")
    sentences = [" ".join(re.sub(r"\W+$", "", word) for word in words) for _, words in page.sentences()]
    return textstat.automated_readability_index(". ".join(sentences) + ".")


@pages
def test_pages_are_easy_to_read(page: Page):
    assert (years := years_of_school(page)) <= MOST_YEARS, f"{page.name}: {years:.1f} years of school"


@pages
def test_links_lead_somewhere(page: Page):
    for number, target in page.links:
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (page.path.parent / path).resolve() if path else page.path
        assert place.exists() and place.is_relative_to(ROOT), f"{page.name}:{number}: {target}"
        if anchor:
            assert anchor in read_page(place).anchors, f"{page.name}:{number}: no heading for #{anchor}"


@pages
def test_code_parses(page: Page):
    for number, language, text in page.blocks:
        place = f"{page.name}:{number}"
        if language in ("bash", "sh"):
            done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
            assert done.returncode == 0, f"{place}: {done.stderr}"
        elif language == "python":
            ast.parse(text, place)
        elif language in ("yaml", "yml"):
            yaml.safe_load(text)


@pages
def test_named_files_are_there(page: Page):
    for number, span in page.spans:
        word = span.split()[0]
        is_path = word.split("/")[0] in FOLDERS and re.fullmatch(r"[\w./-]+(/|\.(py|sh|c|md|ya?ml|html))", word)
        placeholder = re.search(r"\b[A-Z]{2,}\b", word.removesuffix(".md"))  # conf/corpora/NAME.yaml
        if is_path and not placeholder and word not in KALDIS:
            assert (ROOT / word).exists(), f"{page.name}:{number}: no file {word}"


@pages
def test_named_commands_are_there(page: Page):
    lines = [(number + index, line) for number, _, text in page.blocks for index, line in enumerate(text.splitlines())]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for number, text in page.spans + lines:
        place = f"{page.name}:{number}: {text}"
        text = text.split("#")[0].strip()
        if command := re.match(r"pysed ([a-z]\w*)", text):
            assert command[1] in COMMANDS, place
        if target := re.fullmatch(r"make ([a-z][\w-]*)", text):
            assert target[1] in targets, place
        if text.startswith("./run.sh"):
            unknown = [option for option in re.findall(r"(?<!\S)--[a-z][\w-]*", text) if f"{option} " not in HELP]
            assert not unknown or "--help" in unknown, place


def test_checks_can_fail(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# A b\n\nOne two. Three `x y` four:\nfive [six](a.md)\n\n- Seven\n\n```bash\nif\n```\n\n| `t` |\n")
    page = read_page(path)
    assert [len(words) for _, words in page.sentences()] == [2, 3, 2, 1]
    assert page.links == [(4, "a.md")] and page.blocks == [(9, "bash", "if\n")] and page.anchors == {"a-b"}
    assert [span for _, span in page.spans] == ["x y", "t"]


def test_heavy_prose_is_seen(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("Notwithstanding considerations regarding generalisation, methodological heterogeneity persists.\n")
    assert years_of_school(read_page(path)) > 2 * MOST_YEARS
    path.write_text("The dog barks at night. You hear it in the street.\n")
    assert years_of_school(read_page(path)) < 3
