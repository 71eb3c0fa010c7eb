"""Parts of the data on which a model is worse than on the rest, found without crying wolf.

A slice is a category, a quarter of a numeric column, the rows where a column is missing, or a class
of the target. Every slice of 20 test rows or more, and of half of them at most, is tested against
all other rows, and only those stay whose p is at most 5% after Holm's correction over all slices
that were tried: where no slice differs, one is named in at most 5% of analyses. A named slice is
harder for this model; that isn't to say why (fewer training rows, noisier labels, another column
that goes with this one), nor that a better model would do better there. A slice that isn't named
may still be worse: the test rows didn't show it. Slices of two columns at once aren't tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.evidence.numbers.statistics import ALPHA, holm
from methodic.plan import Value

Array = npt.NDArray[Any]

FEWEST = 20
"""Rows of a slice."""
MOST = 10
"""Slices that are named."""
_QUARTERS = (0.25, 0.5, 0.75)


class Slice(Value):
    """A part of the test rows that is worse than the rest.

    Scores are accuracies (classes), or root mean squared errors in units of the target (numbers);
    of several targets in deviations of each.
    """

    column: str
    value: str  # a category, a class, or a range such as "12 to 20" (above 12, up to 20)
    rows: int
    score: float
    rest: float  # the same of all other test rows
    p: float  # one-sided, after Holm's correction over all slices tried


@dataclass(frozen=True)
class Column:
    """A column of the test rows.

    Args:
        name: in messages and figures.
        values: numbers [N], NaN where missing; or codes int [N] from 0.
        words: what the codes mean; None for numbers.
    """

    name: str
    values: Array
    words: tuple[str, ...] | None = None


def worst_slices(
    columns: Sequence[Column], losses: Array, squared: bool
) -> tuple[tuple[Slice, ...], int]:
    """The slices that are worse than the rest, worst first, and how many were tried.

    Errors of a class (0 or 1) are tested by the hypergeometric distribution (Fisher's exact test):
    the chance that as many rows, drawn from all, hold at least as many errors. Squared errors take
    the larger p of Welch's and Student's t-test: a small slice whose losses are alike by chance
    fools the first, one that holds a few huge losses fools the second.

    Args:
        columns: of N rows.
        losses: errors 0 or 1, or finite squared errors, float [N].
        squared: which of the two.

    Source: Fisher, "The logic of inductive inference", 1935; Welch, "The generalization of
    Student's problem when several different population variances are involved", 1947.
    """
    unit = float(losses.max()) or 1.0  # powers of huge losses would overflow
    losses = losses / unit if squared else losses
    found = [each for column in columns for each in _parts(column, losses)]
    if not found:
        return (), 0
    names = [(part.column, part.value) for part in found]
    n, total = np.array([part.rows for part in found]), len(losses)
    sums, squares = (np.array([getattr(part, w) for part in found]) for w in ("loss", "square"))
    p = _p_of_means(n, sums, squares, losses) if squared else _p_of_counts(n, sums, losses)
    adjusted = holm(p.tolist())
    inside, outside = sums / n, (losses.sum() - sums) / (total - n)
    chosen = [i for i, q in enumerate(adjusted) if q <= ALPHA and inside[i] > outside[i]]
    chosen.sort(key=lambda i: (-inside[i], adjusted[i], names[i]))

    def score(loss: float) -> float:
        return float(np.sqrt(max(loss, 0.0) * unit) if squared else 1.0 - loss)

    worst = tuple(
        Slice(
            column=names[i][0],
            value=names[i][1],
            rows=int(n[i]),
            score=score(inside[i]),
            rest=score(outside[i]),
            p=adjusted[i],
        )
        for i in chosen[:MOST]
    )
    return worst, len(found)


@dataclass(frozen=True)
class _Part:
    column: str
    value: str
    rows: int
    loss: float  # summed
    square: float  # of losses, summed; around their mean over all rows


def _parts(column: Column, losses: Array) -> Iterator[_Part]:
    """The slices of one column that have neither too few rows nor too many."""
    codes, words = _coded(column)
    centered = losses - losses.mean()
    rows = np.bincount(codes, minlength=len(words))
    sums = np.bincount(codes, losses, len(words))
    squares = np.bincount(codes, centered * centered, len(words))
    for code in np.flatnonzero((rows >= FEWEST) & (2 * rows <= len(losses))).tolist():
        yield _Part(column.name, words[code], int(rows[code]), sums[code], squares[code])


def _coded(column: Column) -> tuple[Array, Sequence[str]]:
    """Codes int [N] and their words; numbers are cut into quarters at values that occur."""
    if column.words is not None:
        return column.values, column.words
    values = np.asarray(column.values, dtype=np.float64)
    missing = np.isnan(values)
    if missing.all():
        return np.zeros(len(values), dtype=np.int64), ("missing",)
    cuts = np.unique(np.quantile(values[~missing], _QUARTERS, method="inverted_cdf"))
    codes = np.where(missing, len(cuts) + 1, np.searchsorted(cuts, values))
    shown = _distinct(cuts)
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    return codes, (f"≤ {shown[0]}", *between, f"> {shown[-1]}", "missing")


def _distinct(cuts: Array) -> list[str]:
    """The cuts with as few digits, but at least four, as it takes to tell them apart."""
    shown: list[str] = []
    for digits in (4, 6, 9, 17):
        shown = [f"{cut:.{digits}g}" for cut in cuts]
        if len(set(shown)) == len(shown):
            break
    return shown


def _p_of_counts(n: Array, errors: Array, losses: Array) -> Array:
    from scipy.stats import hypergeom

    # P(X ≥ errors), of n rows drawn from all.
    p: Array = hypergeom.sf(np.rint(errors) - 1, len(losses), round(losses.sum()), n)
    return np.clip(p, 0.0, 1.0)


def _p_of_means(n: Array, sums: Array, squares: Array, losses: Array) -> Array:
    from scipy.special import stdtr

    mean, total = losses.mean(), len(losses)
    centered = losses - mean
    all_squares = float((centered * centered).sum())
    m, shift = total - n, sums - n * mean  # the rest's shift is the opposite one
    ours = np.maximum(squares - shift**2 / n, 0.0)
    theirs = np.maximum(all_squares - squares - shift**2 / m, 0.0)
    gap = shift / n + shift / m
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = ours / (n - 1) / n, theirs / (m - 1) / m
        welch = stdtr((a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1)), -gap / np.sqrt(a + b))
        pooled = (ours + theirs) / (total - 2) * (1 / n + 1 / m)
        student = stdtr(total - 2, -gap / np.sqrt(pooled))
    p: Array = np.fmax(welch, student)
    return np.where(np.isnan(p), 1.0, p)  # no spread at all: nothing to test
