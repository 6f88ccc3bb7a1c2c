"""The report's one page: what the browser needs is inside it, as far as a number of bytes reaches."""

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from pysed.atomic import atomic_open, atomic_path
from pysed.drawing.figure_files import SUFFIXES
from pysed.drawing.heard import FIGURES
from pysed.drawing.patterns import CAPTIONS
from pysed.drawing.spectrogram import dark_colour, frequency_ticks
from pysed.report import media
from pysed.report.content import of_test_files, read_frontend, read_models, read_test_files
from pysed.report.curves import colours, draw_all
from pysed.report.files import FOLDER, TestFiles
from pysed.report.filled import as_json, fill_page
from pysed.report.markdown import inline, table_html, to_html
from pysed.report.speed import wav_speeds, with_speeds
from pysed.score.comparison import comparison
from pysed.score.results import Section, command_lines, result_sections
from pysed.score.results_files import Row, gather
from pysed.score.summary import MEANING, small_table, verdict
from pysed.text_files import read_text

PAGE_BYTES = 28 * 2**20
_NARROW_PT = 300  # less than two panels


def write_report(data: Path, results: Path, out: Path, page_bytes: int = PAGE_BYTES) -> tuple[Path, str, list[str]]:
    """Write ``index.html`` and the figures into ``out``; returns its path, what it holds, in words, and why test files
    have no sound in it, where some could not be read.

    ``data``: data/<corpus>; ``results``: exp/<corpus>. Of the test files' pictures, scores, phones and audio as much
    goes into the page as ``page_bytes`` hold beside its tables and figures, files with errors first; the rest lies in
    ``out/index_files``, and the page says so. Raises DataError where stages 1 to 6 have not run.
    """
    models = of_test_files(data, read_models(results))
    recordings = read_test_files(data, models)
    frontend = read_frontend(data, models)
    out.mkdir(parents=True, exist_ok=True)
    corpus = results.resolve().name
    rows = gather(results)
    content = comparison(rows, corpus)
    speeds = wav_speeds(models, recordings)
    sections = [_with_speeds(section, speeds) for section in result_sections(rows, content)]
    commands = "".join(f"<li>{inline(each)}</li>" for each in command_lines(rows))
    panels = sorted({model.event for model in models})
    patterns = _pattern_section(results / "phones" / "patterns", out, panels)
    events, systems = (
        ", ".join(dict.fromkeys(getattr(model, name) for model in models)) for name in ("event", "system")
    )
    parts = {
        "TITLE": html.escape(f"Sound events of {corpus}"),
        "FACTS": html.escape(f"Event classes: {events}. Systems: {systems}. Test files: {len(recordings)}."),
        "VERDICT": _verdict_section(content["subsets"], rows),
        "RESULTS": _folded("All figures", _result_section(sections))
        + (_folded("Commands", f"<ul>{commands}</ul>") if commands else ""),
        "CURVES": _figures(out, draw_all(models, recordings, out), panels),
        "PHONES": _phone_section(results / "phones", out, panels),
        "PATTERNS": patterns,
        "PATTERN_LINK": '<a href="#patterns">Patterns</a>' if patterns else "",
    }
    files = TestFiles(recordings, out)
    shown = {
        "files": files.content,
        "phones": files.phones,
        "systems": {system: [colour, dark_colour(colour)] for system, colour in colours(models).items()},
        "subsets": list(dict.fromkeys(one.subset for one in recordings)),
        "frequencies": [] if frontend is None else frequency_ticks(frontend),
    }
    beside = files.fill(data, page_bytes - len(_filled(parts, shown, "")))
    said = f"Beside this page, in {FOLDER}/, lie {' and '.join(beside)}; keep them together." if beside else ""
    path = out / "index.html"
    with atomic_open(path) as stream:
        stream.write(_filled(parts, shown, said))
    said = ", ".join([f"{len(recordings)} files, {path.stat().st_size / 2**20:.1f} MiB", *beside])
    return path, said, files.faults


def _filled(parts: Mapping[str, str], content: dict, beside: str) -> str:
    """The page's text."""
    return fill_page("page.html", {**parts, "BESIDE": beside, "DATA": as_json(content)})


