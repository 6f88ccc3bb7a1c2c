"""The fifteen acoustic scenes of TUT 2017: a bed of steady textures, a place's answer, and passing incidents.

Beds have RMS 1 together; incidents are given in dB of their loudest 50 ms against that, to which INCIDENTS_DB is added.
"""

from collections.abc import Callable, Sequence

import numpy as np

from . import beds, incidents
from .rooms import open_air, reverberate, room
from .signals import Rng, Sound, band, gain, log_uniform, scatter, seconds, unit_rms

Incident = tuple[Callable[[Rng], Sound], float, float]  # what, how many a minute, level in dB

# How far incidents stand out, and with it how hard the corpus is: conf/corpora/demo.yaml says what it was set by.
INCIDENTS_DB = -13.0


def _compose(rng: Rng, bed: Sound, response: Sound, happenings: Sequence[Incident]) -> Sound:
    """Bed plus incidents heard in the place; levels vary by -12..0 dB from one to the next."""
    count = len(bed)
    foreground = sum(
        (
            gain(level_db + INCIDENTS_DB) * scatter(rng, count, make, per_minute * rng.uniform(0.5, 1.5), 12.0)
            for make, per_minute, level_db in happenings
        ),
        np.zeros(count),
    )
    return unit_rms(bed) + reverberate(foreground, response)[:count]


def _blend(*layers: tuple[Sound, float]) -> Sound:
    return sum(gain(level_db) * layer for layer, level_db in layers)


def beach(rng: Rng, count: int) -> Sound:
    bed = _blend((beds.waves(rng, count), 0), (beds.wind(rng, count), rng.uniform(-12, -2)))
    return _compose(
        rng, bed, open_air(rng, 20, -16), [(incidents.gull, 5, 9), (incidents.children, 5, 8), (incidents.dog, 1.5, 9)]
    )


def bus(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.engine(rng, count, log_uniform(rng, 28, 45), 2.0), 0),
        (beds.ventilation(rng, count), -10),
        (beds.babble(rng, count, 1), rng.uniform(-20, -12)),
    )
    happenings = [
        (incidents.air_brake, 2, 6),
        (incidents.door_signal, 1, 4),
        (incidents.talk, 4, 7),
        (incidents.clatter, 2, 9),
    ]
    return _compose(rng, bed, room(rng, 0.25, -6, 3), [*happenings, (incidents.children, 1.5, 7)])


def cafe(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.babble(rng, count, int(rng.integers(2, 4))), 0),
        (beds.ventilation(rng, count), rng.uniform(-14, -6)),
        (beds.street_hum(rng, count), -10),
    )
    happenings = [
        (incidents.dishes, 10, 6),
        (incidents.laughter, 3, 8),
        (incidents.talk, 4, 6),
        (incidents.knocks, 2, 8),
    ]
    return _compose(rng, bed, room(rng, rng.uniform(0.5, 0.9), -3, 6), [*happenings, (incidents.children, 1, 7)])


def car(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.engine(rng, count, log_uniform(rng, 40, 75), 1.8, 0.15), 0), (beds.wind(rng, count), rng.uniform(-12, -4))
    )
    happenings = [(incidents.indicator, 2, 2), (incidents.talk, 3, 8)]
    return _compose(
        rng, bed, room(rng, 0.12, -8, 1.5), [*happenings, (incidents.horn, 0.7, 6), (incidents.door, 0.6, 11)]
    )


def city_center(rng: Rng, count: int) -> Sound:
    bed = _blend((beds.traffic(rng, count, 14), 0), (beds.babble(rng, count, 1, t60_s=1.2), rng.uniform(-14, -5)))
    happenings = [(incidents.footsteps, 4, 5), (incidents.horn, 1.5, 7), (incidents.talk, 4, 6), (incidents.bell, 1, 7)]
    return _compose(
        rng, bed, open_air(rng, 10, -9), [*happenings, (incidents.clatter, 1.5, 10), (incidents.children, 1, 7)]
    )


def forest_path(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.leaves(rng, count), 0),
        (beds.wind(rng, count), rng.uniform(-10, 2)),
        (beds.stream(rng, count), rng.uniform(-25, -4)),
    )
    happenings = [
        (incidents.songbird, 22, 8),
        (incidents.footsteps, 5, 7),
        (incidents.knocks, 1, 6),
        (incidents.dog, 1, 6),
    ]
    return _compose(rng, bed, open_air(rng, 15, -8), happenings)


def grocery_store(rng: Rng, count: int) -> Sound:
    bed = _blend((beds.ventilation(rng, count), 0), (beds.babble(rng, count, 2, t60_s=1.1), rng.uniform(-8, 0)))
    happenings = [
        (incidents.register_beep, 14, 6),
        (incidents.rustle, 6, 5),
        (incidents.clatter, 4, 10),
        (incidents.announcement, 0.7, 6),
    ]
    return _compose(
        rng, bed, room(rng, 1.0, -2, 12), [*happenings, (incidents.children, 2, 8), (incidents.dishes, 2, 4)]
    )


def home(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.ventilation(rng, count), 0),
        (beds.street_hum(rng, count), -4),
        (beds.stream(rng, count), rng.uniform(-30, -8)),
    )
    happenings = [
        (incidents.dishes, 5, 10),
        (incidents.talk, 4, 14),
        (incidents.door, 2, 18),
        (incidents.footsteps, 3, 8),
    ]
    more = [(incidents.clock, 2, 5), (incidents.dog, 1, 16), (incidents.children, 2, 15), (incidents.cough, 1, 12)]
    return _compose(rng, bed, room(rng, rng.uniform(0.3, 0.5), -5, 4), happenings + more)


