"""Tables of what methods cost, and how soon they were good."""

from __future__ import annotations

from collections.abc import Sequence

from methodic.evidence.anytime import Anytime, Point, Reached
from methodic.evidence.cost import Cost
from methodic.report import cells
from methodic.report.tables.table import Column, Table


def cost(found: Sequence[Cost]) -> Table:
    """Parameters, bytes, prediction and training time of each confirmed row."""
    return Table(
        key="cost",
        title="What each one costs",
        columns=(
            Column("model"),
            *(
                Column(word, number=True)
                for word in ("parameters", "size", "a row of many", "a row alone", "training")
            ),
        ),
        rows=tuple(
            (
                each.name.replace("_", " ") if each.parameters is None else each.name,
                f"{each.parameters:,}" if each.parameters else cells.NOTHING,
                cells.size(each.bytes),
                cells.brief(each.row_microseconds / 1e6),
                cells.brief(each.single_milliseconds / 1e3),
                cells.seconds(each.seconds),
            )
            for each in found
        ),
        fields=(
            *("name", "parameters", "bytes", "row_microseconds"),
            *("single_milliseconds", "training_seconds"),
        ),
        values=tuple(
            (
                *(each.name, each.parameters, each.bytes, each.row_microseconds),
                *(each.single_milliseconds, each.seconds),
            )
            for each in found
        ),
    )


def anytime(found: Sequence[Anytime], metric: str) -> Table:
    """The mean validation score at parts of the training, and the time to the target."""
    fractions = sorted({point.fraction for each in found for point in each.points})
    target = next((each.reached.target for each in found if each.reached), None)
    at = [{point.fraction: point for point in each.points} for each in found]
    parts = [f"{100 * fraction:.0f}" for fraction in fractions]
    columns = [Column("method"), *(Column(f"at {part}%", number=True) for part in parts)]
    if target is not None:
        columns.append(Column(f"time to {cells.score(target, metric)}", number=True))
    return Table(
        key="anytime",
        title="Validation scores along the way",
        columns=tuple(columns),
        rows=tuple(
            (
                each.name,
                *(_score(points.get(fraction), metric) for fraction in fractions),
                *([_until(each.reached)] if target is not None else []),
            )
            for each, points in zip(found, at, strict=True)
        ),
        fields=(
            *("name", "seeds", "metric"),
            *(f"{word}_{part}" for part in parts for word in ("score", "step", "seconds")),
            *("target", "reached", "seconds_to_target"),
        ),
        values=tuple(
            (
                *(each.name, each.seeds, metric),
                *(x for fraction in fractions for x in _at(points.get(fraction))),
                *_reached(each.reached),
            )
            for each, points in zip(found, at, strict=True)
        ),
    )


def _score(point: Point | None, metric: str) -> str:
    return cells.NOTHING if point is None else cells.score(point.score.mean, metric)


def _at(point: Point | None) -> tuple[object, ...]:
    return (None,) * 3 if point is None else (point.score.mean, point.step, point.seconds)


def _until(reached: Reached | None) -> str:
    """When half of the seeds had reached the target; else how many ever did."""
    if reached is None or not reached.share:
        return "never"
    if reached.seconds is None:
        return f"{cells.share(reached.share)} of seeds"
    return cells.seconds(reached.seconds)


def _reached(reached: Reached | None) -> tuple[object, ...]:
    return (None,) * 3 if reached is None else (reached.target, reached.share, reached.seconds)
