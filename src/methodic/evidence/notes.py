"""What a reader of the ranking has to know beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from methodic.evidence.confirmation import Confirmed
from methodic.evidence.numbers.statistics import ALPHA
from methodic.metrics import Metric
from methodic.plan import Plan, RunState

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Comparison, Row


def notes(
    state: RunState,
    rows: Sequence[Row],
    measured: Confirmed,
    comparisons: Sequence[Comparison],
    crossed: bool = False,
    group: str | None = None,
    together: bool = False,
) -> tuple[str, ...]:
    """Sentences on what is missing, what diverged, and what intervals and letters are about.

    Args:
        state, rows, measured, comparisons: of the ranking.
        crossed: each seed had its own split, in repeated cross-validation.
        group: the column of the rows that belong together.
        together: one search chose among all methods.
    """
    return (
        *_missing(state, together),
        *_diverged(rows, measured),
        *_meaning(rows, comparisons, crossed, group),
    )


def seen(least: tuple[float, int] | None, plan: Plan, metric: Metric) -> tuple[str, ...]:
    """Which difference this confirmation could have seen, and whether that is what was wanted.

    Args:
        least: the smallest one, and the seeds of each method; None where nothing was tested.
        plan: may name the difference that was to be found.
        metric: of the scores.
    """
    if least is None:
        return ()
    detectable, seeds = least
    told = (
        f"A difference of {metric.format_difference(detectable)} between two methods would have "
        "been found with a power of 80%; smaller ones may have been missed"
    )
    wanted = None if plan.confirm is None else plan.confirm.detect
    if wanted is None:
        return (f"{told}.",)
    shown = metric.format_difference(wanted)
    if detectable > wanted:
        # The detectable difference falls with the root of the number of seeds.
        more = math.ceil(seeds * (detectable / wanted) ** 2)
        return (f"{told}. Asked for were {shown}: on test rows that takes about {more:,} seeds.",)
    return (f"{told}. Asked for were {shown}.",)


def _missing(state: RunState, together: bool) -> Iterator[str]:
    if state.status != "finished":
        yield "The run is not finished; this ranking is of what it has measured so far."
    yield from state.notes
    for amendment in state.amendments:
        if amendment.phase == "ablate":
            continue  # the table of the ablation says on how many seeds it rests
        if amendment.phase == "search":
            most = max(amendment.blocks)
            whose = "in all" if together else "of each method"
            yield f"The search ended after {most} settings {whose} ({amendment.reason})."
            continue
        first, last, count = min(amendment.blocks), max(amendment.blocks), len(amendment.blocks)
        plural = "s" if count > 1 else ""
        whole = count > 2 and last - first + 1 == count
        blocks = f"{first} to {last}" if whole else ", ".join(map(str, amendment.blocks))
        yield (
            f"Dropped from '{amendment.phase}' for every method alike: block{plural} {blocks} "
            f"of seeds ({amendment.reason})."
        )


def _diverged(rows: Sequence[Row], measured: Confirmed) -> Iterator[str]:
    for row in rows:
        if row.diverged:
            yield f"{row.name}: {row.diverged} of {row.members} models diverged."
        if lost := len(measured.lost.get(row.name, ())):
            kept = len(measured.scores.get(row.name, ()))
            late = "; it ranks after the others" if kept and measured.unreliable(row.name) else ""
            yield (
                f"{row.name}: {lost} of {lost + kept} confirmed models have no test score; "
                f"their seeds are left out of its mean and of its pairs{late}."
            )


def _meaning(
    rows: Sequence[Row], comparisons: Sequence[Comparison], crossed: bool, group: str | None
) -> Iterator[str]:
    over = "splits" if crossed else "seeds"
    confirmed = [row for row in rows if row.kind == "method" and row.test]
    if any(row.test and row.test.n > 1 for row in rows) and crossed:
        yield (
            "Intervals are 95% Student-t intervals over splits, corrected for rows that splits "
            "share (Nadeau and Bengio 2003): how much a score depends on the data, the initial "
            "weights and the order together; they are about other data of this kind."
        )
    elif any(row.test and row.test.n > 1 for row in rows):
        yield (
            "Intervals are 95% Student-t intervals over seeds: how much a score depends on the "
            "seed, on this one split of the data; not how it would change with other rows."
        )
    elif confirmed:
        yield "There is one seed of each method: no interval, and no test of a difference."
    if any(row.rows for row in rows):
        yield (
            "Intervals over rows are 95% bootstrap intervals: how much the same models' scores "
            "would change with other test rows of this kind"
            + (f", where rows of one '{group}' come together." if group is not None else ".")
        )
    if tested := sum(each.difference.n > 1 for each in comparisons):
        plural = "s" if tested > 1 else ""
        yield (
            f"Rows that share a letter can't be told apart: {tested} t-test{plural} over {over}, "
            f"Holm's correction, level {ALPHA:.0%}."
        )
    if sum(row.kind == "baseline" and row.test is not None for row in rows) > 1 and not crossed:
        yield (
            "Baselines are fitted once, without seeds: two of them are told apart by any "
            "difference in score, untested."
        )
