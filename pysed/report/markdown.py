"""The project's own Markdown (tables, headings, paragraphs, lists, code) to HTML."""

import html
import re

_LONG = 40


def to_html(text: str, level: int = 1) -> str:
    """HTML of a Markdown text; its first-level headings are left out, others begin ``level`` deeper.

    What a third-level heading heads is a <div class="part">, so that a page can set parts side by side.
    Everything is escaped; of inline marks, `code`, **bold** and *italic* are known, links show their text.
    """
    parts: list[str] = []
    in_part = False
    for block in re.split(r"\n\s*\n", text.strip()):
        if not block.strip():
            continue
        lines = block.splitlines()
        if lines[0].startswith("#"):
            depth = len(lines[0]) - len(lines[0].lstrip("#"))
            if in_part:
                parts.append("</div>")
            in_part = depth > 2
            if in_part:
                parts.append('<div class="part">')
            if depth > 1:
                parts.append(f"<h{depth + level}>{inline(lines[0].lstrip('# '))}</h{depth + level}>")
            lines = lines[1:]
        if not lines:
            continue
        if lines[0].startswith("|"):
            parts.append(_table(lines))
        elif lines[0].startswith("```"):
            parts.append(f"<pre>{html.escape(chr(10).join(lines[1:-1]))}</pre>")
        elif lines[0].startswith(("- ", "* ")):
            items = re.split(r"\n[-*] ", "\n" + "\n".join(lines))[1:]
            parts.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
        elif not lines[0].startswith("!["):  # pictures are placed by the page
            parts.append(f"<p>{inline(' '.join(lines))}</p>")
    if in_part:
        parts.append("</div>")
    return "\n".join(parts)


def inline(text: str) -> str:
    """Escaped text with its inline marks."""
    text = html.escape(text.replace("\\*", "\0"), quote=False)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    pieces = re.split(r"`([^`]+)`", text)
    for index, piece in enumerate(pieces):
        if index % 2:
            pieces[index] = f"<code>{piece}</code>"
        else:
            piece = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", piece)
            pieces[index] = re.sub(r"(?<!\*)\*([^*]+)\*(?!\*)", r"<em>\1</em>", piece)
    return "".join(pieces).replace("\0", "*")


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return table_html([rows[0], *(row for row in rows[1:] if not all(re.fullmatch(r":?-+:?", cell) for cell in row))])


def table_html(rows: list[list[str]]) -> str:
    """A table whose first row is its head.

    A column without numbers is of words, one with a cell of over _LONG characters is text, which wraps. A row without a
    name adds to the last.
    """
    body = rows[1:]
    body = [[*row[: len(rows[0])], *[""] * (len(rows[0]) - len(row))] for row in body]  # as many cells as the head has
    kinds = [_kind([row[column] for row in body]) for column in range(1, len(rows[0]))]
    head = f'<th scope="col">{inline(rows[0][0])}</th>'
    head += "".join(f'<th scope="col"{kind}>{inline(cell)}</th>' for kind, cell in zip(kinds, rows[0][1:], strict=True))
    text = [f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>']
    for name, *values in body:
        cells = "".join(f"<td{kind}>{inline(cell)}</td>" for kind, cell in zip(kinds, values, strict=True))
        row = ' class="paper"' if name.startswith(("paper", "(silence)")) else "" if name else ' class="more"'
        text.append(f'<tr{row}><th scope="row">{inline(name)}</th>{cells}</tr>')
    return "".join(text) + "</tbody></table></div>"


def _kind(cells: list[str]) -> str:
    if any(len(cell) > _LONG for cell in cells):
        return ' class="text"'
    return "" if any(re.match(r"\W*\d", cell) for cell in cells) else ' class="word"'
