"""How far a model's numbers are off, and an interval around each that is about as wide as needed.

A residual is the true number minus the predicted one. Bias is their mean: a model that is too low
on average has a positive one. Deviation is their spread around it. The interval is *prediction ±
half width*, where half width comes from the validation rows (split conformal prediction): of new
rows of the same kind, at least 90% lie inside on average, whatever the model and the distribution.
It is one width for all rows: easy rows get too wide an interval, hard ones too narrow a one, and
nothing is promised for any kind of row by itself. The validation rows chose the kept weights, too,
which makes the width a little too small; the coverage on test rows, which chose nothing, shows it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.plan import Value

Array = npt.NDArray[Any]

LEVEL = 0.9
MOST_POINTS = 1000
_BINS = 40  # of the histogram, at most


class Residuals(Value):
    """Residuals of test rows (true − predicted), in units of the target."""

    edges: tuple[float, ...]  # of the histogram's bins, one more than counts
    counts: tuple[int, ...]
    points: tuple[tuple[float, float], ...]  # (predicted, residual), of at most 1,000 rows
    level: float  # that the intervals are made for
    half_width: float | None  # None: too few validation rows for this level
    coverage: float | None  # share of test rows inside prediction ± half_width
    bias: float  # mean residual
    deviation: float | None  # standard deviation of residuals; None for one row


def residuals(
    truth: Array,
    predicted: Array,
    validation_truth: Array,
    validation_predicted: Array,
    level: float = LEVEL,
) -> Residuals | None:
    """Residuals on test rows, with conformal intervals from validation rows.

    Args:
        truth: numbers [N], N ≥ 1.
        predicted: finite numbers [N].
        validation_truth: numbers [V], V ≥ 0.
        validation_predicted: numbers [V]; if one isn't finite, there is no interval.
        level: of the intervals, in (0, 1).

    Returns:
        None where numbers are so large that their differences or squares aren't finite.
    """
    with np.errstate(all="ignore"):
        found = truth - predicted
        known = np.abs(validation_truth - validation_predicted)
        deviation = float(found.std(ddof=1)) if len(found) > 1 else None
        bias = float(found.mean())
    if not math.isfinite(deviation or 0.0) or not math.isfinite(bias):
        return None
    half = half_width(known, level)
    edges, counts = _histogram(found)
    shown = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_POINTS)).round())
    at = shown.astype(int)
    points = np.stack([predicted[at], found[at]], axis=1)
    return Residuals(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        points=tuple((_short(x), _short(y)) for x, y in points.tolist()),
        level=level,
        half_width=half,
        coverage=None if half is None else float(np.mean(np.abs(found) <= half)),
        bias=bias,
        deviation=deviation,
    )


def half_width(absolute: Array, level: float = LEVEL) -> float | None:
    """The ⌈(V + 1)·level⌉-th smallest absolute residual; None where V is smaller than that.

    With V validation rows and a new row of the same kind, each of the V + 1 places of the new
    row's absolute residual among all is as likely as any other, so it is at most this number with a
    probability of at least ``level``.

    Args:
        absolute: residuals of validation rows without their sign [V].
        level: in (0, 1).

    Source: Papadopoulos et al., "Inductive confidence machines for regression", 2002; Lei et al.,
    "Distribution-free predictive inference for regression", 2018.
    """
    # 0.9 · 10 is a little more than 9 for a computer.
    place = math.ceil(round((len(absolute) + 1) * level, 9))
    if place > len(absolute) or not np.isfinite(absolute).all():
        return None
    return float(np.partition(absolute, place - 1)[place - 1])


def _histogram(values: Array) -> tuple[Array, Array]:
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # Bins between numbers that are all but equal would have no width.
        return np.array([low, high]), np.array([len(values)])
    bins = min(_BINS, max(5, math.ceil(math.sqrt(len(values)))))
    counts, edges = np.histogram(values, bins)
    return edges, counts


def _short(x: float) -> float:
    """Six digits: what a figure can show."""
    return float(f"{x:.6g}")
