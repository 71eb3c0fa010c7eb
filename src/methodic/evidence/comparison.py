"""Confirmed methods of several finished runs beside each other: all pairs, tested and grouped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

from methodic.evidence.numbers.effects import effect_between, effect_size, superiority
from methodic.evidence.numbers.statistics import (
    ALPHA,
    Interval,
    corrected,
    corrected_paired,
    holm,
    letters,
    paired,
    t_interval,
    welch,
)
from methodic.metrics import Metric
from methodic.plan import Value

Test = Literal["paired", "welch", "none"]


class Entry(Value):
    """One confirmed method of one run, as it goes in."""

    run: str
    method: str
    scores: dict[int, float]  # seed → test score, finite
    lost: int = 0  # seeds without a score
    seconds: float = 0.0  # training one model
    steps: int = 0


class Row(Value):
    """One confirmed method of one run, as it comes out."""

    name: str  # the method's; "run: method" where another run has one of that name
    run: str
    method: str
    test: Interval
    lost: int
    groups: tuple[str, ...]  # letters; two rows that share one can't be told apart
    seconds: float
    steps: int


class Pair(Value):
    """Two rows and how sure their difference is."""

    first: str
    second: str
    difference: Interval  # first − second, in units of the metric
    test: Test  # paired over common seeds; Welch's; none where a side has a single seed
    p: float
    adjusted: float  # after Holm, over all tested pairs
    effect: float | None  # Hedges' g; positive where the first has the higher score
    superiority: float  # how often a model of the first beats one of the second


class RunComparison(Value):
    """Rows from best to worst, the pairs behind their letters, and the result in words."""

    runs: tuple[str, ...]
    metric: str
    greater_is_better: bool
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    verdict: str
    notes: tuple[str, ...]


def compare(
    entries: Sequence[Entry],
    metric: Metric,
    *,
    ratio: float | None = None,
    notes: Sequence[str] = (),
) -> RunComparison:
    """Compare the methods of several runs on the same test rows.

    Two methods are compared by the paired t-test over the seeds that both have, where there are two
    or more; else by Welch's test; a method with a single score isn't tested. Holm's correction is
    over all pairs that are.

    Args:
        entries: at least two, each with a score; a method of a run once.
        metric: what the scores are.
        ratio: test rows ÷ training rows, where each seed is a split of its own (repeated
            cross-validation); intervals and tests are then corrected for the splits' overlap.
        notes: what a reader has to know beside the numbers.

    Example:
        >>> from methodic.metrics import METRICS
        >>> found = compare(
        ...     [Entry(run="a", method="adam", scores={0: 0.91, 1: 0.93, 2: 0.92}),
        ...      Entry(run="b", method="adam", scores={0: 0.81, 1: 0.84, 2: 0.82})],
        ...     METRICS["accuracy"])
        >>> [row.name for row in found.rows], found.pairs[0].test
        (['a: adam', 'b: adam'], 'paired')
    """
    if len(entries) < 2 or not all(each.scores for each in entries):
        raise ValueError("a comparison needs two methods, each with a score")
    sign = -1 if metric.greater_is_better else 1
    ordered = sorted(entries, key=lambda each: sign * _mean(each))
    names = _names(ordered)
    pairs = _pairs(dict(zip(names, ordered, strict=True)), metric, ratio)
    given = letters(names, [(x.first, x.second) for x in pairs if x.adjusted <= ALPHA])
    rows = [
        Row(
            name=name,
            run=each.run,
            method=each.method,
            test=_interval([*each.scores.values()], ratio),
            lost=each.lost,
            groups=given[name],
            seconds=each.seconds,
            steps=each.steps,
        )
        for name, each in zip(names, ordered, strict=True)
    ]
    return RunComparison(
        runs=tuple(dict.fromkeys(each.run for each in entries)),
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        rows=tuple(rows),
        pairs=tuple(pairs),
        verdict=_verdict(rows, pairs, metric, "seeds" if ratio is None else "splits"),
        notes=(*notes, *_notes(rows, pairs, ratio)),
    )


def _mean(entry: Entry) -> float:
    return math.fsum(entry.scores.values()) / len(entry.scores)


def _names(entries: Sequence[Entry]) -> list[str]:
    """The methods' names, with the run's where two runs have the same method."""
    methods = [each.method for each in entries]
    names = [
        f"{each.run}: {each.method}" if methods.count(each.method) > 1 else each.method
        for each in entries
    ]
    if len({*names}) < len(names):
        raise ValueError(f"a method of a run stands there twice: {', '.join(names)}")
    return names


def _interval(values: Sequence[float], ratio: float | None) -> Interval:
    return t_interval(values) if ratio is None else corrected(values, ratio)


def _pairs(entries: Mapping[str, Entry], metric: Metric, ratio: float | None) -> list[Pair]:
    found: list[tuple[str, str, Interval, float, Test, float | None]] = []
    for a, b in combinations(entries, 2):
        found.append((a, b, *_tested(entries[a].scores, entries[b].scores, ratio)))
    adjusted = iter(holm([p for *_, p, test, _ in found if test != "none"]))
    return [
        Pair(
            first=a,
            second=b,
            difference=difference,
            test=test,
            p=p,
            adjusted=1.0 if test == "none" else next(adjusted),
            effect=effect,
            superiority=superiority(
                [*entries[a].scores.values()],
                [*entries[b].scores.values()],
                metric.greater_is_better,
            ),
        )
        for a, b, difference, p, test, effect in found
    ]


def _tested(
    a: Mapping[int, float], b: Mapping[int, float], ratio: float | None
) -> tuple[Interval, float, Test, float | None]:
    """The difference, its p, by which test, and the size of the effect."""
    both = sorted(a.keys() & b.keys())
    x, y = [a[seed] for seed in both], [b[seed] for seed in both]
    if len(both) > 1:
        interval, p = paired(x, y) if ratio is None else corrected_paired(x, y, ratio)
        return interval, p, "paired", effect_size([i - j for i, j in zip(x, y, strict=True)])
    # Scores of different splits of the same rows are neither pairs nor independent.
    if ratio is None and min(len(a), len(b)) > 1:
        x, y = [*a.values()], [*b.values()]
        return *welch(x, y), "welch", effect_between(x, y)
    if not both:
        x, y = [*a.values()], [*b.values()]
    gap = math.fsum(x) / len(x) - math.fsum(y) / len(y)
    return Interval(mean=gap, low=None, high=None, n=1), 1.0, "none", None


def _verdict(rows: Sequence[Row], pairs: Sequence[Pair], metric: Metric, over: str) -> str:
    """Which one is best, and from which others it can't be told apart."""
    best, *others = rows
    tied = [row for row in others if set(row.groups) & set(best.groups)]
    head = f"The best on test rows is {best.name} with {_shown(best.test, metric, over)}"
    if tied:
        p = {x.second: x for x in pairs if x.first == best.name}
        tested = [p[row.name].adjusted for row in tied if p[row.name].test != "none"]
        least = "smallest " if len(tested) > 1 else ""
        sure = f" ({least}{_p(min(tested))} after Holm's correction)" if tested else ""
        return f"{head}, but it can't be told apart from {_list([x.name for x in tied])}{sure}."
    pair = next(x for x in pairs if (x.first, x.second) == (best.name, others[0].name))
    gap = metric.format_difference(pair.difference.mean)
    span = ""
    if pair.difference.low is not None and pair.difference.high is not None:
        low, high = sorted((abs(pair.difference.low), abs(pair.difference.high)))
        ends = [metric.format_difference(x) for x in (low, high)]
        span = f"95% interval {ends[0].removesuffix(' points')} to {ends[1]}, "
    return (
        f"{head}, {gap} better than the next, {others[0].name} "
        f"({span}{_p(pair.adjusted)} after Holm's correction)."
    )


