"""Methods over several data sets: mean ranks, what can't be told apart, performance profiles.

Scores of different data sets can't be averaged; ranks can, and so can how many times the error of
the best method a method has.

Sources: Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis
of variance", 1937; Nemenyi, "Distribution-free multiple comparisons", 1963; Demšar, "Statistical
comparisons of classifiers over multiple data sets", JMLR 7, 2006; Dolan and Moré, "Benchmarking
optimization software with performance profiles", Mathematical Programming 91, 2002.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from methodic.errors import InputError
from methodic.evidence.numbers.statistics import ALPHA, letters
from methodic.plan import Value


class Friedman(Value):
    """The test whether any method differs: its statistic and p by the chi-squared distribution."""

    statistic: float
    freedom: int
    p: float


class Step(Value):
    """A point of a performance profile: from ``factor`` on, ``share`` of the data sets."""

    factor: float
    share: float


class Ranked(Value):
    """One method over all data sets."""

    name: str
    mean_rank: float  # 1 is best; ties share the mean of their places
    ranks: tuple[float, ...]  # by data set
    scores: tuple[float, ...]
    best: int  # data sets on which no method is better
    groups: tuple[str, ...]  # letters; methods that share one can't be told apart
    # Share of the data sets on which its error is at most so many times that of the best method.
    profile: tuple[Step, ...]


class Ranks(Value):
    """Methods from best to worst mean rank."""

    data: tuple[str, ...]
    greater_is_better: bool
    methods: tuple[Ranked, ...]
    critical_difference: float  # of mean ranks, after Nemenyi, level 5%
    friedman: Friedman
    notes: tuple[str, ...] = ()

    @property
    def told_apart(self) -> bool:
        """Whether any two methods differ."""
        return not set.intersection(*(set(each.groups) for each in self.methods))


def ranks(
    scores: Mapping[str, Mapping[str, float]],
    *,
    greater_is_better: bool,
    notes: Sequence[str] = (),
) -> Ranks:
    """Rank methods by their scores on several data sets.

    Two methods are told apart where their mean ranks differ by at least the critical difference.
    On three data sets or fewer that is out of reach, and a note says so.

    A profile is on errors: 1 − score where greater is better, so the best possible score has to be
    1; else the score itself. A factor is the error ÷ the smallest error of any method on that data
    set. Where that is 0, methods without error have factor 1 and the others none at any factor.

    Args:
        scores: data set → method → score; every data set has the same methods.
        greater_is_better: whether scores are (at most 1), or errors (at least 0).
        notes: what a reader has to know beside the numbers.

    Raises:
        InputError: fewer than two data sets or methods, a method that is missing somewhere, or a
            score that is no number or out of range.

    Example:
        >>> found = ranks({"a": {"x": 0.9, "y": 0.8}, "b": {"x": 0.7, "y": 0.6}},
        ...               greater_is_better=True)
        >>> [(each.name, each.mean_rank) for each in found.methods]
        [('x', 1.0), ('y', 2.0)]
    """
    methods = _methods(scores)
    _check(scores, greater_is_better)
    data = tuple(scores)
    places = {
        name: _places({m: scores[name][m] for m in methods}, greater_is_better) for name in data
    }
    mean = {m: math.fsum(places[d][m] for d in data) / len(data) for m in methods}
    ordered = sorted(methods, key=lambda m: mean[m])  # equal ones in the order given
    critical = critical_difference(len(methods), len(data))
    apart = [(a, b) for a, b in combinations(ordered, 2) if mean[b] - mean[a] >= critical - 1e-9]
    groups = letters(ordered, apart)
    factors = {d: _factors({m: scores[d][m] for m in methods}, greater_is_better) for d in data}
    found = []
    for m in ordered:
        found.append(
            Ranked(
                name=m,
                mean_rank=mean[m],
                ranks=tuple(places[d][m] for d in data),
                scores=tuple(scores[d][m] for d in data),
                best=sum(factors[d][m] == 1 for d in data),
                groups=groups[m],
                profile=_profile([factors[d][m] for d in data]),
            )
        )
    return Ranks(
        data=data,
        greater_is_better=greater_is_better,
        methods=tuple(found),
        critical_difference=critical,
        friedman=friedman([[places[d][m] for m in methods] for d in data]),
        notes=(*notes, *_hopeless(critical, len(methods), len(data))),
    )


def _hopeless(critical: float, methods: int, data: int) -> list[str]:
    """A note where mean ranks can't differ by so much, whatever the scores."""
    if critical <= methods - 1:
        return []
    return [
        f"With {data} data sets and {methods} methods no difference could be shown: mean ranks "
        f"differ by {methods - 1} at most, and {critical:.2f} would be needed."
    ]


