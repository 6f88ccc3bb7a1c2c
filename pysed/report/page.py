"""The report's one page: everything that the browser needs is inside it."""

import base64
import html
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pysed.atomic import atomic_open
from pysed.report import media
from pysed.report.figures import SUFFIXES, colours, draw_all
from pysed.report.gather import Recording, read_models, read_spectrograms, read_test_files
from pysed.report.markdown import to_html
from pysed.score.results import results_text

_TEMPLATE = Path(__file__).with_name("page.html")


def write_report(data: Path, results: Path, out: Path, audio_bytes: int = media.AUDIO_BYTES) -> tuple[Path, str]:
    """Write ``index.html`` and the figures into ``out``; returns its path and what it holds, in words.

    ``data``: data/<corpus>; ``results``: exp/<corpus>. Of the test files' audio at most ``audio_bytes`` go into the
    page; the rest lies in ``out/audio``. Raises DataError where stages 1 to 6 have not run.
    """
    models = read_models(results)
    recordings = read_test_files(data, models)
    out.mkdir(parents=True, exist_ok=True)
    captions = draw_all(models, recordings, out)
    files, phones, beside = _describe_all(data, recordings, out, audio_bytes)
    embedded = len(recordings) - beside
    note = f"{len(recordings)} files" + (f", the audio of {embedded} inside" if beside else "")
    systems = colours(models)
    content = {
        "files": files, "phones": phones, "systems": systems,
        "subsets": list(dict.fromkeys(one.subset for one in recordings)),
    }  # fmt: skip
    corpus = results.resolve().name
    patterns = _pattern_section(results / "phones" / "patterns")
    parts = {
        "TITLE": html.escape(f"Sound events of {corpus}"),
        "RESULTS": to_html(results_text(results)),
        "CURVES": "\n".join(_curve(out, name, caption) for name, caption in captions.items()),
        "PHONES": _phone_section(results / "phones"),
        "PATTERNS": patterns,
        "PATTERN_LINK": '<a href="#patterns">Patterns</a>' if patterns else "",
        "AUDIO": f"The audio of {beside} files lies beside this page, in audio/; move them together." if beside else "",
        "DATA": json.dumps(content, separators=(",", ":")).replace("</", "<\\/"),
    }
    page = _TEMPLATE.read_text(encoding="utf-8")
    before, *pieces = page.split("<!--@")
    text = [before]
    for piece in pieces:
        name, _, after = piece.partition("@-->")
        text += [parts[name], after]
    path = out / "index.html"
    with atomic_open(path) as stream:
        stream.write("".join(text))
    return path, f"{note}, {path.stat().st_size / 2**20:.1f} MiB"


def _describe_all(
    data: Path, recordings: list[Recording], out: Path, audio_bytes: int
) -> tuple[list[dict], list[str], int]:
    """Every file for the page's script, the phones' names, and the number of files whose audio lies beside."""
    with ThreadPoolExecutor() as pool:
        encoded = pool.map(media.encode_audio, recordings)
        audio = list(tqdm(encoded, "report", len(recordings), leave=False, disable=None, unit="file"))
    embedded = media.choose_embedded(recordings, [len(one) for one in audio], audio_bytes)
    spectrogram = read_spectrograms(data, recordings)
    phones: dict[str, int] = {}
    files = []
    for recording, sound, inside in zip(recordings, audio, embedded, strict=True):
        url = media.data_uri(media.AUDIO_TYPE, sound)
        if not inside:
            url = f"audio/{recording.event}/{recording.name}{media.AUDIO_SUFFIX}"
            with atomic_open(out / url, "wb") as stream:
                stream.write(sound)
        files.append(
            media.describe(recording, spectrogram(recording), url, lambda phone: phones.setdefault(phone, len(phones)))
        )
    return files, list(phones), embedded.count(False)


def _figure(source: str, caption: str, links: str = "") -> str:
    alt, caption = html.escape(caption), html.escape(caption, quote=False)
    return f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}{links}</figcaption></figure>'


def _curve(out: Path, name: str, caption: str) -> str:
    source = media.data_uri("image/svg+xml", (out / f"{name}.svg").read_bytes())
    links = " ".join(f'<a href="{name}{suffix}">{suffix[1:].upper()}</a>' for suffix in SUFFIXES)
    return _figure(source, caption, f" {links}")


def _picture(path: Path, caption: str) -> str:
    return _figure(f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}", caption)


def _phone_section(folder: Path) -> str:
    """Figure 2 and the tables of stage 7."""
    if not (folder / "phones.md").is_file():
        return "<p>No phone analysis yet: run stages 4 and 7.</p>"
    pictures = [
        _picture(folder / f"{name}.png", caption)
        for name, caption in (
            ("figure2", "The paper's Figure 2, of bare events: share of each phone; lines: files without an event."),
            ("figure2_mixtures", "The same of events in their mixtures."),
        )
        if (folder / f"{name}.png").is_file()
    ]
    tables = to_html((folder / "phones.md").read_text(encoding="utf-8"), level=2)
    return f'<div class="pair">{"".join(pictures)}</div><details><summary>Tables</summary>{tables}</details>'


def _pattern_section(folder: Path) -> str:
    """Tables and plots of which speech patterns help, where there are any."""
    texts = [to_html(path.read_text(encoding="utf-8"), level=2) for path in sorted(folder.glob("*.md"))]
    pictures = [_picture(path, path.stem.replace("_", " ")) for path in sorted(folder.glob("*.png"))]
    if not texts and not pictures:
        return ""
    body = f"{''.join(pictures)}<details><summary>Tables</summary>{''.join(texts)}</details>"
    return f'<section id="patterns"><h2>Which speech patterns help</h2>{body}</section>'