def _shown(test: Interval, metric: Metric, over: str) -> str:
    text = f"{metric.title} {metric.format(test.mean)}"
    if test.low is None or test.high is None:
        return f"{text} (one {over.removesuffix('s')})"
    return (
        f"{text} (95% interval {metric.format(test.low)} to {metric.format(test.high)}, "
        f"{test.n} {over})"
    )


def _p(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _notes(rows: Sequence[Row], pairs: Sequence[Pair], ratio: float | None) -> list[str]:
    notes = []
    seed = "seed" if ratio is None else "split"
    for row in rows:
        if row.test.n == 1:
            notes.append(
                f"{row.name}: one {seed}, so there is no interval, and it can't be told apart from "
                "anything."
            )
        if row.lost:
            notes.append(
                f"{row.name}: {row.lost} of {row.lost + row.test.n} confirmed models have no test "
                "score; they are left out."
            )
    used = {x.test for x in pairs}
    if "paired" in used:
        notes.append(f"Methods are compared by the paired t-test over the {seed}s both have.")
    if "welch" in used:
        notes.append("Methods without two common seeds are compared by Welch's t-test.")
    if tested := sum(x.test != "none" for x in pairs):
        plural = "s" if tested > 1 else ""
        notes.append(
            f"Rows that share a letter can't be told apart: {tested} test{plural}, Holm's "
            f"correction, level {ALPHA:.0%}."
        )
    if any(row.test.n > 1 for row in rows):
        notes.append(
            "Intervals are about this one split: how much a score depends on the seed."
            if ratio is None
            else "Intervals are about new data of this kind, corrected for the overlap of the "
            "splits."
        )
    return notes
