"""Means, intervals and tests over seeds, and the letters that say who can't be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from methodic.plan import Value

Vector = npt.NDArray[np.float64]

ALPHA = 0.05
"""Two rows differ where the adjusted p is at most this."""


class Interval(Value):
    """A mean over ``n`` seeds and its two-sided 95% Student-t interval (None below two seeds)."""

    mean: float
    low: float | None
    high: float | None
    n: int


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean and two-sided Student-t interval.

    mean ± t(n − 1) · s / √n, where s is the standard deviation with n − 1 in its denominator.

    Args:
        values: at least one finite number.
        level: probability of covering, in (0, 1).

    Raises:
        ValueError: no values, or values that aren't finite.

    Example:
        >>> t_interval([1.0, 2.0, 3.0]).mean
        2.0
    """
    x = finite(values)
    mean, error = _mean_and_error(x)
    if error is None:
        return Interval(mean=mean, low=None, high=None, n=1)
    from scipy.special import stdtrit

    half = float(stdtrit(len(x) - 1, (1 + level) / 2)) * error
    return Interval(mean=mean, low=mean - half, high=mean + half, n=len(x))


def paired(
    a: Sequence[float], b: Sequence[float], typical: float | None = None
) -> tuple[Interval, float]:
    """Interval of the differences a − b and the two-sided p of the paired t-test.

    Args:
        a, b: finite scores of two methods, paired by seed.
        typical: as for `one_sample`.

    Returns:
        The interval, and p; see `one_sample` for what p is without spread or with one pair.

    Raises:
        ValueError: different lengths, no values, or values that aren't finite.
    """
    if len(a) != len(b):
        raise ValueError(f"pairs need equal lengths, found {len(a)} and {len(b)}")
    first, second = finite(a), finite(b)
    return _test(first - second, float(np.abs([first, second]).max()), typical)


def one_sample(
    a: Sequence[float], constant: float, typical: float | None = None
) -> tuple[Interval, float]:
    """Interval of a − constant and the two-sided p of the one-sample t-test.

    A single value can't be tested: p = 1. Where the differences have no spread, the t statistic
    is 0/0 or x/0: p = 1 if they are all zero. If they all equal the same other number, as those of
    a method without randomness do, or scores that are fractions of few rows by chance, a typical
    spread stands in; without one, p is that of the exact sign test, 2^(1 − n). A p of 0 would claim
    more than n seeds can show.

    Args:
        a: finite scores of a method, by seed.
        constant: what they are compared with.
        typical: standard deviation over seeds of other methods on the same rows; above 0.

    Raises:
        ValueError: no values, or values that aren't finite.
    """
    x = finite(a)
    if not math.isfinite(constant):
        raise ValueError(f"the constant must be finite, found {constant}")
    return _test(x - constant, max(float(np.abs(x).max()), abs(constant)), typical)


def corrected(values: Sequence[float], ratio: float, level: float = 0.95) -> Interval:
    """Mean over overlapping splits, and its interval after Nadeau and Bengio.

    mean ± t(n − 1) · s · √(1/n + ratio). Splits of the same rows share most of their training rows,
    so their scores agree more than those of new data would; the usual error s / √n is too small,
    and gets smaller with every split although no data are added.

    Args:
        values: a score for each of n splits, at least one, finite.
        ratio: test rows ÷ training rows of a split, above 0.
        level: probability of covering, in (0, 1).

    Returns:
        the interval, which is about new data of this kind.

    Raises:
        ValueError: no values, values that aren't finite, or a ratio that isn't above 0.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.

    Example:
        >>> corrected([0.90, 0.92, 0.94], 0.25).mean
        0.92
    """
    x = finite(values)
    error = _overlapping_error(x, ratio)
    mean = float(x.mean())
    if error is None:
        return Interval(mean=mean, low=None, high=None, n=1)
    from scipy.special import stdtrit

    half = float(stdtrit(len(x) - 1, (1 + level) / 2)) * error
    return Interval(mean=mean, low=mean - half, high=mean + half, n=len(x))


def corrected_paired(
    a: Sequence[float], b: Sequence[float], ratio: float
) -> tuple[Interval, float]:
    """Interval of a − b over the same overlapping splits, and the two-sided p; see `corrected`.

    Where the differences have no spread, p is that of the sign test as in `one_sample`, for as many
    independent splits as these are worth: 1 / (1/n + ratio).

    Args:
        a, b: finite scores of two methods, paired by split.
        ratio: test rows ÷ training rows of a split, above 0.

    Raises:
        ValueError: different lengths, no values, values that aren't finite, or a bad ratio.
    """
    if len(a) != len(b):
        raise ValueError(f"pairs need equal lengths, found {len(a)} and {len(b)}")
    first, second = finite(a), finite(b)
    differences = first - second
    n = len(differences)
    error = _overlapping_error(differences, ratio)
    rounding = 1e-12 * float(np.abs([first, second]).max())
    if np.ptp(differences) <= rounding:
        interval, p = _without_spread(differences, rounding)
        return interval, p if p == 1.0 else min(1.0, 2.0 ** (1 - 1 / (1 / n + ratio)))
    from scipy.special import stdtr

    assert error is not None
    interval = corrected(differences.tolist(), ratio)
    return interval, float(2 * stdtr(n - 1, -abs(interval.mean) / error))


def _overlapping_error(x: Vector, ratio: float) -> float | None:
    """Standard error of a mean over overlapping splits (None for one value)."""
    if not ratio > 0:
        raise ValueError(f"test rows ÷ training rows must be above 0, found {ratio}")
    return None if len(x) == 1 else float(x.std(ddof=1)) * math.sqrt(1 / len(x) + ratio)


