"""How large a difference is, in words that don't depend on the metric's units or on n."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from methodic.evidence.numbers.statistics import finite


def effect_size(differences: Sequence[float]) -> float | None:
    """Hedges' g of paired differences: mean ÷ standard deviation, corrected for a small sample.

    g = J(n − 1) · d̄ / s with J(m) = Γ(m/2) / (√(m/2) · Γ((m − 1)/2)), which takes off what d̄ / s
    is too large on average.

    Args:
        differences: finite, of the scores of two methods, paired by seed.

    Returns:
        g; None below three values, where no such correction exists, or without spread.

    Raises:
        ValueError: no values, or values that aren't finite.

    Source: Hedges, "Distribution theory for Glass's estimator of effect size and related
    estimators", Journal of Educational Statistics 6, 1981.

    Example:
        >>> round(effect_size([1.0, 2.0, 3.0]), 4)
        1.1284
    """
    x = finite(differences)
    if len(x) < 3 or np.ptp(x) <= 1e-12 * float(np.abs(x).max()):
        return None
    return _correction(len(x) - 1) * float(x.mean()) / float(x.std(ddof=1))


def effect_between(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Hedges' g of independent scores: (mean(a) − mean(b)) ÷ pooled standard deviation, corrected.

    Args:
        a, b: finite scores of two methods over seeds that have nothing to do with each other.

    Returns:
        g; None below two values a side, or without spread.

    Raises:
        ValueError: no values, or values that aren't finite.

    Source: Hedges 1981, as `effect_size`.
    """
    first, second = finite(a), finite(b)
    freedom = len(first) + len(second) - 2
    rounding = 1e-12 * float(max(np.abs(first).max(), np.abs(second).max()))
    if min(len(first), len(second)) < 2 or max(np.ptp(first), np.ptp(second)) <= rounding:
        return None
    squares = sum(float(x.var(ddof=1)) * (len(x) - 1) for x in (first, second))
    gap = float(first.mean() - second.mean())
    return _correction(freedom) * gap / math.sqrt(squares / freedom)


def _correction(freedom: int) -> float:
    half = freedom / 2
    return math.exp(math.lgamma(half) - math.lgamma(half - 0.5)) / math.sqrt(half)


def superiority(a: Sequence[float], b: Sequence[float], greater_is_better: bool) -> float:
    """How often a model of ``a`` beats one of ``b``: share of all pairs across seeds, ties half.

    Args:
        a, b: finite scores of two methods, in any order.
        greater_is_better: what beating means.

    Returns:
        0 to 1; 0.5 where neither is ahead.

    Raises:
        ValueError: no values, or values that aren't finite.

    Source: Vargha and Delaney, "A critique and improvement of the CL common language effect size
    statistics of McGraw and Wong", Journal of Educational and Behavioral Statistics 25, 2000.

    Example:
        >>> superiority([0.9, 0.8], [0.7, 0.8], greater_is_better=True)
        0.875
    """
    first, second = finite(a), finite(b)
    gaps = first[:, None] - second[None, :]
    wins = (gaps > 0) if greater_is_better else (gaps < 0)
    return float((wins + 0.5 * (gaps == 0)).mean())