def _figures(folder: Path, captions: Mapping[str, str], panels: Sequence[str]) -> str:
    """The figures of ``folder`` by name; narrow ones stand side by side where there is room.

    ``panels``: the event classes. Where a figure's panels lie in the folder alone, too, as ``<name>-<class>.svg``, the
    page shows these: side by side where there is room, one below the other where there is not.
    """
    figures = []
    for name, caption in captions.items():
        alone = [f"{name}-{panel}" for panel in panels if (folder / f"{name}-{panel}.svg").is_file()]
        figures.append(_figure(folder, name, caption, alone if len(alone) > 1 else ()))
    narrow = figures and all('<div class="narrow">' in figure for figure in figures)
    return f'<div class="pair">{"".join(figures)}</div>' if narrow else "\n".join(figures)


def _figure(folder: Path, name: str, caption: str, panels: Sequence[str]) -> str:
    """A figure of ``folder`` with links to its files beside the page; of ``panels`` where it has such files."""
    drawn = [read_text(folder / f"{each}.svg") for each in panels or [name]]
    sources = [media.data_uri("image/svg+xml", media.themed_svg(text).encode()) for text in drawn]
    images = "".join(f'<img src="{source}" alt="{html.escape(caption)}">' for source in sources)
    width = re.search(r'<svg [^>]*\bwidth="([\d.]+)pt"', drawn[0])
    kind = "panels" if panels else "narrow" if width and float(width[1]) < _NARROW_PT else "broad"
    address = html.escape(quote(name))
    links = " ".join(f'<a href="{address}{suffix}">{suffix[1:].upper()}</a>' for suffix in SUFFIXES)
    legend = f"<figcaption>{html.escape(caption, quote=False)} {links}</figcaption>"
    return f'<figure><div class="{kind}">{images}</div>{legend}</figure>'


def _verdict_section(subsets: Mapping[str, list[dict]], rows: list[Row]) -> str:
    """What to make of it all, and the small table, of each subset."""
    text = []
    for subset, found in subsets.items():
        here = [row for row in rows if row.subset == subset]
        title = f"<h3>{html.escape(subset)}</h3>" if len(subsets) > 1 else ""
        text.append(f'{title}<p class="verdict">{inline(verdict(found))}</p>{table_html(small_table(found, here))}')
    return f"{''.join(text)}<p>{inline(MEANING)}</p>"


def _with_speeds(section: Section, speeds: Mapping[str, float]) -> Section:
    """The section of costs, with speeds from recordings to events."""
    if not section.title.endswith(": cost"):
        return section
    return section._replace(parts=[with_speeds(part, speeds) for part in section.parts if isinstance(part, list)])


def _copied(folder: Path, out: Path, captions: Mapping[str, str], panels: Sequence[str]) -> str:
    """The figures of stage 7 that are in ``folder``, their files copied beside the page; ``panels`` as in _figures."""
    found = {name: caption for name, caption in captions.items() if (folder / f"{name}.svg").is_file()}
    for name in found:
        for suffix in SUFFIXES:
            with atomic_path(out / f"{name}{suffix}") as temporary:
                shutil.copyfile(folder / f"{name}{suffix}", temporary)
    return _figures(folder, found, panels)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _result_section(sections: list[Section]) -> str:
    """The results' paragraphs and tables; the sections of a subset stand side by side where there is room."""
    text = []
    for section in sections:
        heading = f"<h{section.level + 1}>{html.escape(section.title)}</h{section.level + 1}>" * (section.level > 1)
        parts = [table_html(part) if isinstance(part, list) else f"<p>{inline(part)}</p>" for part in section.parts]
        body = "\n".join([heading, *parts]).strip()
        text.append(f'<div class="part">\n{body}\n</div>' if section.level > 2 else body)
    return "\n".join(text)


def _phone_section(folder: Path, out: Path, panels: Sequence[str]) -> str:
    """Figure 2 and the tables of stage 7."""
    if not (folder / "phones.md").is_file():
        return "<p>No phone analysis yet: run stages 4 and 7.</p>"
    pictures = _copied(folder, out, {name: caption for name, (_, caption) in FIGURES.items()}, panels)
    tables = to_html(read_text(folder / "phones.md"), level=2)
    return f"{pictures}{_folded('Tables', tables)}"


def _pattern_section(folder: Path, out: Path, panels: Sequence[str]) -> str:
    """Plots and tables of which speech patterns help, where there are any."""
    if not (folder / "patterns.md").is_file():
        return ""
    tables = to_html(read_text(folder / "patterns.md"), level=2)
    body = _copied(folder, out, CAPTIONS, panels) + _folded("Tables", tables)
    return f'<section id="patterns"><h2>Which speech patterns help</h2>{body}</section>'
