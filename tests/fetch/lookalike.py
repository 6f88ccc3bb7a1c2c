"""A small look-alike of the record TUT Rare Sound Events 2017: whole numbers of noise, the same on every machine."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import yaml

RATE_HZ = 44100
CLASSES = ("babycry", "glassbreak", "gunshot")
EVALUATION_HASH = "bbb81504db15a03680a0044474633b67"
SCREENED = "a001_0_30.wav"


def _noise(rng, length: int, level: int, channels: int = 1) -> np.ndarray:
    samples = rng.integers(-level, level + 1, (length, channels), dtype=np.int32) << 8
    return samples[:, 0] if channels == 1 else samples


def write_source(folder: Path, num_events: int = 3, num_backgrounds: int = 4, seed: int = 11) -> Path:
    """``folder``/source_data in the TUT layout: 44.1 kHz, 24 bits, backgrounds in stereo; returns ``folder``."""
    rng = np.random.default_rng(seed)
    source = folder / "source_data"
    for name in ("cv_setup", "bgs/audio", *(f"events/{label}" for label in CLASSES)):
        (source / name).mkdir(parents=True)
    number = 0
    for subset in ("devtrain", "devtest"):
        backgrounds = []
        for _ in range(num_backgrounds):
            name = f"audio/a{number // 2:03d}_{30 * (number % 2)}_{30 * (number % 2) + 30}.wav"
            number += 1
            level = int(rng.integers(400, 2000))
            soundfile.write(source / "bgs" / name, _noise(rng, 30 * RATE_HZ, level, 2), RATE_HZ, subtype="PCM_24")
            backgrounds.append({"filepath": name, "classname": "residential_area", "classid": 0})
        events: dict[str, list[dict]] = {}
        for label in CLASSES:
            events[label] = []
            for index in range(num_events):
                name = f"{subset}{index // 2}.wav"  # two events of a recording
                path = source / "events" / label / name
                if not path.exists():
                    soundfile.write(path, _noise(rng, 6 * RATE_HZ, 9000), RATE_HZ, subtype="PCM_24")
                start = round(0.1 + 3 * (index % 2) + 0.01 * float(rng.integers(0, 50)), 2)
                end = round(start + 0.3 + 0.001 * float(rng.integers(0, 2000)), 3)
                events[label].append({"audio_filename": name, "segment": [start, end], "segment_id": index})
        (source / "cv_setup" / f"events_{subset}.yaml").write_text(yaml.safe_dump(events))
        (source / "cv_setup" / f"bgs_{subset}.yaml").write_text(yaml.safe_dump(backgrounds))
    (source / "bgs" / "bg_screening.csv").write_text(f"file,babycry,glassbreak,gunshot\n{SCREENED},1,,\nz.wav,,1,1\n")
    return folder


def write_evaluation(folder: Path, seed: int = 12) -> Path:
    """``folder``/mixture_data/evaltest: two mixtures a class, one with the event; the first row has no event."""
    rng = np.random.default_rng(seed)
    base = folder / "mixture_data" / "evaltest" / EVALUATION_HASH
    for name in ("audio", "meta"):
        (base / name).mkdir(parents=True)
    for label in CLASSES:
        rows = []
        for index in range(2):
            name = f"mixture_evaltest_{label}_{index:03d}_{rng.bytes(16).hex()}.wav"
            soundfile.write(base / "audio" / name, _noise(rng, 30 * RATE_HZ, 700), RATE_HZ, subtype="PCM_24")
            rows.append(f"{name}\t{3.25 + index}\t{4.5 + index}\t{label}" if index else name)
        (base / "meta" / f"event_list_evaltest_{label}.csv").write_text("\n".join(rows) + "\n")
    return folder


def zipped(folder: Path, below: Path, names: list[str]) -> bytes:
    """The named files and folders of ``folder`` as a zip archive, stored below a path."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in names:
            path = folder / name
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    archive.write(file, below / file.relative_to(folder))
    return stream.getvalue()


def archives(work: Path) -> dict[str, bytes]:
    """The record's archives by name, of a look-alike that is made in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    write_source(work)
    write_evaluation(work)
    development, evaluation = (f"TUT-rare-sound-events-2017-{part}" for part in ("development", "evaluation"))
    (work / "README.md").write_text("a look-alike\n")
    backgrounds = sorted(str(path.relative_to(work)) for path in (work / "source_data/bgs/audio").iterdir())
    half, below = len(backgrounds) // 2, Path(development) / "data"
    lists = ["source_data/cv_setup", "source_data/bgs/bg_screening.csv"]
    found = {
        f"{development}.doc.zip": zipped(work, Path(development), ["README.md"]),
        f"{development}.source_data_bgs_and_cvsetup.1.zip": zipped(work, below, [*lists, *backgrounds[:half]]),
        f"{development}.source_data_bgs_and_cvsetup.2.zip": zipped(work, below, backgrounds[half:]),
        f"{development}.source_data_events.zip": zipped(work, below, ["source_data/events"]),
        f"{evaluation}.mixture_data.1.zip": zipped(work, Path(evaluation) / "data", ["mixture_data"]),
    }
    shutil.rmtree(work)
    return found
