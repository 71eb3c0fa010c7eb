"""The ranking of training methods, as a value: what was measured, how sure it is, what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

from methodic.evidence import design
from methodic.evidence.confirmation import Confirmed, collect
from methodic.evidence.notes import notes
from methodic.evidence.statistics import ALPHA, holm, letters, one_sample, paired, t_interval
from methodic.evidence.statistics import Interval as Interval
from methodic.evidence.verdict import verdict
from methodic.metrics import Metric, get_metric
from methodic.plan import BaselineRecord, MemberRecord, Plan, RunState, UnitRecord, Value


class Row(Value):
    """One method or baseline."""

    name: str
    kind: Literal["method", "baseline"]
    about: str
    setting: dict[str, float]  # path → number chosen by the screening
    validation: Interval | None  # screening, chosen setting; baselines: a single number
    test: Interval | None  # confirmation on fresh seeds; None: was not a finalist
    groups: tuple[str, ...]  # letters; two confirmed rows that share one can't be told apart
    members: int  # trained in all, over both phases
    diverged: int
    seconds: float  # training one member, mean over the confirmed (else the screened) ones
    steps: int  # planned steps of one member


class Comparison(Value):
    """One pair of confirmed rows."""

    first: str
    second: str
    difference: Interval  # first − second, in units of the metric
    p: float  # paired (or one-sample) t-test
    adjusted: float  # after Holm, over all pairs


class Leaderboard(Value):
    """Rows from best to worst, the pairs behind the groups, and the verdict in words."""

    metric: str
    greater_is_better: bool
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    winner: str  # best confirmed row, baselines included
    shipped: str  # best network, whose weights are in model/
    verdict: str  # two sentences
    notes: tuple[str, ...]  # what diverged, what was dropped, what the intervals are about


def assemble(
    plan: Plan,
    state: RunState,
    screened: Sequence[UnitRecord],
    confirmed: Sequence[UnitRecord],
    baselines: Sequence[BaselineRecord],
    tests: Mapping[str, Sequence[tuple[int, float]]],
) -> Leaderboard:
    """The ranking from whatever has been measured so far.

    Confirmed rows come first, by mean test score; then the others, by mean validation score, after
    `design.standings`. A method of which half or more of the confirmed members diverged comes after
    the other confirmed rows, whatever its survivors scored.

    All pairs with a method in them are tested: two methods by a paired t-test over the seeds that
    both finished, a method and a baseline by a one-sample t-test; Holm's correction is over all
    these. A pair with fewer than two seeds is listed with p = 1 and takes no part in the
    correction. Two baselines have no seeds: they are told apart by any difference in score, and not
    listed.

    Without confirmed networks the best validation score leads; ``winner`` and ``shipped`` are empty
    where there is none.

    Args:
        plan: the plan of the run.
        state: how far the run has come.
        screened: records of the screening.
        confirmed: records of the confirmation.
        baselines: records of the baselines.
        tests: name of a finalist or kind of a baseline → (seed, test score); a baseline has one
            score, its seed is -1. A score that isn't finite, or whose member diverged, is left out.
    """
    metric = get_metric(plan.metric, plan.data.task)
    measured = collect(confirmed, tests)
    # Training a single method has no screening: its own validation scores stand there.
    standings = {each.recipe: each for each in design.standings(screened or confirmed, metric)}
    rows = [
        *_methods(plan, standings, screened, confirmed, measured),
        *_baselines(plan, baselines, measured),
    ]
    validated = sorted(rows, key=lambda row: _screened_key(row, metric, standings))
    rows = [
        *sorted((r for r in rows if r.test), key=lambda r: _confirmed_key(r, metric, measured)),
        *(row for row in validated if not row.test),
    ]
    comparisons = _comparisons(rows, measured)
    rows = _grouped(rows, comparisons)
    # While no network has a test score, those of the baselines have nothing to be compared with.
    proven = any(row.test for row in rows if row.kind == "method")
    ranked = [r for r in (rows if proven else validated) if r.test or r.validation]
    board = Leaderboard(
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        rows=tuple(rows),
        comparisons=tuple(comparisons),
        winner=ranked[0].name if ranked else "",
        shipped=next((row.name for row in ranked if row.kind == "method"), ""),
        verdict="",
        notes=notes(state, rows, measured, comparisons),
    )
    failed = not proven and any(measured.lost.values())
    return board.model_copy(update={"verdict": verdict(board, plan, failed=failed)})


def _methods(
    plan: Plan,
    standings: Mapping[str, design.Standing],
    screened: Sequence[UnitRecord],
    confirmed: Sequence[UnitRecord],
    measured: Confirmed,
) -> list[Row]:
    """A row per contender, in the order of the plan."""
    rows = []
    for contender in plan.contenders:
        name = contender.recipe.name
        standing = standings.get(name)
        first, second = _of(name, screened), _of(name, confirmed)
        steps = next((sum(record.unit.steps) for record, _ in second), sum(contender.steps))
        times = [each.seconds for _, each in second or first]
        rows.append(
            Row(
                name=name,
                kind="method",
                about=contender.recipe.about,
                setting=contender.settings[standing.setting] if standing else {},
                validation=_interval(standing.scores) if standing else None,
                test=_interval(tuple(measured.scores.get(name, {}).values())),
                groups=(),
                members=len(first) + len(second),
                diverged=sum(each.status == "diverged" for _, each in [*first, *second]),
                seconds=math.fsum(times) / len(times) if times else 0.0,
                steps=steps,
            )
        )
    return rows


def _of(name: str, records: Sequence[UnitRecord]) -> list[tuple[UnitRecord, MemberRecord]]:
    """The members of one recipe, each with the unit it trained in."""
    return [(r, each) for r in records for each in r.members if each.member.recipe == name]


def _baselines(plan: Plan, records: Sequence[BaselineRecord], measured: Confirmed) -> list[Row]:
    rows = []
    for record in records:
        score = record.validation.get(plan.metric)
        finite = score is not None and math.isfinite(score)
        rows.append(
            Row(
                name=record.kind,
                kind="baseline",
                about=record.about,
                setting={},
                validation=_interval((score,)) if score is not None and finite else None,
                test=_interval(tuple(measured.scores.get(record.kind, {}).values())),
                groups=(),
                members=1,
                diverged=0,
                seconds=record.seconds,
                steps=0,
            )
        )
    return rows


def _interval(scores: Sequence[float]) -> Interval | None:
    return t_interval(scores) if scores else None


def _signed(interval: Interval | None, metric: Metric) -> float:
    """The mean such that small is good; the missing come last."""
    if interval is None:
        return math.inf
    return -interval.mean if metric.greater_is_better else interval.mean


def _confirmed_key(row: Row, metric: Metric, measured: Confirmed) -> tuple[bool, float]:
    return (measured.unreliable(row.name), _signed(row.test, metric))


def _screened_key(
    row: Row, metric: Metric, standings: Mapping[str, design.Standing]
) -> tuple[float, float, float]:
    standing = standings.get(row.name) if row.kind == "method" else None
    if standing is None:
        return (0.0, _signed(row.validation, metric), math.inf)
    share = standing.diverged / standing.members
    return (share, _signed(row.validation, metric), standing.loss)


def _comparisons(rows: Sequence[Row], measured: Confirmed) -> list[Comparison]:
    """All confirmed pairs with a method in them."""
    tested: list[tuple[str, str, Interval, float]] = []
    untested: list[tuple[str, str, Interval, float]] = []
    for first, second in combinations([row for row in rows if row.test], 2):
        a, b = measured.scores[first.name], measured.scores[second.name]
        if first.kind == second.kind == "baseline":
            continue
        if first.kind == "baseline":
            difference, p = _minus(one_sample([*b.values()], _only(a)))
        elif second.kind == "baseline":
            difference, p = one_sample([*a.values()], _only(b))
        else:
            both = sorted(a.keys() & b.keys())
            if not both:
                continue
            difference, p = paired([a[s] for s in both], [b[s] for s in both])
        pair = (first.name, second.name, difference, p)
        (tested if difference.n > 1 else untested).append(pair)
    adjusted = holm([p for *_, p in tested])
    return [
        Comparison(first=first, second=second, difference=difference, p=p, adjusted=q)
        for (first, second, difference, p), q in zip(
            [*tested, *untested], [*adjusted, *[1.0] * len(untested)], strict=True
        )
    ]


def _only(scores: Mapping[int, float]) -> float:
    """The one score of a deterministic fit."""
    (score,) = scores.values()
    return score


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


def _grouped(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> list[Row]:
    """The rows with their letters."""
    confirmed = [row for row in rows if row.test]
    pairs = [(each.first, each.second) for each in comparisons if each.adjusted <= ALPHA]
    pairs += [
        (a.name, b.name)
        for a, b in combinations([row for row in confirmed if row.kind == "baseline"], 2)
        if a.test != b.test
    ]
    given = letters([row.name for row in confirmed], pairs)
    return [row.model_copy(update={"groups": given.get(row.name, ())}) for row in rows]
