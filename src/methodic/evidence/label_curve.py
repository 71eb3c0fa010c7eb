"""What methods reach with more and more labels: finished runs on the same rows, put in order."""

from __future__ import annotations

from collections.abc import Sequence

from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.numbers.statistics import Interval
from methodic.evidence.worth import Worth
from methodic.plan import FORMAT, Plan, Value

NAME = "labels.json"
"""Of the file beside the runs."""
ASKED = "asked.json"
"""Of what was asked for, so that the same words go on."""


class Point(Value):
    """A run in which so many rows kept their targets."""

    labels: str  # as it was asked for: "100", "5%"
    rows: int  # training rows with a target
    unlabelled: int  # training rows without
    run: str  # its folder, beside the curve
    scores: dict[str, Interval]  # name of a method or baseline → on test rows
    worth: Worth | None = None  # what rows without a target were worth


class LabelCurve(Value):
    """Methods at several numbers of labels, the fewest first."""

    format: int = FORMAT
    metric: str
    greater_is_better: bool
    points: tuple[Point, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """All names, the best with the fewest labels first."""
        found: dict[str, None] = {}
        for point in self.points:
            sign = -1 if self.greater_is_better else 1
            means = {name: sign * score.mean for name, score in point.scores.items()}
            found |= dict.fromkeys(sorted(means, key=means.__getitem__))
        return tuple(found)


def label_curve(runs: Sequence[tuple[str, str, Plan, Leaderboard]]) -> LabelCurve:
    """The curve of finished runs.

    Args:
        runs: labels as they were asked for, folder, plan and ranking of each, the fewest labels
            first; at least one.
    """
    board = runs[0][3]
    return LabelCurve(
        metric=board.metric,
        greater_is_better=board.greater_is_better,
        points=tuple(
            Point(
                labels=labels,
                rows=plan.data.rows[0],
                unlabelled=plan.data.unlabelled,
                run=folder,
                scores={row.name: row.test for row in each.rows if row.test is not None},
                worth=each.worth,
            )
            for labels, folder, plan, each in runs
        ),
    )
