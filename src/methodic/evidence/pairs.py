"""All pairs of confirmed rows: who differs, by how much, and how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from methodic.evidence.numbers.effects import effect_size, superiority
from methodic.evidence.numbers.statistics import (
    ALPHA,
    Interval,
    corrected_paired,
    holm,
    letters,
    one_sample,
    paired,
)
from methodic.plan import Value

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Row

Scores = Mapping[int, float]
"""Test scores by seed; a fit without seeds has the one seed −1."""


class Comparison(Value):
    """One pair of confirmed rows."""

    first: str
    second: str
    difference: Interval  # first − second, in units of the metric
    p: float  # paired (or one-sample) t-test
    adjusted: float  # after Holm, over all pairs
    effect: float | None = None  # difference in standard deviations (Hedges' g), paired by seed
    superiority: float | None = None  # how often a model of the first beats one of the second


@dataclass(frozen=True)
class _Pair:
    first: str
    second: str
    difference: Interval
    p: float
    effect: float | None
    superiority: float


def compare(
    rows: Sequence[Row], scores: Mapping[str, Scores], greater: bool, overlap: float | None
) -> list[Comparison]:
    """Every pair of confirmed rows in which one has seeds.

    Two rows with seeds: a paired t-test over the seeds that both have. A row with seeds and a fit
    without: a one-sample t-test. Holm's correction is over all these. A pair with fewer than two
    seeds is listed with p = 1 and takes no part in the correction. Two fits without seeds are not
    listed.

    Args:
        rows: best first.
        scores: test scores by name.
        greater: greater scores are better.
        overlap: test ÷ training rows of overlapping splits, whose t-test is corrected for them;
            None where all seeds share one split.
    """
    typical = typical_spread([*each.values()] for each in scores.values())
    tested: list[_Pair] = []
    untested: list[_Pair] = []
    for first, second in combinations([row for row in rows if row.test], 2):
        a, b = scores[first.name], scores[second.name]
        found = _pair(first.name, second.name, a, b, greater, overlap, typical)
        if found is not None:
            (tested if found.difference.n > 1 else untested).append(found)
    adjusted = holm([each.p for each in tested])
    return [
        Comparison(
            first=each.first,
            second=each.second,
            difference=each.difference,
            p=each.p,
            adjusted=q,
            effect=each.effect,
            superiority=each.superiority,
        )
        for each, q in zip([*tested, *untested], [*adjusted, *[1.0] * len(untested)], strict=True)
    ]


def typical_spread(scores: Iterable[Sequence[float]]) -> float | None:
    """The median standard deviation over seeds, of the methods that have any."""
    spreads = [statistics.stdev(each) for each in scores if len(each) > 1]
    return statistics.median([each for each in spreads if each > 0] or [0.0]) or None


def _pair(
    first: str,
    second: str,
    a: Scores,
    b: Scores,
    greater: bool,
    overlap: float | None,
    typical: float | None,
) -> _Pair | None:
    if _seedless(a) and _seedless(b):
        return None
    if _seedless(a):
        difference, p = _minus(one_sample([*b.values()], a[-1], typical))
    elif _seedless(b):
        difference, p = one_sample([*a.values()], b[-1], typical)
    else:
        found = by_seed(a, b, overlap, typical)
        if found is None:
            return None
        difference, p = found
    gaps = _gaps(a, b)
    better = superiority([*a.values()], [*b.values()], greater)
    return _Pair(first, second, difference, p, effect_size(gaps), better)


def by_seed(
    a: Scores, b: Scores, overlap: float | None, typical: float | None
) -> tuple[Interval, float] | None:
    """First − second over the seeds that both have, and p; None where they share none.

    Args:
        a, b: scores of two methods with seeds.
        overlap, typical: as for `compare` and `statistics.paired`.
    """
    both = sorted(a.keys() & b.keys())
    if not both:
        return None
    one, two = [a[s] for s in both], [b[s] for s in both]
    if overlap is None:
        return paired(one, two, typical)
    return corrected_paired(one, two, overlap)


def _seedless(scores: Scores) -> bool:
    return list(scores) == [-1]


def _gaps(a: Scores, b: Scores) -> list[float]:
    """First − second, by seed; against a fit without seeds, each of the other's."""
    if _seedless(a):
        return [a[-1] - x for x in b.values()]
    if _seedless(b):
        return [x - b[-1] for x in a.values()]
    return [a[s] - b[s] for s in sorted(a.keys() & b.keys())]


def _minus(test: tuple[Interval, float]) -> tuple[Interval, float]:
    """The same test with both sides exchanged."""
    interval, p = test
    low, high = interval.low, interval.high
    return Interval(
        mean=-interval.mean,
        low=None if high is None else -high,
        high=None if low is None else -low,
        n=interval.n,
    ), p


def groups(
    rows: Sequence[Row], comparisons: Sequence[Comparison], scores: Mapping[str, Scores]
) -> dict[str, tuple[str, ...]]:
    """Letters of the confirmed rows: two share one exactly if they can't be told apart.

    Two fits without seeds are told apart by any difference in score.
    """
    confirmed = [row for row in rows if row.test]
    different = [(each.first, each.second) for each in comparisons if each.adjusted <= ALPHA]
    different += [
        (a.name, b.name)
        for a, b in combinations([r for r in confirmed if _seedless(scores[r.name])], 2)
        if a.test != b.test
    ]
    return letters([row.name for row in confirmed], different)
