"""What more budget should be spent on, read off the records: each sentence names its evidence."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from methodic.evidence import design
from methodic.evidence.numbers.power import seeds_needed
from methodic.evidence.numbers.statistics import ALPHA, one_sample
from methodic.metrics import Metric, get_metric
from methodic.plan import CurvePoint, Plan, UnitRecord
from methodic.recipes.ranges import LogUniform, Options, Uniform
from methodic.recipes.spaces import dimensions
from methodic.recipes.types import Recipe

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Leaderboard, Row

_NEAR = 0.05
"""Within this share of its range, even in logarithms where the range is, a rate is at its end."""
_LATE = 0.7
"""Curves are compared at this share of the steps and at their end."""
_EARLY = 0.5
"""Best weights before this share of the steps: the rest was of no use."""
_MOST = 1000
"""Nobody trains so many seeds to tell two methods apart."""


def advice(
    board: Leaderboard,
    plan: Plan,
    screened: Sequence[UnitRecord],
    confirmed: Sequence[UnitRecord],
) -> tuple[str, ...]:
    """What to try with more budget; nothing where the records give no reason.

    - The best of the learning rates tried was the last of its range, or after a search lies next to
      an end of it: widen it.
    - The validation scores of the best network still rose at the end, by a t-test over its seeds:
      train longer. Or its best weights came early: train no longer, regularize.
    - The best rows can't be told apart: so many seeds would, if they differ as much as they seem.

    Args:
        board: the ranking, without its advice.
        plan: its plan.
        screened, confirmed: records.
    """
    metric = get_metric(plan.metric, plan.data.task)
    row = next((each for each in board.rows if each.name == board.shipped), None)
    if row is None or plan.confirm is None:
        return ()
    return (
        *_edge(row, plan, screened, metric),
        *_length(row, confirmed, metric),
        *_apart(board, metric),
    )


def _edge(row: Row, plan: Plan, screened: Sequence[UnitRecord], metric: Metric) -> Iterator[str]:
    contender = next(c for c in plan.contenders if c.recipe.name == row.name)
    standing = next((s for s in design.standings(screened, metric) if s.recipe == row.name), None)
    if standing is None:
        return
    for path, value in contender.setting(standing.setting).items():
        if not path.endswith(".lr") or not isinstance(value, int | float):
            continue
        if plan.search is not None:
            yield from _near_an_end(row.name, contender.recipe, path, value)
            continue
        tried = sorted({float(each[path]) for each in contender.settings if path in each})
        if len(tried) < 2 or tried[0] < value < tried[-1]:
            continue
        end, way = ("smallest", "lower") if value == tried[0] else ("largest", "higher")
        yield (
            f"The best learning rate of {row.name} was the {end} tried ({value:.3g}): widen its "
            f"range to {way} ones."
        )


def _near_an_end(name: str, recipe: Recipe, path: str, value: float) -> Iterator[str]:
    """What a search tried ends anywhere in the range, so the range itself is what counts."""
    found = next((each.range for each in dimensions(recipe) if each.path == path), None)
    match found:
        case LogUniform():
            low, high = found.log_uniform
            place = math.log(value / low) / math.log(high / low)
        case Uniform():
            low, high = found.uniform
            place = (value - low) / (high - low)
        case Options():
            rates = sorted(float(x) for x in found.labels if not isinstance(x, str))
            low, high = rates[0], rates[-1]
            place = 0.0 if value == low else 1.0 if value == high else 0.5
        case _:
            return
    if _NEAR < place < 1 - _NEAR:
        return
    end, way = ("lower", "lower") if place <= _NEAR else ("upper", "higher")
    yield (
        f"The best learning rate of {name} ({value:.3g}) lies at the {end} end of its range "
        f"({low:.3g} to {high:.3g}): widen it to {way} ones."
    )


def _length(row: Row, confirmed: Sequence[UnitRecord], metric: Metric) -> Iterator[str]:
    members = [
        (member, curve)
        for record in confirmed
        for member, curve in zip(record.members, record.curves, strict=True)
        if member.member.recipe == row.name and member.status == "finished"
    ]
    gains = [gain for _, curve in members if (gain := _late_gain(curve, metric)) is not None]
    if len(gains) > 1:
        found, p = one_sample(gains, 0.0)
        if found.mean > 0 and p <= ALPHA:
            yield (
                f"{row.name} still gained {metric.format_difference(found.mean)} on validation "
                f"rows over the last {1 - _LATE:.0%} of its steps (mean of {found.n} seeds): it "
                "would use more time."
            )
            return
    shares = [member.best_step / member.steps_taken for member, _ in members if member.steps_taken]
    if len(shares) > 1 and statistics.median(shares) < _EARLY:
        yield (
            f"The best weights of {row.name} came after {statistics.median(shares):.0%} of its "
            "steps (median): more time won't help, more regularization or more data may."
        )


def _late_gain(curve: Sequence[CurvePoint], metric: Metric) -> float | None:
    """How much better the last score is than the one at `_LATE` of the steps."""
    points = [(p.step, p.score) for p in curve if p.score is not None and math.isfinite(p.score)]
    if len(points) < 2:
        return None
    last, end = points[-1]
    before = [score for step, score in points if step <= _LATE * last]
    if not before:
        return None
    return end - before[-1] if metric.greater_is_better else before[-1] - end


def _apart(board: Leaderboard, metric: Metric) -> Iterator[str]:
    """How many seeds would tell the two best methods apart."""
    rows = [r for r in board.rows if r.kind == "method" and r.test and r.test.n > 1]
    if len(rows) < 2 or not set(rows[0].groups) & set(rows[1].groups):
        return
    pair = {rows[0].name, rows[1].name}
    found = next((c for c in board.comparisons if {c.first, c.second} == pair), None)
    if found is None or found.effect is None or board.about == "data":
        return  # splits share rows: more of them don't bring the interval down to nothing
    tests = sum(each.difference.n > 1 for each in board.comparisons)
    gap = abs(found.difference.mean)
    if not gap or not found.effect:
        return
    needed = seeds_needed(gap, gap / abs(found.effect), ALPHA / tests, most=_MOST)
    shown = metric.format_difference(gap)
    if needed >= _MOST:
        yield (
            f"{rows[0].name} and {rows[1].name} came within {shown} of each other, which "
            f"{_MOST:,} seeds wouldn't tell from nothing: take the simpler one."
        )
    elif needed > found.difference.n:
        yield (
            f"If {rows[0].name} and {rows[1].name} differ as they seem to, by {shown}, about "
            f"{needed} seeds of each would tell them apart (--seeds {needed})."
        )
