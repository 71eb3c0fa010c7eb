"""The ranking of training methods, as a value: what was measured, how sure it is, what it cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

from methodic.evidence import advice, design, pairs
from methodic.evidence.confirmation import Confirmed, collect
from methodic.evidence.ensemble import Ensemble
from methodic.evidence.notes import notes, seen
from methodic.evidence.numbers.power import detectable
from methodic.evidence.numbers.statistics import ALPHA, corrected, t_interval
from methodic.evidence.numbers.statistics import Interval as Interval
from methodic.evidence.pairs import Comparison as Comparison
from methodic.evidence.verdict import verdict
from methodic.evidence.worth import Worth as Worth
from methodic.evidence.worth import worth
from methodic.metrics import Metric, get_metric
from methodic.plan import BaselineRecord, MemberRecord, Plan, RunState, UnitRecord, Value
from methodic.tuning import Setting


class Row(Value):
    """One method or baseline."""

    name: str
    kind: Literal["method", "baseline"]
    about: str
    setting: Setting  # path → number chosen by the screening
    validation: Interval | None  # screening, chosen setting; baselines: a single number
    test: Interval | None  # confirmation on fresh seeds; None: was not a finalist
    rows: Interval | None = None  # the same mean, its interval over other test rows of this kind
    groups: tuple[str, ...]  # letters; two confirmed rows that share one can't be told apart
    members: int  # trained in all, over both phases
    diverged: int
    lost: int = 0  # of the confirmed: seeds without a test score
    seconds: float  # training one member, mean over the confirmed (else the screened) ones
    steps: int  # planned steps of one member


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
    about: Literal["split", "data"] = "split"  # intervals: this split, or new data of this kind
    detectable: float | None = None  # smallest difference that would be found four times in five
    advice: tuple[str, ...] = ()  # what more budget should be spent on
    ensemble: Ensemble | None = None  # of the confirmed networks, where one was tried
    worth: Worth | None = None  # what rows without a target were worth, where that was measured


def assemble(
    plan: Plan,
    state: RunState,
    screened: Sequence[UnitRecord],
    confirmed: Sequence[UnitRecord],
    baselines: Sequence[BaselineRecord],
    tests: Mapping[str, Sequence[tuple[int, float]]],
    rows_about: Mapping[str, Interval] | None = None,
    ensemble: Ensemble | None = None,
) -> Leaderboard:
    """The ranking from whatever has been measured so far.

    Confirmed rows come first, by mean test score; then the others, by mean validation score, after
    `design.standings`. A method of which half or more of the confirmed members diverged comes after
    the other confirmed rows, whatever its survivors scored.

    All pairs are tested as `pairs.compare` says. In repeated cross-validation intervals and tests
    are corrected for splits that overlap.

    Without confirmed networks the best validation score leads; ``winner`` and ``shipped`` are empty
    where there is none.

    Args:
        plan: the plan of the run.
        state: how far the run has come.
        screened: records of the screening.
        confirmed: records of the confirmation.
        baselines: records of the baselines.
        tests: name of a finalist or kind of a baseline → (seed, test score); a baseline has one
            score, its seed is -1; in cross-validation one for each split. A score that isn't
            finite, or whose member diverged, is left out.
        rows_about: name → mean test score with an interval over other test rows.
        ensemble: of the confirmed networks, where one was tried.
    """
    metric = get_metric(plan.metric, plan.data.task)
    measured = collect(confirmed, tests)
    # Training a single method has no screening: its own validation scores stand there.
    standings = {each.recipe: each for each in design.standings(screened or confirmed, metric)}
    overlap = _overlap(plan)
    rows = [
        *_methods(plan, standings, screened, confirmed, measured),
        *_baselines(plan, baselines, measured),
    ]
    rows = [row.model_copy(update={"rows": (rows_about or {}).get(row.name)}) for row in rows]
    validated = sorted(rows, key=lambda row: _screened_key(row, metric, standings))
    rows = [
        *sorted((r for r in rows if r.test), key=lambda r: _confirmed_key(r, metric, measured)),
        *(row for row in validated if not row.test),
    ]
    comparisons = pairs.compare(rows, measured.scores, metric.greater_is_better, overlap)
    given = pairs.groups(rows, comparisons, measured.scores)
    rows = [row.model_copy(update={"groups": given.get(row.name, ())}) for row in rows]
    least = _detectable(rows, comparisons, measured, overlap)
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
        notes=(
            *notes(
                state,
                rows,
                measured,
                comparisons,
                overlap is not None,
                plan.data.reading.group,
                plan.search is not None and plan.search.together,
            ),
            *seen(least, plan, metric),
        ),
        about="split" if overlap is None else "data",
        detectable=None if least is None else least[0],
        ensemble=ensemble,
        worth=worth(plan, [*standings.values()], measured.scores, overlap) if screened else None,
    )
    failed = not proven and any(measured.lost.values())
    words = verdict(board, plan, failed=failed)
    more = advice.advice(board, plan, screened, confirmed)
    return board.model_copy(update={"verdict": words, "advice": more})


def _overlap(plan: Plan) -> float | None:
    """Test ÷ other rows in cross-validation; None on one split."""
    if plan.confirm is None or plan.confirm.splits == "one":
        return None
    return 1.0 / (plan.confirm.folds - 1)


def _detectable(
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    measured: Confirmed,
    overlap: float | None,
) -> tuple[float, int] | None:
    """The smallest difference of two methods that this confirmation finds with a power of 80%.

    By the deviation within methods and the strictest of Holm's levels.

    Returns:
        the difference, and the seeds of each method; None where no two methods have seeds.
    """
    names = [row.name for row in rows if row.kind == "method" and row.test and row.test.n > 1]
    groups = [[*measured.scores[name].values()] for name in names]
    tests = sum(each.difference.n > 1 for each in comparisons)
    if len(groups) < 2 or not tests:
        return None
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((len(group) - 1) * statistics.variance(group) for group in groups)
    n = min(map(len, groups))
    deviation = math.sqrt(2 * squares / freedom * (1 + n * (overlap or 0.0)))
    return (detectable(n, deviation, ALPHA / tests), n) if deviation > 0 else None


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
                setting=contender.setting(standing.setting) if standing else {},
                validation=_interval(standing.scores) if standing else None,
                test=_test_interval(tuple(measured.scores.get(name, {}).values()), _overlap(plan)),
                groups=(),
                members=len(first) + len(second),
                diverged=sum(each.status == "diverged" for _, each in [*first, *second]),
                lost=len(measured.lost.get(name, ())),
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
        if record.split:
            continue
        score = record.validation.get(plan.metric)
        finite = score is not None and math.isfinite(score)
        rows.append(
            Row(
                name=record.kind,
                kind="baseline",
                about=record.about,
                setting={},
                validation=_interval((score,)) if score is not None and finite else None,
                test=_test_interval(
                    tuple(measured.scores.get(record.kind, {}).values()), _overlap(plan)
                ),
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


def _test_interval(scores: Sequence[float], overlap: float | None) -> Interval | None:
    if overlap is None or not scores:
        return _interval(scores)
    return corrected(scores, overlap)


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
