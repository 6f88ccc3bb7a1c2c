"""How far detected onsets lie from true ones, in files with both. Used by ``evaluate``, shown by ``results``."""

from collections.abc import Iterable, Mapping

import numpy as np

from pysed.events import Event

NEAR_S = 0.3
#: Keys of onset_statistics(), seconds but for the last.
ONSETS = ("onset_error_median_s", "onset_error_p10_s", "onset_error_p90_s", "onset_within_300ms")


def onset_errors(
    reference: Mapping[str, Iterable[Event]], detected: Mapping[str, Iterable[Event]], event: str
) -> np.ndarray:
    """Detected minus true onset in seconds, (N,): of every true event in a file with detections of its class, the
    nearest detection's; below 0 where it is early. However far it is: a wrong detection is no small error."""
    errors = []
    for name, events in reference.items():
        found = np.array([each.onset_s for each in detected.get(name, ()) if each.label == event])
        for each in events:
            if each.label == event and len(found):
                distance = found - each.onset_s
                errors.append(distance[np.abs(distance).argmin()])
    return np.array(errors, dtype=np.float64)


def onset_statistics(
    reference: Mapping[str, Iterable[Event]], detected: Mapping[str, Iterable[Event]], event: str
) -> dict[str, float | None]:
    """Median, tenth and ninetieth percentile of onset_errors(), and the share within 300 ms; None without any."""
    errors = onset_errors(reference, detected, event)
    if not len(errors):
        return dict.fromkeys(ONSETS)
    low, middle, high = (round(float(value), 4) for value in np.percentile(errors, [10, 50, 90]))
    within = float((np.abs(errors) <= NEAR_S + 1e-9).mean())
    return dict(zip(ONSETS, (middle, low, high, round(within, 4)), strict=True))
