"""What the checks of the documentation need of a Markdown page: its prose, code, links and names."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "data/README.md", "exp/README.md", "models/*/MODEL_CARD.md")
    for path in ROOT.glob(pattern)
)


@dataclass(frozen=True)
class Page:
    """A page's lines outside tables and code, numbered from 1, and its blocks of code: (line, language, text)."""

    path: Path
    lines: list[tuple[int, str]]
    blocks: list[tuple[int, str, str]]
    cells: list[tuple[int, str]]

    @property
    def name(self) -> str:
        """Path from the repository's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def spans(self) -> list[tuple[int, str]]:
        """Inline code of lines and tables."""
        return [(number, span) for number, line in self.lines + self.cells for span in re.findall(r"`([^`]+)`", line)]

    @property
    def links(self) -> list[tuple[int, str]]:
        """Targets of links and pictures, in Markdown and HTML, of lines and tables."""
        found = []
        for number, line in self.lines + self.cells:
            found += [(number, target) for target in re.findall(r"\]\(([^)\s]+)\)", line)]
            found += [(number, target) for target in re.findall(r"\b(?:src|srcset)=\"([^\"]+)\"", line)]
        return found

    @property
    def anchors(self) -> set[str]:
        """What can follow a # in a link to this page."""
        headings = [re.sub(r"^#+ ", "", line) for _, line in self.lines if line.startswith("#")]
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def sentences(self) -> list[tuple[int, list[str]]]:
        """Sentences of running text and lists as words; a span of code or a formula is one word."""
        found: list[tuple[int, list[str]]] = []
        for number, text in self._paragraphs():
            text = re.sub(r"`[^`]+`", "code", text)
            text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("*", "").replace("\\", "")
            for sentence in re.split(r"(?<=[.!?:])\s+", text):
                words = [word for word in sentence.split() if re.search(r"\w", word)]
                if words:
                    found.append((number, words))
        return found

    def _paragraphs(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        before = -1
        for number, line in self.lines:
            text = line.strip()
            begins = re.match(r"([-*>]|\d+\.) +", text)
            if not text or text.startswith(("#", "<")):
                before = -1
                continue
            if begins or number != before + 1:
                found.append((number, text[begins.end() :] if begins else text))
            else:
                found[-1] = (found[-1][0], f"{found[-1][1]} {text}")
            before = number
        return found


def read_page(path: Path) -> Page:
    """A page, taken apart."""
    lines, blocks, cells = [], [], []
    fence: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if fence and line.strip() == "```":
            blocks.append((fence[0], fence[1], "\n".join(fence[2]) + "\n"))
            fence = None
        elif fence:
            fence[2].append(line)
        elif line.lstrip().startswith("```"):
            fence = number + 1, line.strip()[3:].strip(), []
        elif line.lstrip().startswith("|"):
            cells.append((number, line))
        else:
            lines.append((number, line))
    assert fence is None, f"{path}: a block of code is not closed"
    return Page(path, lines, blocks, cells)
