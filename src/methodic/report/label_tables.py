"""What `labels` shows: methods by numbers of labels, and what unlabelled rows were worth there."""

from __future__ import annotations

from methodic.evidence.label_curve import LabelCurve, Point
from methodic.evidence.worth import sentence
from methodic.metrics import METRICS
from methodic.report import cells
from methodic.report.tables.table import Column, Table, csv, markdown


def table(found: LabelCurve) -> Table:
    """A row for each method, a column for each number of labels."""
    return Table(
        key="labels",
        title=f"{cells.title(found.metric)} on test rows, by labels",
        columns=(Column("method"), *(Column(_title(each), number=True) for each in found.points)),
        rows=tuple(
            (name, *(cells.interval(each.scores.get(name), found.metric) for each in found.points))
            for name in found.methods
        ),
        fields=("method", "labels", "rows", "unlabelled", "metric", "mean", "low", "high", "n"),
        values=tuple(
            (
                *(name, each.labels, each.rows, each.unlabelled, found.metric),
                *(score.mean, score.low, score.high, score.n),
            )
            for name in found.methods
            for each in found.points
            if (score := each.scores.get(name)) is not None
        ),
    )


def words(found: LabelCurve) -> list[str]:
    """What rows without a target were worth at each number of labels, and what intervals mean."""
    metric = METRICS[found.metric]
    told = [
        f"{each.labels} of the labels: {sentence(each.worth, metric, one_split=True)}"
        for each in found.points
        if each.worth is not None
    ]
    return [
        *told,
        "Intervals are over seeds, with the same labelled rows for all of them; a smaller set of "
        "labels is part of each larger one. Columns say how many training rows keep their target.",
    ]


def text(found: LabelCurve, kind: str) -> str:
    """The curve as a file, "csv" or "md"."""
    if kind == "csv":
        return csv(table(found))
    return "\n".join([markdown(table(found)), *(f"- {each}" for each in words(found))]) + "\n"


def _title(point: Point) -> str:
    rows = f"{point.rows:,} rows"
    return f"{point.labels} ({rows})" if point.labels.endswith("%") else rows