def critical_difference(methods: int, data: int, alpha: float = ALPHA) -> float:
    """From which difference of mean ranks on two methods differ, after Nemenyi.

    q / √2 · √(k (k + 1) / (6 N)), where q is the upper quantile of the studentized range of k
    methods with infinitely many degrees of freedom, and N the number of data sets.

    Example:
        >>> round(critical_difference(5, 10), 2)
        1.93
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * data))


def friedman(ranks: Sequence[Sequence[float]]) -> Friedman:
    """Friedman's test, corrected for ties.

    12 / (N k (k + 1)) · Σ R² − 3 N (k + 1), with R the sum of a method's ranks, divided by
    1 − Σ (t³ − t) / (N k (k² − 1)) over all groups of t equal ranks of a data set.

    Args:
        ranks: [data sets][methods], ties with the mean of their places.

    Returns:
        the statistic and its p; p = 1 where all methods tie everywhere.
    """
    n, k = len(ranks), len(ranks[0])
    sums = [math.fsum(row[j] for row in ranks) for j in range(k)]
    statistic = 12 / (n * k * (k + 1)) * math.fsum(r * r for r in sums) - 3 * n * (k + 1)
    tied = sum(
        row.count(rank) ** 3 - row.count(rank) for row in map(list, ranks) for rank in {*row}
    )
    left = 1 - tied / (n * k * (k * k - 1))
    if left <= 0:
        return Friedman(statistic=0.0, freedom=k - 1, p=1.0)
    from scipy.special import chdtrc

    statistic = max(0.0, statistic / left)
    return Friedman(statistic=statistic, freedom=k - 1, p=float(chdtrc(k - 1, statistic)))


def _methods(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The methods that all data sets have."""
    if len(scores) < 2:
        raise InputError(
            "ranks need at least two data sets", found=", ".join(scores) or "none of them"
        )
    methods = list(dict.fromkeys(m for each in scores.values() for m in each))
    for name, each in scores.items():
        if missing := [m for m in methods if m not in each]:
            raise InputError(
                f"data set {name}: no score of {', '.join(missing)}",
                found=", ".join(each) or "no scores",
                accepted="the same methods on every data set",
                advice="Leave out the method, or the data set.",
            )
    if len(methods) < 2:
        raise InputError("ranks need at least two methods", found=", ".join(methods) or "none")
    return methods


def _check(scores: Mapping[str, Mapping[str, float]], greater_is_better: bool) -> None:
    accepted = "a number, at most 1" if greater_is_better else "a number, at least 0"
    for name, each in scores.items():
        for method, x in each.items():
            if not math.isfinite(x) or (x > 1 if greater_is_better else x < 0):
                raise InputError(
                    f"data set {name}: the score of {method} can't be ranked",
                    found=x,
                    accepted=accepted,
                )


def _places(scores: Mapping[str, float], greater_is_better: bool) -> dict[str, float]:
    """Places from 1; equal scores share the mean of theirs."""
    values = [-x if greater_is_better else x for x in scores.values()]
    return {
        m: 1 + sum(y < x for y in values) + (values.count(x) - 1) / 2
        for m, x in zip(scores, values, strict=True)
    }


def _factors(scores: Mapping[str, float], greater_is_better: bool) -> dict[str, float]:
    """Each method's error ÷ the smallest one."""
    errors = {m: 1 - x if greater_is_better else x for m, x in scores.items()}
    least = min(errors.values())
    return {m: 1.0 if x == least else x / least if least else math.inf for m, x in errors.items()}


def _profile(factors: Sequence[float]) -> tuple[Step, ...]:
    """The share of data sets within each factor that occurs; it stays as it is in between."""
    finite = sorted({1.0, *(x for x in factors if math.isfinite(x))})
    return tuple(
        Step(factor=each, share=sum(x <= each for x in factors) / len(factors)) for each in finite
    )
