"""Alignments read from ``phones.ctm`` and checked against the recordings they belong to."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from pysed.errors import DataError
from pysed.kaldi.phones import read_symbols
from pysed.text_files import read_lines

TOLERANCE_US = 100_000  # the last frame of 30 ms may reach past the audio's end

_ROUNDED_US = 5000  # half a hundredth of a second


class Span(NamedTuple):
    """One phone of an alignment; times in whole microseconds, so that sums of them are exact."""

    start_us: int
    duration_us: int
    phone: str


class _Clock:
    """Where a recording's phones begin, by their durations where one follows the other.

    ali-to-phones sums starts in single precision, which is seconds off after hours, and prints hundredths.
    """

    def __init__(self) -> None:
        self.end_us = self._printed_us = 0  # the last phone's end: by durations, and by its start as printed
        self._error_us: float = _ROUNDED_US  # most that the next start may be off

    def start(self, printed_us: int, duration_us: int) -> int:
        """The start of the next phone; the printed one where there is a pause, or phones lie over one another."""
        step_us = 2.0 ** (math.frexp(printed_us / 1e6)[1] - 24) * 1e6  # of single precision there
        self._error_us += step_us
        start_us = self.end_us
        if (
            abs(printed_us - self.end_us) > self._error_us
            or abs(printed_us - self._printed_us) > 2 * _ROUNDED_US + step_us
        ):
            start_us, self._error_us = printed_us, _ROUNDED_US
        self.end_us, self._printed_us = start_us + duration_us, printed_us + duration_us
        return start_us


def microseconds(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * 1e6)


def read_inventory(path: str | Path) -> tuple[str, ...]:
    """The phones of a ``phones.txt`` in order of their numbers, without ``<eps>`` and disambiguation symbols.

    Raises DataError for a missing file and, with the line, for what is no symbol table.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; expected the ASR model's phones.txt")
    symbols = read_symbols(str(path))
    names = tuple(symbols[number] for number in sorted(symbols) if symbols[number][0] not in "<#")
    if not names:
        raise DataError(f"{path}: no phones; expected the ASR model's phones.txt")
    return names


def read_ctm(
    path: Path, durations_s: Mapping[str, float], inventory: Collection[str] | None = None
) -> dict[str, list[Span]]:
    """recording → its phones in order of time, of a ctm (``recording channel start duration phone``, seconds).

    ``durations_s``: recording → duration, of the same data directory. ``inventory``: the phones that exist; without
    it any name will do that is not a number. Raises DataError, naming file and line, for a missing ctm, lines of
    another form, unknown phones and recordings, phones outside their recording or over one another, and for a
    recording without phones.
    """
    if not path.is_file():
        raise DataError(f"{path}: missing; run stage 4")
    known = None if inventory is None else set(inventory)
    spans: dict[str, list[Span]] = {name: [] for name in durations_s}
    clocks = {name: _Clock() for name in durations_s}
    for number, line in enumerate(read_lines(path, "a ctm"), 1):
        words = line.split()
        if len(words) not in (5, 6):
            raise DataError(f"{path}:{number}: {len(words)} columns; expected 'recording channel start dur phone'")
        name, phone = words[0], words[4]
        if name not in spans:
            raise DataError(f"{path}:{number}: {name}: no such recording in reco2dur; run stage 4 again")
        if phone not in known if known is not None else phone.isdecimal():
            what = "a number, not a phone's name" if phone.isdecimal() else "no phone of the model"
            raise DataError(f"{path}:{number}: phone {phone[:20]!r}: {what}; run stage 4 again")
        printed_us, duration_us = read_times(words[2], words[3], f"{path}:{number}")
        before_us = clocks[name].end_us
        span = Span(clocks[name].start(printed_us, duration_us), duration_us, phone)
        end_us = clocks[name].end_us
        if end_us > microseconds(durations_s[name]) + TOLERANCE_US:
            raise DataError(
                f"{path}:{number}: phone ends at {end_us / 1e6:g} s, {name} at {durations_s[name]:g} s; "
                "expected phones inside their recording"
            )
        if span.start_us < before_us:
            raise DataError(
                f"{path}:{number}: phone starts at {words[2]} s, before the last one's end; expected one at a time"
            )
        spans[name].append(span)
    for name, found in spans.items():
        if not found:
            raise DataError(f"{path}: no phones of {name}, which reco2dur has; run stage 4 again")
    return spans


def read_times(start: str, duration: str, place: str) -> tuple[int, int]:
    """Start and duration of a ctm's line in microseconds; DataError naming ``place`` for what are no such times."""
    try:
        start_s, duration_s = float(start), float(duration)
    except ValueError:
        start_s = duration_s = math.nan
    if not (math.isfinite((start_s + duration_s) * 1e6) and start_s >= 0 and duration_s > 0):
        raise DataError(f"{place}: start {start[:20]!r}, duration {duration[:20]!r}; expected seconds, duration over 0")
    return microseconds(start_s), microseconds(duration_s)
