"""``python -S -E -m pysed.freshness begin|finish|features MARK ...``: the decisions of utils/resume.sh.

``begin MARK PENDING --inputs FILE... --options TEXT... --made-by TEXT... --code ROOT... --version ROOT...`` exits 0
where what MARK stands for need not be made and says why; else 3, having removed the mark and written PENDING; the first
line printed is then the key of all that goes in. ``finish MARK PENDING OUTPUT...`` makes the mark. PYSED_REMAKE=true:
what was made by other code is made anew. ``features MARK ASR LAYER`` refuses features of another recogniser,
``frontend MARK YAML NUM_FRAMES`` those of another front end, whose options are read from standard input.
"""

import os
import sys
from contextlib import suppress

from pysed.errors import DataError
from pysed.freshness import marks
from pysed.freshness.features import is_of_other_frontend, other_recogniser
from pysed.freshness.files import write_json

MODES = ("inputs", "options", "made-by", "code", "version")
TO_DO = 3
SHOWN = 3


def read_request(words: list[str]) -> dict[str, list[str]]:
    """``--mode value...`` by mode."""
    request: dict[str, list[str]] = {mode: [] for mode in MODES}
    mode = ""
    for word in words:
        if word.startswith("--") and word[2:] in MODES:
            mode = word[2:]
        else:
            request[mode].append(word)
    return request


def begin(mark_path: str, pending: str, words: list[str]) -> int:
    """Decide; returns the exit code."""
    folder = os.path.dirname(mark_path)
    marks.clear_left(folder)
    marks.clear_left_beside(folder)
    old = marks.read_mark(mark_path)
    contents = marks.Contents(old, folder)
    new = marks.wanted(read_request(words), old, contents)
    reason = ""
    if old is None:
        reason = "made by an earlier version; made anew" if os.path.exists(mark_path) else ""
    else:
        changed = marks.broken_output(old, folder, contents) or marks.what_changed(old, new)
        others = marks.other_code(old, new)
        names = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        if changed:
            reason = f"{changed}; made anew"
        elif others and os.environ.get("PYSED_REMAKE") == "true":
            reason = f"made by other code ({names}); made anew"
        else:
            if contents.touched:
                outputs = {name: contents.of(os.path.join(folder, name)) for name in old["outputs"]}
                with suppress(OSError):  # where nobody can write, they are read again the next time
                    write_json(mark_path, {**old, "inputs": new["inputs"], "made": new["made"], "outputs": outputs})
            print(f"made by other code ({names}); kept; --remake makes it anew" if others else "up to date")
            return 0
    if os.path.exists(mark_path):
        forget_shards(folder, mark_path)
        os.unlink(mark_path)
    for inner, folders, _ in os.walk(folder or "."):
        folders[:] = [name for name in folders if name != "audio"]
        marks.clear_left(inner)
    os.makedirs(os.path.dirname(pending) or ".", exist_ok=True)
    write_json(pending, new)
    print(marks.key(new))
    if reason:
        print(reason)
    return TO_DO


def forget_shards(folder: str, mark_path: str) -> None:
    """What was finished once is not an unfinished run's: its parts count as none (.done_NAME: the folder NAME)."""
    name = os.path.basename(mark_path).removeprefix(".done").removeprefix("_")
    try:
        os.unlink(os.path.join(folder, name, ".key"))
    except OSError:
        return


def finish(mark_path: str, pending: str, outputs: list[str]) -> int:
    """Write the mark; returns the exit code."""
    mark = marks.read_json(pending)
    if mark is None:
        raise DataError(
            f"{pending}: gone; another run must have used {os.path.dirname(mark_path)}: run the stage again"
        )
    folder = os.path.dirname(mark_path)
    write_json(mark_path, {**mark, "outputs": marks.outputs_of(outputs, folder)})
    os.unlink(pending)
    return 0


def features(mark_path: str, asr: str, words: list[str]) -> int:
    """Refuse features of another recogniser or layer; returns the exit code."""
    reason = other_recogniser(mark_path, asr, *words[:1])
    if reason:
        raise DataError(f"{reason}; run stage 3, or give the --asr{' and --layer' if words else ''} of stage 3")
    return 0


def frontend(mark_path: str, path: str, words: list[str]) -> int:
    """Refuse features of another front end than that of a YAML file; returns the exit code."""
    if is_of_other_frontend(mark_path, sys.stdin.read().splitlines(), int(words[0])):
        raise DataError(f"{os.path.dirname(mark_path)}: its features were made before {path} changed; run stage 2")
    return 0


def main(argv: list[str]) -> int:
    """Run it; returns the exit code."""
    action, mark_path, second, *rest = argv
    try:
        actions = {"begin": begin, "finish": finish, "features": features, "frontend": frontend}
        return actions[action](mark_path, second, rest)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or mark_path}: {error.strerror or error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
