"""The audio files that a command is given, in folders and folders linked into them, and their names in lists."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from pysed.audio import ffmpeg
from pysed.errors import DataError, warn_once

SUFFIXES = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64",
    ".rf64", ".caf", ".sph", ".nist", ".voc",
)  # fmt: skip
_NAMED = 5  # of each kind that is left out


def printable(name: str) -> str:
    r"""A file name as a list can hold it: what would break a row is written ``\t``, ``\n``, ``\xe9``, ``\u2028``.

    That is control characters, line separators, white space at either end, and bytes that are not UTF-8.
    """
    inner = name.strip()
    start = name.index(inner)
    edges = {*range(start), *range(start + len(inner), len(name))}
    return "".join(
        _escaped(letter) if place in edges or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter
        for place, letter in enumerate(name)
    )


def listed_path(folder: Path, name: str) -> Path:
    """The file of a folder that a list names, `printable` or as it is."""
    path = folder / name
    if path.exists() or "\\" not in name:
        return path
    for part in Path(name).parts:
        near = folder / part
        if not near.exists() and folder.is_dir():
            near = next((each for each in folder.iterdir() if printable(each.name) == part), near)
        folder = near
    return folder


def below(folder: Path, name: str) -> Path:
    """A recording's place in a folder of outputs: its name there, without a root and without ``..``."""
    return Path(folder, *(part for part in PurePosixPath(name).parts if part not in ("/", "..", "//")))


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if letter == " " else letter.encode("unicode_escape").decode()


def find_recordings(inputs: list[str]) -> dict[str, Path]:
    """Name to print → file: base names of files, paths inside a given folder for what was found in it.

    Says what a folder holds that is not taken; what an earlier input holds too is taken once. Raises DataError for an
    input that does not exist, a folder without audio, and two files of one name.
    """
    found: dict[str, Path] = {}
    met: set[str] = set()
    for given in map(Path, inputs):
        if given.is_dir():
            named = [(printable(path.relative_to(given).as_posix()), path) for path in _search(given)]
        elif given.exists():
            named = [(printable(given.name), given)]
        else:
            raise DataError(f"{given}: no such file or folder; expected audio")
        fresh = [(name, path) for name, path in named if os.path.realpath(path) not in met]
        if len(fresh) < len(named):
            warn_once(f"{given}: {len(named) - len(fresh)} of {len(named)} files are of an earlier input: taken once")
        met.update(os.path.realpath(path) for _, path in fresh)
        for name, path in fresh:
            if name in found and found[name].resolve() != path.resolve():
                raise DataError(f"{path}: a second file named {name} besides {found[name]}; give them in two calls")
            found[name] = path
    return found


def is_audio(path: Path) -> bool:
    """Whether a file is audio by its ending, of a kind that is read where ffmpeg is installed."""
    return path.suffix.lower() in SUFFIXES or path.suffix.lower() in ffmpeg.SUFFIXES


def _search(folder: Path) -> list[Path]:
    """The audio in a folder, as search_folder()."""
    can_decode = ffmpeg.is_installed()

    def judge(path: Path) -> str | None:
        if not is_audio(path):
            return None
        if path.suffix.lower() in SUFFIXES or can_decode:
            return ""
        return "files of kinds that are not read without ffmpeg (install it)"

    found = search_folder(folder, judge)
    if not found:
        raise DataError(f"{folder}: no audio in this folder; expected files such as .wav, .flac, .ogg")
    return found


def search_folder(folder: Path, judge: Callable[[Path], str | None]) -> list[Path]:
    """Files in a folder, sorted. Linked folders are entered, each once; a warning counts and names what is left out.

    ``judge`` says of a file why it is left out: "" for one that is taken, None for one that need not be named. Links to
    nothing, and what macOS keeps beside files, are left out in any case.
    """
    found: list[Path] = []
    left: dict[str, list[str]] = {}

    def leave(why: str, path: Path) -> None:
        left.setdefault(why, []).append(path.relative_to(folder).as_posix())

    for path in _walk(folder, leave):
        why = judge(path)
        if why is None:
            continue
        if path.name.startswith("._"):
            leave("files that macOS keeps beside others", path)
        elif why:
            leave(why, path)
        elif not path.exists():
            leave("links to nothing", path)
        elif path.is_file():
            found.append(path)
    for why, names in left.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        named = ", ".join(printable(name) for name in sorted(names)[:_NAMED])
        warn_once(f"{folder}: {why} left out: {len(names)} ({named}{more})")
    return sorted(found)


def _walk(folder: Path, leave: Callable[[str, Path], None]) -> Iterator[Path]:
    """Files in a folder: first of what lies in it, then of folders linked into it that have not been met."""
    met: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        links: list[Path] = []
        for top in waiting:
            for root, inside, files in os.walk(
                top, onerror=lambda error: leave("folders that cannot be opened", _path(error))
            ):
                status = os.stat(root)
                if (status.st_dev, status.st_ino) in met:
                    if Path(root) != folder:
                        leave("links to folders already searched", Path(root))
                    inside.clear()
                    continue
                met.add((status.st_dev, status.st_ino))
                links += (Path(root, name) for name in inside if Path(root, name).is_symlink())
                inside.sort()
                yield from (Path(root, name) for name in files)
        waiting = sorted(links)


def _path(error: OSError) -> Path:
    return Path(os.fsdecode(error.filename))
