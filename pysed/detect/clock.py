"""When a recording began, by its name or its user, and how many events there were in each hour."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from pysed.detect.formats import Found
from pysed.errors import DataError

# 20240131_054500.WAV (AudioMoth), SITE_20240131_054500.wav (Song Meter), 20240131T054500+1000_x.flac (BAR-LT),
# 2024-01-31 05-45-00.mp3, 2024-01-31T05:45:00Z.wav
_DATED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)[T_ -]{1,2}(\d\d)([-_:.h]?)(\d\d)[-_:.m]?(\d\d)(?!\d{2,})"
    r"(?:s?(Z|[+-]\d\d:?\d\d)(?!\d))?"
)
# AudioMoth until 2019: seconds since 1970; eight decimal digits are taken for a number
_HEXADECIMAL = re.compile(r"(?=.*[A-F])[0-9A-F]{8}\Z")
_FIRST_HEX, _LAST_HEX = datetime(2017, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = 9998  # years; what begins later may end where no calendar goes


def start_by_name(name: str) -> datetime | None:
    """The clock's time at which a file begins, where its name says so; with a zone only where the name has one."""
    stem = PurePath(name).stem
    if _HEXADECIMAL.match(stem):
        time = datetime.fromtimestamp(int(stem, 16), UTC)
        return time if _FIRST_HEX <= time < _LAST_HEX else None
    for match in _DATED.finditer(PurePath(name).name):
        year, _, month, day, hour, _, minute, second, zone = match.groups()
        try:
            return datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}{zone or ''}")
        except ValueError:  # a number that looks like a date
            continue
    return None


def parse_start(text: str) -> datetime:
    """The time that ``--start`` gives, ISO 8601. Raises DataError."""
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"--start {text[:40]}; expected a time such as 2024-01-31T05:45:00") from None
    if start.year > _LATEST:
        raise DataError(f"--start {text[:40]}; expected a year up to {_LATEST}, as of 2024-01-31T05:45:00")
    return start


def hourly_counts(found: Iterable[Found]) -> str:
    """Events that begin in each hour, by class: a table with tabs. Hours without an event, but with sound, have 0.

    Of files whose start is not known the hours are counted from 0, the file's start.
    """
    counts: Counter[tuple[str, str]] = Counter()
    hours: dict[str, None] = {}
    labels: set[str] = set()
    for each in found:
        for number in range(int(each.duration_s // 3600) + 2):
            if (hour := _hour(each.start, number * 3600.0, each.duration_s)) is not None:
                hours[hour] = None
        for _, event in each.rows():
            hour = _hour(each.start, event.onset_s, each.duration_s) or ""
            hours[hour] = None
            labels.add(event.label)
            counts[hour, event.label] += 1
    names = sorted(labels)
    lines = ["\t".join(["hour", *names])]
    lines += ["\t".join([hour, *(str(counts[hour, label]) for label in names)]) for hour in sorted(hours)]
    return "".join(f"{line}\n" for line in lines)


def _hour(start: datetime | None, after_s: float, duration_s: float) -> str | None:
    if start is None:
        return f"{int(after_s // 3600):03d}" if after_s < max(duration_s, 1e-9) else None
    begun = start.replace(minute=0, second=0, microsecond=0)
    time = (begun if not after_s else start) + timedelta(seconds=after_s)
    if after_s and time.replace(minute=0, second=0, microsecond=0) >= start + timedelta(seconds=duration_s):
        return None
    return time.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
