"""Can an error rate and an F-score come from one evaluation? The bound for a single class.

With one class there are no substitutions. With deletions d and insertions i per reference event, ER = d + i and
F = 2(1 - d) / (2 - d + i): at a given ER, F lies between (2 - 2·ER)/(2 - ER), all errors deletions, and 2/(2 + ER),
all of them insertions. Averages over classes need not obey it.
"""

from typing import NamedTuple


class Bound(NamedTuple):
    """The F-scores (fractions) that an error rate allows, and whether the printed one is among them."""

    lowest: float
    highest: float
    consistent: bool


def f_range(error_rate: float) -> tuple[float, float]:
    """Lowest and highest F (fractions) at an exact error rate of one class; from ER 1 on the lowest is 0.

    Raises ValueError for a negative or NaN error rate.
    """
    if not error_rate >= 0:
        raise ValueError(f"error rate {error_rate}; expected 0 or more")
    lowest = 0.0 if error_rate >= 1 else (2 - 2 * error_rate) / (2 - error_rate)
    return lowest, 2 / (2 + error_rate)


def check(error_rate: float, f_measure: float, error_rate_step: float = 0.01, f_step: float = 0.001) -> Bound:
    """Are a single class's printed figures consistent within their rounding?

    error_rate and f_measure as fractions, each rounded to a multiple of its step (the paper: 0.01 and 0.1 %); steps of
    0 for exact figures. Both bounds fall as the error rate grows, so the ends of its rounding interval decide.
    """
    tiny = 1e-9
    lowest = f_range(error_rate + error_rate_step / 2)[0]
    highest = f_range(max(0.0, error_rate - error_rate_step / 2))[1]
    return Bound(lowest, highest, lowest - f_step / 2 - tiny <= f_measure <= highest + f_step / 2 + tiny)
