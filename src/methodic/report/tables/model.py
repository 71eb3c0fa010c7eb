"""Tables of the shipped model on test rows: every score, classes, confusions, worst slices."""

from __future__ import annotations

from methodic.evidence.closer.analysis import Analysis
from methodic.evidence.closer.classes import Classes
from methodic.report import cells
from methodic.report.tables.table import Column, Table

PAIRS = 20
"""So many pairs of confused classes are listed, at most."""


def scores(found: Analysis) -> Table:
    """Every metric that fits the task."""
    return Table(
        key="scores",
        title=f"Scores of {found.model} on {found.rows:,} test rows",
        columns=(Column("metric"), Column("test", number=True)),
        rows=tuple(
            (cells.title(name), cells.score(value, name)) for name, value in found.scores.items()
        ),
        fields=("metric", "test"),
        values=tuple(found.scores.items()),
    )


def targets(found: Analysis) -> Table:
    """Each of several targets by itself, in its own units."""
    names = ("rmse", "mae", "r2")
    numbers = [
        (
            *(each.scores[name] for name in names),
            None if each.residuals is None else each.residuals.bias,
            None if each.residuals is None else each.residuals.half_width,
        )
        for each in found.targets
    ]
    shown = [
        (
            *(cells.score(x, of) for x, of in zip(values[:3], names, strict=True)),
            *(cells.NOTHING if x is None else cells.number(x) for x in values[3:]),
        )
        for values in numbers
    ]
    return Table(
        key="targets",
        title="Each target, on test rows",
        columns=(
            Column("target"),
            *(Column(cells.title(name), number=True) for name in names),
            Column("bias", number=True),
            Column("90% within ±", number=True),
        ),
        rows=tuple((t.name, *row) for t, row in zip(found.targets, shown, strict=True)),
        fields=("target", *names, "bias", "half_width"),
        values=tuple((t.name, *row) for t, row in zip(found.targets, numbers, strict=True)),
    )


def classes(found: Classes) -> Table:
    """Precision, recall and F1 of each class, or of each label."""
    word = "class" if found.confusion else "label"
    return Table(
        key="classes",
        title=f"Each {word}, on test rows",
        columns=(
            Column(word),
            *(Column(word, number=True) for word in ("rows", "precision", "recall", "F1")),
        ),
        rows=tuple(
            (row.name, f"{row.rows:,}", *(_percent(x) for x in (row.precision, row.recall, row.f1)))
            for row in found.rows
        ),
        fields=("class", "rows", "precision", "recall", "f1"),
        values=tuple((row.name, row.rows, row.precision, row.recall, row.f1) for row in found.rows),
    )


def confused(found: Classes, most: int = PAIRS) -> Table:
    """The pairs of classes that were taken for one another most often."""
    names = [row.name for row in found.rows]
    pairs = [
        (rows, i, j)
        for i, line in enumerate(found.confusion)
        for j, rows in enumerate(line)
        if i != j and rows
    ]
    pairs = sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:most]
    totals = [sum(line) for line in found.confusion]
    return Table(
        key="confused",
        title="Classes taken for others most often",
        columns=(
            Column("true class"),
            Column("predicted"),
            Column("rows", number=True),
            Column("of that class", number=True),
        ),
        rows=tuple(
            (names[i], names[j], f"{rows:,}", _percent(rows / totals[i])) for rows, i, j in pairs
        ),
        fields=("true", "predicted", "rows", "share"),
        values=tuple((names[i], names[j], rows, rows / totals[i]) for rows, i, j in pairs),
    )


def slices(found: Analysis, metric: str) -> Table:
    """Where the model does worse than on the rest of the rows; ``metric`` scores both.

    Of several targets the errors are in deviations of each.
    """
    title = "RMS error in deviations" if found.targets else cells.title(metric)
    written = "rms_in_deviations" if found.targets else metric
    return Table(
        key="slices",
        title="Where the model does worse than elsewhere",
        columns=(
            Column("rows with"),
            Column("rows", number=True),
            Column(f"{title}, there", number=True),
            Column("elsewhere", number=True),
            Column("p after Holm", number=True),
        ),
        rows=tuple(
            (
                f"{each.column}: {each.value}",
                f"{each.rows:,}",
                cells.score(each.score, metric),
                cells.score(each.rest, metric),
                cells.probability(each.p),
            )
            for each in found.slices
        ),
        fields=("column", "value", "rows", "metric", "score", "rest", "p_holm"),
        values=tuple(
            (each.column, each.value, each.rows, written, each.score, each.rest, each.p)
            for each in found.slices
        ),
    )


def _percent(x: float | None) -> str:
    return cells.NOTHING if x is None else f"{100 * x:.1f}%"
