"""How often a detector raises an alarm on an hour of speech and music in which its class is not heard.

    python local/detectors/alarms.py --model babycry --sounds SOUNDS

SOUNDS holds Debian packages, unpacked, of which nothing was trained on: `apt-get download NAME`, then
`dpkg -x NAME_*.deb SOUNDS/NAME`. Half an hour is speech: voices of klettres-data and ktuberling-data in over 20
languages and of hedgewars-data, a clip after the other. Half an hour is music of wesnoth-1.16-music.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.stats import chi2

from pysed import Decision, Detector

RATE_HZ = 16000
SPEECH = (
    "klettres-data/usr/share/klettres/*",
    "ktuberling-data/usr/share/ktuberling/sounds/*",
    "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices/*",
)
MUSIC = ("wesnoth-1.16-music/usr/share/games/wesnoth/1.16/data/core/music/*.ogg",)
HALF_S = 1800.0
PAUSE_S = 0.5
LEVEL = 0.1  # RMS of each clip


def load(path: Path) -> np.ndarray:
    """A sound at RATE_HZ, mono, of RMS LEVEL, (T,); empty where it is silent."""
    samples, rate_hz = soundfile.read(path, always_2d=True)
    sound = soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ)
    level = np.sqrt(np.mean(sound**2)) if len(sound) else 0.0
    return np.clip(sound * LEVEL / level, -1, 1) if level > 1e-4 else np.zeros(0)


def speech(folder: Path) -> dict[str, np.ndarray]:
    """Sound by voice, the same length of each where there is as much."""
    voices = [path for pattern in SPEECH for path in sorted(folder.glob(pattern)) if path.is_dir()]
    made, left_s = {}, HALF_S
    for number, voice in enumerate(voices):
        clips = sorted(path for path in voice.rglob("*") if path.suffix in (".ogg", ".wav"))
        order = np.random.default_rng(number).permutation(len(clips))
        parts: list[np.ndarray] = []
        share = round(left_s / (len(voices) - number) * RATE_HZ)
        while order.size and sum(map(len, parts)) < share:
            parts += [load(clips[order[0]]), np.zeros(round(PAUSE_S * RATE_HZ))]
            order = order[1:]
        if parts:
            made[f"{voice.relative_to(folder).parts[0]} {voice.name}"] = sound = np.concatenate(parts)[:share]
            left_s -= len(sound) / RATE_HZ
    return made


def music(folder: Path) -> dict[str, np.ndarray]:
    """Pieces of music until they are half an hour."""
    made, left = {}, round(HALF_S * RATE_HZ)
    for path in [path for pattern in MUSIC for path in sorted(folder.glob(pattern))]:
        if left > 0:
            made[path.name] = load(path)[:left]
            left -= len(made[path.name])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="babycry")
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--thresholds", type=float, nargs="+", help="else the detector's own")
    args = parser.parse_args()
    detector = Detector.load(args.model)
    for kind, make in (("speech", speech), ("music", music)):
        sounds = make(args.sounds)
        if not sounds:
            sys.exit(f"{args.sounds}: no {kind} there; --help says which packages belong there")
        hours = sum(map(len, sounds.values())) / RATE_HZ / 3600
        for threshold in args.thresholds or [None]:
            found = {name: detector.detect(sound, RATE_HZ, Decision(threshold)) for name, sound in sounds.items()}
            count = sum(map(len, found.values()))
            bound = chi2.ppf(0.95, 2 * count + 2) / 2 / hours
            where = ", ".join(f"{name} {len(events)}" for name, events in found.items() if events)
            rule = "the detector's threshold" if threshold is None else f"threshold {threshold:g}"
            print(
                f"{kind}, {hours:.2f} hours, {rule}: {count} alarms, below {bound:.1f} an hour (95 %): {where or '-'}"
            )


if __name__ == "__main__":
    main()
