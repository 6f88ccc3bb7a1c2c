#!/usr/bin/env python3
"""A corpus whose detectors may be passed on: OUT_DIR/source_data in the layout of TUT Rare Sound Events 2017.

Of CORPUS, whose lists give each file's licence, it takes one class and what may be used for anything: CC0, CC BY,
ODbL/DbCL, Pixabay; nothing non-commercial, nothing of unknown licence. The generated corpus DEMO adds its training
backgrounds, with speech and household sounds. The recordings of devtest are only measured on, so all of them stay.
"""

import argparse
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

OPEN = ("CC0", "CC BY", "CC-BY", "ODbL", "Pixabay")
RESTRICTED = re.compile(r"\b(NC|ND)\b")


def is_open(licence: str) -> bool:
    """Whether a file of this licence, and the set that it comes from, may be used for anything."""
    return licence.startswith(OPEN) and not RESTRICTED.search(licence)


def read(source: Path, name: str) -> Any:
    return yaml.safe_load((source / "cv_setup" / f"{name}.yaml").read_text(encoding="utf-8"))


def copy(source: Path, target: Path, names: list[str]) -> None:
    for name in names:
        shutil.copyfile(source / name, target / name)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "corpus", type=Path, metavar="CORPUS", help="folder with source_data/ and licences in its lists"
    )
    parser.add_argument("demo", type=Path, metavar="DEMO", help="the generated corpus's folder")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder that gets source_data/")
    parser.add_argument("--event", default="babycry", help="event class (%(default)s)")
    options = parser.parse_args(argv)
    out = options.out_dir / "source_data"
    if out.exists():
        print(f"{out}: exists already; expected a new folder; remove it to make the corpus again", file=sys.stderr)
        return 2
    corpus, demo = options.corpus / "source_data", options.demo / "source_data"
    used: Counter[tuple[str, str]] = Counter()
    for folder in ("bgs/audio", f"events/{options.event}", "cv_setup"):
        (out / folder).mkdir(parents=True)
    for subset in ("devtrain", "devtest"):
        events, backgrounds = read(corpus, f"events_{subset}")[options.event], read(corpus, f"bgs_{subset}")
        if subset == "devtrain":
            events = [each for each in events if is_open(each["license"])]
            backgrounds = [each for each in backgrounds if is_open(each["license"])]
            used.update(("events", each["license"]) for each in events)
            used.update(("backgrounds", each["license"]) for each in backgrounds)
            generated = read(demo, f"bgs_{subset}")
            used["backgrounds", "generated"] += len(generated)
            copy(demo / "bgs", out / "bgs", [each["filepath"] for each in generated])
        copy(corpus / "bgs", out / "bgs", [each["filepath"] for each in backgrounds])
        copy(corpus / "events", out / "events", [f"{options.event}/{each['audio_filename']}" for each in events])
        if subset == "devtrain":
            backgrounds += generated
        for name, content in ((f"events_{subset}", {options.event: events}), (f"bgs_{subset}", backgrounds)):
            (out / "cv_setup" / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for (kind, licence), number in sorted(used.items()):
        print(f"{number:4} {kind}: {licence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
