"""How many seeds find a difference, and which difference so many seeds find."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from methodic.evidence.numbers.statistics import finite

POWER = 0.8
"""A difference counts as detectable where it is found so often."""

MOST = 10_000
"""No design asks for more seeds than these."""

_CERTAIN = 30.0
"""Standard errors between a difference and the critical value from which it is always found."""


def upper_deviation(groups: Sequence[Sequence[float]], level: float = 0.8) -> float:
    """An upper bound of the standard deviation that groups share.

    s · √(m / χ²), where s² is the pooled variance around each group's own mean, m its degrees of
    freedom and χ² the (1 − level)-quantile of the chi-squared distribution with m of them. A pilot
    of few seeds underestimates the deviation every other time; its upper bound rarely does.

    Args:
        groups: finite scores, a group for each method; groups of one value tell nothing.
        level: of the one-sided bound, in (0, 1).

    Raises:
        ValueError: no group with two values, or values that aren't finite.

    Example:
        >>> round(upper_deviation([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]), 3)
        1.557
    """
    x = [finite(group) for group in groups if len(group)]
    freedom = sum(len(group) - 1 for group in x)
    if freedom < 1:
        raise ValueError("a deviation needs a group of at least two values")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, found {level}")
    from scipy.special import chdtri

    squares = math.fsum(float(np.sum((group - group.mean()) ** 2)) for group in x)
    # chdtri takes the probability above the quantile.
    return math.sqrt(squares / float(chdtri(freedom, level)))


def power(n: int, difference: float, deviation: float, alpha: float) -> float:
    """The probability that the two-sided paired t-test finds a difference with n seeds.

    Exact: the test statistic has a noncentral t-distribution with n − 1 degrees of freedom and
    noncentrality √n · difference / deviation.

    Args:
        n: seeds, at least 2.
        difference: true mean of the paired differences.
        deviation: their standard deviation, at least 0.
        alpha: level of the test, in (0, 1).

    Source: Cohen, "Statistical power analysis for the behavioral sciences", 1988.
    """
    _check(n, deviation, alpha)
    if deviation == 0:
        return 1.0 if difference else alpha
    return _power(n, math.sqrt(n) * abs(difference) / deviation, alpha)


def seeds_needed(
    difference: float, deviation: float, alpha: float, power: float = POWER, most: int = MOST
) -> int:
    """The smallest number of seeds with which the paired t-test finds ``difference``.

    Args:
        difference: that is to be found, above 0.
        deviation: of the paired differences, not of single scores; at least 0.
        alpha: level of the test, in (0, 1); with m pairs under Holm's correction, α / m is safe.
        power: how often it is to be found, in (alpha, 1).
        most: returned where even so many are too few.

    Example:
        >>> seeds_needed(difference=0.01, deviation=0.01, alpha=0.05)
        10
    """
    _check(2, deviation, alpha)
    if not 0 < difference < math.inf or not alpha < power < 1 or most < 2:
        raise ValueError(f"no seeds find {difference} with power {power}, {most} at most")
    if deviation == 0:
        return 2
    ratio = difference / deviation

    def enough(n: int) -> bool:
        return _power(n, math.sqrt(n) * ratio, alpha) >= power

    low, high = 1, 2
    while not enough(high):
        if high >= most:
            return most
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable(n: int, deviation: float, alpha: float, power: float = POWER) -> float:
    """The smallest difference that the paired t-test finds with ``n`` seeds.

    Args:
        n: seeds, at least 2.
        deviation, alpha, power: as for `seeds_needed`.

    Returns:
        in the units of ``deviation``.

    Example:
        >>> round(detectable(10, deviation=0.01, alpha=0.05), 4)
        0.01
    """
    _check(n, deviation, alpha)
    if not alpha < power < 1:
        raise ValueError(f"the power must lie between {alpha} and 1, found {power}")
    from scipy.special import stdtrit

    # Far enough beyond the critical value the difference is found for certain.
    low, high = 0.0, float(stdtrit(n - 1, 1 - alpha / 2)) * 2 + _CERTAIN
    while _power(n, high, alpha) < power:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(n, middle, alpha) >= power else (middle, high)
    return high * deviation / math.sqrt(n)


def _power(n: int, noncentrality: float, alpha: float) -> float:
    from scipy.special import nctdtr, stdtrit

    critical = float(stdtrit(n - 1, 1 - alpha / 2))
    above = 1 - float(nctdtr(n - 1, noncentrality, critical))
    below = float(nctdtr(n - 1, noncentrality, -critical))
    # Far out in its tails scipy's function is NaN; what it should be there is 0 to many digits.
    if math.isnan(above):
        above = float(noncentrality > critical)
    return above + (0.0 if math.isnan(below) else below)


def _check(n: int, deviation: float, alpha: float) -> None:
    if n < 2:
        raise ValueError(f"a t-test needs at least 2 seeds, found {n}")
    if not 0 <= deviation < math.inf:
        raise ValueError(f"the deviation must be finite and at least 0, found {deviation}")
    if not 0 < alpha < 1:
        raise ValueError(f"the level must lie between 0 and 1, found {alpha}")