def welch(a: Sequence[float], b: Sequence[float]) -> tuple[Interval, float]:
    """Interval of mean(a) − mean(b) for independent scores, and the two-sided p of Welch's test.

    Where neither side has any spread, p is 1 for equal means, else that of the exact permutation
    test: 2 ÷ the number of ways to choose ``a`` out of all scores.

    Args:
        a, b: finite scores of two methods, at least two of each.

    Returns:
        the interval, whose n is that of the shorter side, and p.

    Raises:
        ValueError: fewer than two values on a side, or values that aren't finite.

    Source: Welch, "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34, 1947.
    """
    first, second = finite(a), finite(b)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"two values a side are needed, found {len(first)} and {len(second)}")
    n = min(len(first), len(second))
    mean = float(first.mean() - second.mean())
    rounding = 1e-12 * float(max(np.abs(first).max(), np.abs(second).max()))
    if max(np.ptp(first), np.ptp(second)) <= rounding:
        mean = 0.0 if abs(mean) <= rounding else mean
        ways = math.comb(len(first) + len(second), len(first))
        return Interval(mean=mean, low=mean, high=mean, n=n), 1.0 if mean == 0.0 else 2 / ways
    from scipy.special import stdtr, stdtrit

    parts = [float(x.var(ddof=1)) / len(x) for x in (first, second)]
    total = sum(parts)
    freedom = total**2 / sum(
        part**2 / (len(x) - 1) for part, x in zip(parts, (first, second), strict=True)
    )
    error = math.sqrt(total)
    half = float(stdtrit(freedom, 0.975)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n), p


def _test(differences: Vector, size: float, typical: float | None) -> tuple[Interval, float]:
    """The t-test of differences between numbers of magnitude ``size``."""
    rounding = 1e-12 * size  # spread below it is the rounding of equal differences
    mean, error = _mean_and_error(differences)
    if np.ptp(differences) <= rounding:
        if error is None or abs(mean) <= rounding or typical is None:
            return _without_spread(differences, rounding)
        error = typical / math.sqrt(len(differences))
    assert error is not None
    from scipy.special import stdtr, stdtrit

    n = len(differences)
    half = float(stdtrit(n - 1, 0.975)) * error
    interval = Interval(mean=mean, low=mean - half, high=mean + half, n=n)
    return interval, float(2 * stdtr(n - 1, -abs(mean) / error))


def _without_spread(differences: Vector, rounding: float) -> tuple[Interval, float]:
    """Equal differences: no t statistic, but the sign test."""
    n = len(differences)
    mean = float(differences.mean())
    if abs(mean) <= rounding:
        mean = 0.0
    ends = mean if n > 1 else None
    p = 1.0 if mean == 0.0 else 2.0 ** (1 - n)
    return Interval(mean=mean, low=ends, high=ends, n=n), p


def finite(values: Sequence[float]) -> Vector:
    """The values as an array.

    Raises:
        ValueError: no values, or values that aren't finite.
    """
    x = np.array(values, dtype=np.float64).reshape(-1)
    if not len(x) or not np.isfinite(x).all():
        raise ValueError(f"at least one value, all finite, is needed; found {list(values)}")
    return x


def _mean_and_error(x: Vector) -> tuple[float, float | None]:
    """Mean, and its standard error (None for one value)."""
    mean = float(x.mean())
    return mean, None if len(x) == 1 else float(x.std(ddof=1)) / math.sqrt(len(x))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down method, in the order given.

    The i-th smallest of m is multiplied by m − i + 1; then none may be smaller than the one before
    it, nor larger than 1. Controls the family-wise error whatever the dependence.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> holm([0.04, 0.01])
        [0.04, 0.02]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def letters(
    names_best_first: Sequence[str], significant_pairs: Iterable[tuple[str, str]]
) -> dict[str, tuple[str, ...]]:
    """Letters such that two names share one exactly if their difference is not significant.

    Insert and absorb: start with one group of all; each significant pair splits every group that
    holds both into one without the first and one without the second; a group inside another is
    dropped. At the end, a group whose pairs all lie in other groups is dropped too. The letters
    follow the best name in each group.

    Source: Piepho, "An algorithm for a letter-based representation of all-pairwise comparisons",
    Journal of Computational and Graphical Statistics 13, 2004.

    Example:
        >>> letters(["x", "y", "z"], [("x", "z")])
        {'x': ('a',), 'y': ('a', 'b'), 'z': ('b',)}
    """
    place = {name: i for i, name in enumerate(names_best_first)}
    groups = [frozenset(place.values())] if place else []
    for first, second in significant_pairs:
        i, j = place[first], place[second]
        if i == j:
            raise ValueError(f"'{first}' can't differ from itself")
        split = [part for g in groups for part in ((g - {i}, g - {j}) if {i, j} <= g else (g,))]
        groups = _maximal(split)
    groups = sorted(_needed(groups), key=sorted)
    return {
        name: tuple(_letter(k) for k, group in enumerate(groups) if i in group)
        for name, i in place.items()
    }


def _maximal(groups: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """The groups that lie in no other one, each once."""
    different = list(dict.fromkeys(groups))
    return [g for g in different if not any(g < other for other in different)]


def _needed(groups: list[frozenset[int]]) -> list[frozenset[int]]:
    """Without the groups that the others make superfluous, tried from the worst to the best."""

    def links(group: frozenset[int]) -> set[tuple[int, ...]]:
        members = sorted(group)
        return {(i,) for i in members} | set(combinations(members, 2))

    kept = list(groups)
    for group in sorted(groups, key=sorted, reverse=True):
        others = [g for g in kept if g != group]
        if links(group) <= set().union(*map(links, others)):
            kept = others
    return kept


def _letter(k: int) -> str:
    """a … z, aa, ab, …"""
    text = ""
    k += 1
    while k:
        k, rest = divmod(k - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
