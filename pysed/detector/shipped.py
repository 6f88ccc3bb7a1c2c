"""Detectors that come with the package, by name: the folders of ``models/detectors``."""

import os
from pathlib import Path

from pysed.names import is_name

#: Where they lie: in the repository, or in what was installed.
HOMES = (Path(__file__).parents[2] / "models/detectors", Path(__file__).parents[1] / "models/detectors")


def shipped() -> list[str]:
    """Their names."""
    return sorted({path.parent.name for home in HOMES for path in home.glob("*/final.pt") if is_name(path.parent.name)})


def find_model(name: str | os.PathLike) -> Path:
    """The model folder or file of that path; else, for a bare name, the detector of that name in the package."""
    path = Path(name)
    if is_name(os.fspath(name)) and not path.exists():
        for home in HOMES:
            if (home / name / "final.pt").is_file():
                return home / name
    return path


def model_help(several: bool = False) -> str:
    """What ``--model`` takes, for the options' help."""
    names = f", or a name: {', '.join(shipped())}" if shipped() else ""
    return f"folder with final.pt{names}" + ("; may be repeated" if several else "")
