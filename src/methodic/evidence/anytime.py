"""How good a method is on the way: at 10%, 30% and 100% of its steps, and when it reaches a target.

Scores are of validation rows, by the weights at that step, for the seeds of the confirmation. They
tell who is ahead early in *this* training; a training planned for 10% of the time would lower its
learning rate sooner and might end elsewhere, so the score at 10% isn't the score at a tenth of the
budget. Seconds are a member's share of its cohort's time, spread evenly over its steps: alone on
the machine, it would take longer. Time to a target is measured at evaluations only, and so comes
out late by up to the time between two of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from methodic.evidence.numbers.statistics import Interval, t_interval
from methodic.metrics import Metric
from methodic.plan import BaselineRecord, CurvePoint, MemberRecord, UnitRecord, Value

PERCENT = (10, 30, 100)
_MOST_OF_THE_WAY = 0.95

_Trained = tuple[MemberRecord, tuple[CurvePoint, ...]]


class Point(Value):
    """How far a method had come after a share of its steps."""

    fraction: float
    step: int
    seconds: float  # mean over the seeds that are in the score
    score: Interval  # validation, over seeds: each one's last evaluation at or before the step


class Reached(Value):
    """Whether and when the seeds of a method first scored the target or better."""

    target: float
    share: float  # of all seeds; a diverged one never counts
    seconds: float | None  # by which half of all seeds had reached it; None: fewer ever did


class Anytime(Value):
    """One method on its way."""

    name: str
    seeds: int  # confirmed, diverged ones included
    points: tuple[Point, ...]  # those with an evaluation of at least one sound seed
    reached: Reached | None  # None: there is no target


def target(
    metric: Metric, records: Sequence[UnitRecord], baselines: Sequence[BaselineRecord]
) -> float | None:
    """The validation score that methods are timed to.

    It is that of the best baseline, its mean over splits if there are several. Where none is better
    than the constant, it is 95% of the way from the constant to the best method's mean at its end;
    where no method is better than the constant, or there is no baseline, there is none.

    Args:
        metric: the run's.
        records: of the confirmation.
        baselines: as they were measured.
    """
    found: dict[str, list[float]] = {}
    for each in baselines:  # of one kind, one for each split of the data
        if _sound(score := each.validation.get(metric.name)):
            found.setdefault(each.kind, []).append(score)
    rivals = {kind: math.fsum(scores) / len(scores) for kind, scores in found.items()}
    if not rivals:
        return None
    sign = 1.0 if metric.greater_is_better else -1.0
    best = max(rivals, key=lambda kind: (sign * rivals[kind], kind != "constant"))
    if best != "constant":
        return rivals[best]
    start = rivals["constant"]
    ends = [each.points[-1].score.mean for each in anytime(records, metric, None) if each.points]
    end = max(ends, key=lambda mean: sign * mean, default=start)
    return start + _MOST_OF_THE_WAY * (end - start) if metric.better(end, start) else None


def anytime(
    records: Sequence[UnitRecord], metric: Metric, target: float | None
) -> tuple[Anytime, ...]:
    """Scores on the way and time to ``target``, by method, in the order of the records.

    A seed that diverged is in no score, since half-trained weights are no result of the method; it
    counts as one that never reached the target. One that stopped early keeps its last score.

    Args:
        records: of the confirmation.
        metric: of the scores.
        target: a validation score; None: nothing is timed.
    """
    steps: dict[str, int] = {}
    found: dict[str, list[_Trained]] = {}
    for record in records:
        for each, curve in zip(record.members, record.curves, strict=True):
            name = each.member.recipe
            steps[name] = max(steps.get(name, 0), sum(record.unit.steps))
            found.setdefault(name, []).append((each, curve))
    return tuple(
        Anytime(
            name=name,
            seeds=len(members),
            points=tuple(_points(members, steps[name])),
            reached=None if target is None else _reached(members, metric, target),
        )
        for name, members in found.items()
    )


def _points(members: Sequence[_Trained], total: int) -> Iterator[Point]:
    for percent in PERCENT:
        step = -(-total * percent // 100)  # rounded up, as the plan rounds its evaluations
        known = [
            (score, _seconds(record, step))
            for record, curve in members
            if record.status != "diverged" and (score := _score_at(curve, step)) is not None
        ]
        if known:
            yield Point(
                fraction=percent / 100,
                step=step,
                seconds=math.fsum(seconds for _, seconds in known) / len(known),
                score=t_interval([score for score, _ in known]),
            )


def _score_at(curve: Sequence[CurvePoint], step: int) -> float | None:
    """The score of the last evaluation at or before ``step``."""
    before = [point for point in curve if point.step <= step]
    last = max(before, key=lambda point: point.step, default=None)
    return last.score if last is not None and _sound(last.score) else None


def _seconds(record: MemberRecord, step: int) -> float:
    return record.seconds * min(1.0, step / max(record.steps_taken, 1))


def _reached(members: Sequence[_Trained], metric: Metric, target: float) -> Reached:
    times = sorted(
        seconds
        for record, curve in members
        if record.status != "diverged"
        and (seconds := _first(record, curve, metric, target)) is not None
    )
    half = math.ceil(len(members) / 2)
    return Reached(
        target=target,
        share=len(times) / len(members),
        seconds=times[half - 1] if len(times) >= half else None,
    )


def _first(
    record: MemberRecord, curve: Sequence[CurvePoint], metric: Metric, target: float
) -> float | None:
    """Seconds until the first evaluation that isn't worse than the target."""
    steps = [
        point.step
        for point in curve
        if _sound(point.score) and not metric.better(target, point.score)
    ]
    return _seconds(record, min(steps)) if steps else None


def _sound(score: float | None) -> TypeGuard[float]:
    return score is not None and math.isfinite(score)
