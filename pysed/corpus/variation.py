"""Variation of training mixtures: the same recordings as other voices, rooms and places might have made them.

An event and a background are each played faster or slower (pitch goes along) and filtered by a random smooth response;
a second background may lie under the first; offset and ratio are drawn anew. Done on samples, before any feature, so
that all features of a mixture, the recogniser's too, tell of the same sound. Never applied to validation or test.
"""

from dataclasses import asdict, dataclass

import numpy as np

from pysed.corpus.sources import Background, EventClip

EVENT_SPEED = 1.25  # at most this much faster or slower
BACKGROUND_SPEED = 1.12
RESPONSE_HZ = (0.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
RESPONSE_DB = 4.0  # standard deviation at each of these frequencies
EBR_DB = 3.0  # a ratio moves by at most this much
SECOND_SHARE = 0.5
SECOND_DB = (-15.0, 0.0)  # of the second background against the first
_REACH_S = 0.015  # of the filter, to either side


@dataclass(frozen=True)
class Variation:
    """What is changed in one mixture. Speeds are factors, responses dB at RESPONSE_HZ."""

    background_speed: float
    background_response: tuple[float, ...]
    second: Background | None
    second_db: float
    event_speed: float = 1.0
    event_response: tuple[float, ...] = (0.0,) * len(RESPONSE_HZ)

    def as_dict(self) -> dict:
        """Plain values, for recipes.yaml."""
        second = self.second and {"path": self.second.path.name, "recording": self.second.recording}
        return {**asdict(self), "second": second} | {
            key: list(getattr(self, key)) for key in ("background_response", "event_response")
        }


def draw_variation(random: np.random.RandomState, backgrounds: list[Background]) -> Variation:
    """One variation; every mixture takes the same number of draws, whatever they are."""

    def speed(most: float) -> float:
        return round(float(np.exp(random.uniform(-1, 1) * np.log(most))), 4)

    def response() -> tuple[float, ...]:
        return tuple(round(float(gain), 2) for gain in RESPONSE_DB * random.standard_normal(len(RESPONSE_HZ)))

    second = backgrounds[random.randint(len(backgrounds))]
    second_db = round(float(random.uniform(*SECOND_DB)), 2)
    drawn = random.random_sample() < SECOND_SHARE
    return Variation(
        speed(BACKGROUND_SPEED), response(), second if drawn else None, second_db, speed(EVENT_SPEED), response()
    )


def redraw_place(
    random: np.random.RandomState, event: EventClip, ebr_db: float, duration_s: float, variation: Variation
) -> tuple[float, float]:
    """Another offset in seconds, at which the event at its new length fits, and another ratio in dB."""
    room_s = max(0.0, duration_s - event.length_s / variation.event_speed)
    return float(room_s * random.random_sample()), round(float(ebr_db + EBR_DB * random.uniform(-1, 1)), 2)


def change_speed(samples: np.ndarray, speed: float, rate_hz: int) -> np.ndarray:
    """(T,) -> (about T / speed,), pitch raised by ``speed``."""
    if speed == 1:
        return samples
    import soxr

    return soxr.resample(samples, rate_hz * speed, rate_hz, quality="HQ")


def filter_response(samples: np.ndarray, response_db: tuple[float, ...], rate_hz: int) -> np.ndarray:
    """(T,) filtered without delay by gains that are linear between RESPONSE_HZ, the last one holding above."""
    from scipy.signal import firwin2, oaconvolve

    if not any(response_db):
        return samples
    grid = np.linspace(0, 1, 513)
    gains = 10 ** (np.interp(grid * rate_hz / 2, RESPONSE_HZ, response_db) / 20)
    taps = firwin2(2 * round(_REACH_S * rate_hz) + 1, grid, gains)
    return oaconvolve(samples, taps, mode="same").astype(samples.dtype)


def vary_background(samples: np.ndarray, second: np.ndarray | None, variation: Variation, rate_hz: int) -> np.ndarray:
    """A background (T,), of the same length, the second one, cut or repeated to it, underneath."""
    length = len(samples)
    samples = np.resize(change_speed(samples, variation.background_speed, rate_hz), length)
    if second is not None:
        level = np.sqrt(np.mean(np.square(second, dtype=np.float64)))
        wanted = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) * 10 ** (variation.second_db / 20)
        samples = samples + np.resize(second, length) * (wanted / level if level > 0 else 0.0)
    return filter_response(samples, variation.background_response, rate_hz)