def library(rng: Rng, count: int) -> Sound:
    bed = _blend((beds.ventilation(rng, count), 0), (beds.babble(rng, count, 1, t60_s=1.4), rng.uniform(-18, -8)))
    happenings = [
        (incidents.rustle, 6, 10),
        (incidents.footsteps, 4, 8),
        (incidents.cough, 2, 14),
        (incidents.typing, 3, 7),
    ]
    return _compose(rng, bed, room(rng, 1.2, 0, 9), [*happenings, (incidents.knocks, 2, 14), (incidents.door, 1, 15)])


def metro_station(rng: Rng, count: int) -> Sound:
    # A train draws near, stands or leaves at some moment of the recording.
    nearness = np.exp(-np.abs(seconds(count) - rng.uniform(-3, 33)) / rng.uniform(3, 8))
    train = beds.rails(rng, count, rng.uniform(0.7, 1.1)) * nearness
    bed = _blend(
        (train, 0), (beds.babble(rng, count, 2, t60_s=1.8), rng.uniform(-10, -3)), (beds.ventilation(rng, count), -10)
    )
    happenings = [
        (incidents.announcement, 1.5, 7),
        (incidents.squeal, 2, 5),
        (incidents.door_signal, 1.2, 5),
        (incidents.footsteps, 5, 5),
    ]
    return _compose(
        rng, bed, room(rng, 1.8, 1, 14), [*happenings, (incidents.clatter, 1.5, 10), (incidents.children, 1, 8)]
    )


def office(rng: Rng, count: int) -> Sound:
    bed = _blend((beds.ventilation(rng, count), 0), (beds.street_hum(rng, count), -8))
    happenings = [
        (incidents.typing, 14, 11),
        (incidents.talk, 3, 12),
        (incidents.footsteps, 2, 8),
        (incidents.door, 1.5, 16),
    ]
    more = [
        (incidents.knocks, 2, 14),
        (incidents.chime, 1, 7),
        (incidents.cough, 1, 12),
        (incidents.dishes, 1.5, 8),
        (incidents.laughter, 1, 12),
    ]
    return _compose(rng, bed, room(rng, rng.uniform(0.35, 0.6), -4, 5), happenings + more)


def park(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.leaves(rng, count), -3), (beds.wind(rng, count), -3), (beds.traffic(rng, count, 3), rng.uniform(-8, 0))
    )
    happenings = [
        (incidents.songbird, 16, 8),
        (incidents.children, 8, 10),
        (incidents.dog, 4, 10),
        (incidents.footsteps, 4, 6),
    ]
    return _compose(rng, bed, open_air(rng, 20, -12), [*happenings, (incidents.talk, 2, 7), (incidents.bell, 1, 7)])


def residential_area(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.street_hum(rng, count), 0),
        (beds.traffic(rng, count, 4), rng.uniform(-8, 2)),
        (beds.leaves(rng, count), -12),
    )
    happenings = [
        (incidents.songbird, 10, 8),
        (incidents.dog, 5, 12),
        (incidents.door, 2, 14),
        (incidents.children, 4, 10),
    ]
    return _compose(
        rng, bed, open_air(rng, 12, -10), [*happenings, (incidents.footsteps, 3, 6), (incidents.clatter, 1.5, 12)]
    )


def train(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.rails(rng, count, rng.uniform(0.9, 1.6)), 0),
        (beds.ventilation(rng, count), -8),
        (beds.babble(rng, count, 1), rng.uniform(-18, -8)),
    )
    happenings = [
        (incidents.talk, 4, 7),
        (incidents.announcement, 1, 5),
        (incidents.rustle, 3, 3),
        (incidents.children, 2, 7),
    ]
    return _compose(
        rng, bed, room(rng, 0.3, -6, 4), [*happenings, (incidents.door, 1.2, 10), (incidents.laughter, 1, 6)]
    )


def tram(rng: Rng, count: int) -> Sound:
    bed = _blend(
        (beds.rails(rng, count, rng.uniform(0.5, 0.8)), 0),
        (beds.engine(rng, count, log_uniform(rng, 110, 220), 2.2, 0.02), rng.uniform(-12, -5)),
        (beds.babble(rng, count, 1), rng.uniform(-18, -8)),
    )
    happenings = [
        (incidents.bell, 3, 8),
        (incidents.squeal, 3, 6),
        (incidents.door_signal, 1.5, 4),
        (incidents.talk, 4, 6),
    ]
    return _compose(
        rng, bed, room(rng, 0.3, -6, 3.5), [*happenings, (incidents.clatter, 1.5, 9), (incidents.children, 1.5, 7)]
    )


SCENES: dict[str, Callable[[Rng, int], Sound]] = {
    "beach": beach, "bus": bus, "cafe/restaurant": cafe, "car": car, "city_center": city_center,
    "forest_path": forest_path, "grocery_store": grocery_store, "home": home, "library": library,
    "metro_station": metro_station, "office": office, "park": park, "residential_area": residential_area,
    "train": train, "tram": tram,
}  # fmt: skip


def synthesise(scene: str, rng: Rng, count: int) -> Sound:
    """A background of ``count`` samples in a scene of ``SCENES``, without DC or rumble below 25 Hz; RMS 1."""
    return unit_rms(band(SCENES[scene](rng, count), 25.0))
