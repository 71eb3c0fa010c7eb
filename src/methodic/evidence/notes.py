"""What a reader of the ranking has to know beside the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from methodic.evidence.confirmation import Confirmed
from methodic.evidence.statistics import ALPHA
from methodic.plan import RunState

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Comparison, Row


def notes(
    state: RunState,
    rows: Sequence[Row],
    measured: Confirmed,
    comparisons: Sequence[Comparison],
) -> tuple[str, ...]:
    """Sentences on what is missing, what diverged, and what intervals and letters are about."""
    return (*_missing(state), *_diverged(rows, measured), *_meaning(rows, comparisons))


def _missing(state: RunState) -> Iterator[str]:
    if state.status != "finished":
        yield "The run is not finished; this ranking is of what it has measured so far."
    yield from state.notes
    for amendment in state.amendments:
        plural = "s" if len(amendment.blocks) > 1 else ""
        blocks = ", ".join(map(str, amendment.blocks))
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


def _meaning(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> Iterator[str]:
    if any(row.test and row.test.n > 1 for row in rows):
        yield (
            "Intervals are 95% Student-t intervals over seeds: how much a score depends on the "
            "seed, on this one split of the data; not how it would change with other rows."
        )
    if tested := sum(each.difference.n > 1 for each in comparisons):
        plural = "s" if tested > 1 else ""
        yield (
            f"Rows that share a letter can't be told apart: {tested} t-test{plural} over seeds, "
            f"Holm's correction, level {ALPHA:.0%}."
        )
    if sum(row.kind == "baseline" and row.test is not None for row in rows) > 1:
        yield (
            "Baselines are fitted once, without seeds: two of them are told apart by any "
            "difference in score, untested."
        )
