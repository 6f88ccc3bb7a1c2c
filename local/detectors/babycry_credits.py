"""Who recorded what the detector ``babycry`` was trained on, and under which licences: Markdown for its model card.

    python local/detectors/babycry_credits.py CORPUS

CORPUS is what ``babycry_corpus.py`` made.
"""

import argparse
import re
from collections import Counter, defaultdict
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("babycry_sounds.yaml")
SETS = {
    "donateacry_8k": "donateacry corpus",
    "donateacry_ios16k": "donateacry corpus",
    "esc10": "ESC-10",
    "home": "made by this project",
}


def _entries(corpus: Path, kind: str) -> list[dict]:
    content = yaml.safe_load((corpus / f"source_data/cv_setup/{kind}_devtrain.yaml").read_text(encoding="utf-8"))
    return content["babycry"] if kind == "events" else content


def cries(corpus: Path) -> list[str]:
    """Rows: the set, its licence, who recorded, how many cries."""
    counted = Counter(
        (SETS[each["source"]], each["license"], each["author"], _freesound(each["recording_id"]))
        for each in _entries(corpus, "events")
    )
    by_author: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    numbers: Counter = Counter()
    for (name, licence, author, sound), count in sorted(counted.items()):
        by_author[name, licence, author] += [sound] if sound else []
        numbers[name, licence, author] += count
    return [
        f"| {key[0]} | {key[1]} | {key[2]}{': ' + ', '.join(sounds) if sounds else ''} | {numbers[key]} |"
        for key, sounds in by_author.items()
    ]


def _freesound(recording: str) -> str:
    return recording[2:] if re.fullmatch(r"fs\d+", recording) else ""


def places(corpus: Path) -> list[str]:
    """Rows: backgrounds of rare_real, by licence and where they come from."""
    counted: Counter = Counter()
    for each in _entries(corpus, "bgs"):
        if not each["recording_id"].startswith("house-"):
            licence, _, author = each["license"].partition(" / ")
            place = each["recording_id"].split("#")[0]
            counted[
                "moodist" if place.startswith("moodist") else place,
                licence.removesuffix(" (README, not per file)"),
                author or "not named",
            ] += 1
    return [
        f"| {place} | {licence} | {author} | {count} |" for (place, licence, author), count in sorted(counted.items())
    ]


def sounds() -> list[str]:
    """Rows: packages of the sounds of which backgrounds were made."""
    return [
        f"| `{each['folder']}` {each['deb']} | {each['licence']} | {each['author']} | {', '.join(each['sounds'])} |"
        for each in yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    args = parser.parse_args()
    parts = [
        ("Cries", "set | licence | recorded by: numbers at freesound.org | cries", cries(args.corpus)),
        ("Places", "from | licence | recorded by | backgrounds", places(args.corpus)),
        ("Sounds that backgrounds were made of", "package of Debian | licence | by | used as", sounds()),
    ]
    for title, head, rows in parts:
        rule = "---|" * (head.count("|") + 1)
        print(f"### {title}\n\n| {head} |\n|{rule}\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
